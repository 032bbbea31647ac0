#include "report/folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "sample_results.hpp"
#include "temporary_folder.hpp"

namespace loadline {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

/// A folder of its own for each test, gone afterwards.
class Folder : public testing::Test {
protected:
    static std::string text_of(const fs::path& path) {
        std::ifstream in{path};
        std::ostringstream text;
        text << in.rdbuf();
        return text.str();
    }
    static std::vector<std::string> names_in(const fs::path& path) {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator{path})
            names.push_back(entry.path().filename());
        return names;
    }

    const TemporaryFolder root_;
};

const std::chrono::system_clock::time_point at{std::chrono::seconds{1'795'248'000}};

TEST_F(Folder, KeepsTheRecordingOfTheSockets) {
    auto folder = RunFolder::create(root_ / "sockets");
    ASSERT_TRUE(folder);
    folder->record_sockets("{\"v\":1}");
    folder->record_sockets("{\"v\":1,\"end\":{}}");
    EXPECT_EQ(text_of(folder->path() / "sockets.jsonl"), "{\"v\":1}\n{\"v\":1,\"end\":{}}\n");
    ASSERT_TRUE(folder->write_all(samples::passing_run(), ""));
    EXPECT_EQ(text_of(folder->path() / "sockets.jsonl"), "{\"v\":1}\n{\"v\":1,\"end\":{}}\n");
}

TEST_F(Folder, HoldsEveryFileAndNothingElse) {
    const auto folder = RunFolder::create(root_ / "a" / "b");
    ASSERT_TRUE(folder) << folder.error().message;
    EXPECT_TRUE(names_in(folder->path()).empty());  // the proof is gone
    const auto written = folder->write_all(samples::confirmed_search(), "{\n  \"loadline\": 1\n}");
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_THAT(
        names_in(folder->path()),
        UnorderedElementsAreArray({"summary.json", "timeline.jsonl", "latency.hlog", "latency.hgrm",
                                   "report.html", "certificate.md", "scenario.effective.json"}));
    EXPECT_EQ(text_of(folder->path() / "scenario.effective.json"), "{\n  \"loadline\": 1\n}\n");
    const auto summary = nlohmann::json::parse(text_of(folder->path() / "summary.json"));
    EXPECT_EQ(summary["verdict"]["word"], "PASS");
    std::istringstream lines{text_of(folder->path() / "timeline.jsonl")};
    std::size_t seconds = 0;
    for (std::string line; std::getline(lines, line); ++seconds) {
        EXPECT_TRUE(nlohmann::json::parse(line).contains("t_s"));
    }
    EXPECT_EQ(seconds, samples::confirmed_search().measurement.timeline.size());
    const auto hlog = text_of(folder->path() / "latency.hlog");
    for (const char* tag : {"\nTag=session-check,", "\nTag=bet,", "\nTag=settle,"}) {
        EXPECT_THAT(hlog, HasSubstr(tag));
    }
    EXPECT_THAT(text_of(folder->path() / "latency.hgrm"),
                HasSubstr("Total count    =        53856]"));
}

TEST_F(Folder, TheTimelineIsThereWhileTheRunGoesOn) {
    auto folder = RunFolder::create(root_ / "run");
    ASSERT_TRUE(folder.has_value());
    const auto result = samples::passing_run();
    const auto& timeline = result.measurement.timeline;
    folder->record(timeline[0]);
    folder->record(timeline[1]);
    const auto so_far = text_of(folder->path() / "timeline.jsonl");
    EXPECT_EQ(std::count(so_far.begin(), so_far.end(), '\n'), 2);
    ASSERT_TRUE(folder->write_all(result, "").has_value());
    EXPECT_EQ(text_of(folder->path() / "timeline.jsonl"), so_far);
}

TEST_F(Folder, HostileTextIsWrittenAsWell) {
    const auto folder = RunFolder::create(root_ / "x");
    const auto written = folder->write_all(samples::hostile_run(), "");
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_FALSE(fs::exists(folder->path() / "scenario.effective.json"));  // there was no scenario
    const auto summary = nlohmann::json::parse(text_of(folder->path() / "summary.json"));
    EXPECT_THAT(summary["results"]["examples"][0]["text"].get<std::string>(),
                testing::EndsWith("\xEF\xBF\xBD\xEF\xBF\xBD"));
}

TEST_F(Folder, DefaultNameIsScenarioAndTimeAndNeverAnotherRuns) {
    const struct {
        const char* scenario;
        const char* want;
    } rows[] = {
        {"bet-day", "bet-day/20261121T080000Z"},
        {"bet-day", "bet-day/20261121T080000Z-2"},
        {"bet-day", "bet-day/20261121T080000Z-3"},
        {"../../etc/x y", "_._.._etc_x_y/20261121T080000Z"},
        {"..", "_./20261121T080000Z"},
        {"", "scenario/20261121T080000Z"},
        {"é", "__/20261121T080000Z"},
    };
    for (const auto& [scenario, want] : rows) {
        SCOPED_TRACE(want);
        const auto folder = RunFolder::create_default(scenario, at, root_.path);
        ASSERT_TRUE(folder) << folder.error().message;
        EXPECT_EQ(folder->path(), root_ / want);
        EXPECT_TRUE(fs::is_directory(folder->path()));
    }
}

TEST_F(Folder, ThatCannotBeUsedIsAUsageErrorNamingPathAndReason) {
    std::ofstream{root_ / "file"} << "x";
    const struct {
        fs::path path;
        const char* why;
    } rows[] = {
        {root_ / "file", "Not a directory"},
        {root_ / "file" / "below", "Not a directory"},
        {"/proc/loadline-out", "No such file or directory"},
    };
    for (const auto& [path, why] : rows) {
        SCOPED_TRACE(path);
        const auto folder = RunFolder::create(path);
        ASSERT_FALSE(folder);
        EXPECT_EQ(folder.error().kind, ErrorKind::usage);
        EXPECT_EQ(folder.error().message,
                  "the report folder " + path.string() + " cannot be used: " + why);
    }
    const auto folder = RunFolder::create_default("bet", at, root_ / "file");
    ASSERT_FALSE(folder);
    EXPECT_EQ(folder.error().message, "the report folder " + (root_ / "file" / "bet").string() +
                                          " cannot be used: Not a directory");
}

TEST_F(Folder, ThatTakesNoFilesIsFoundOutBeforehand) {
    // /proc/<pid> is a folder in which nobody may create a file, root neither.
    const auto folder = RunFolder::create("/proc/self");
    ASSERT_FALSE(folder);
    EXPECT_EQ(folder.error().kind, ErrorKind::usage);
    EXPECT_THAT(folder.error().message, HasSubstr("the report folder /proc/self cannot be used: "));
}

TEST_F(Folder, AFullDiskIsAnOutputErrorAndLeavesNoHalfFile) {
    const auto folder = RunFolder::create(root_ / "full");
    ASSERT_TRUE(folder);
    // In a process of its own: the limit on file sizes stands for the disk that fills.
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{2000, 2000};
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(10);
        const auto written = folder->write_all(samples::passing_run(), "{}\n");
        const auto want =
            (root_ / "full" / "summary.json").string() + " could not be written: File too large";
        ::_exit(written                                     ? 11
                : written.error().kind != ErrorKind::output ? 12
                : written.error().message != want           ? 13
                                                            : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_THAT(names_in(folder->path()), UnorderedElementsAreArray({"scenario.effective.json"}));
}

TEST_F(Folder, AFolderThatVanishedIsAnOutputError) {
    const auto folder = RunFolder::create(root_ / "gone");
    fs::remove_all(root_ / "gone");
    const auto written = folder->write_all(samples::passing_run(), "{}\n");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().kind, ErrorKind::output);
    EXPECT_EQ(written.error().message, (root_ / "gone" / "summary.json").string() +
                                           " could not be written: No such file or directory");
}

TEST_F(Folder, AWriterThatThrowsIsAnOutputError) {
    const auto folder = RunFolder::create(root_.path);
    const auto written =
        folder->write_file("x.txt", [](std::ostream&) { throw std::runtime_error{"no memory"}; });
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().message,
              (root_ / "x.txt").string() + " could not be written: no memory");
    EXPECT_TRUE(names_in(root_.path).empty());
}

TEST_F(Folder, ALargeFileArrivesWhole) {
    const auto folder = RunFolder::create(root_.path);
    const std::string large(1'000'003, 'x');
    ASSERT_TRUE(folder->write_file("x.txt", [&](std::ostream& out) { out << large; }));
    EXPECT_EQ(text_of(root_ / "x.txt"), large);
}

}  // namespace
}  // namespace loadline

// `loadline watch` against servers of known behaviour in this process.
#include "cli/command_watch.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/stop.hpp"
#include "temporary_folder.hpp"
#include "watch_server.hpp"

namespace loadline {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

struct Watched {
    int exit = -1;
    std::string out, err;
};

Watched run_watch(std::uint16_t port, Duration length, Duration tau, bool json = false) {
    WatchCommandOptions options;
    options.port = port;
    options.length = length;
    options.tau = tau;
    options.json = json;
    std::ostringstream out;
    CaptureStderr();
    const int exit = watch_command(options, out);
    return {exit, out.str(), GetCapturedStderr()};
}

/// What the command line does with these arguments; nothing is watched when they are wrong.
Watched parse_and_run(const std::string& arguments) {
    CLI::App app;
    std::function<int()> run;
    auto* watch = add_watch_command(app, run);
    Watched result;
    watch->callback([&] { result.exit = run(); });
    CaptureStderr();
    try {
        app.parse(arguments);
    } catch (const CLI::ParseError& e) {
        result.exit = 2;
        result.out = e.what();
    }
    result.err = GetCapturedStderr();
    return result;
}

TEST(WatchCommand, PrintsALineASecondAndOkForAHealthyServer) {
    ListeningSocket server{AF_INET, 0, 50};
    auto connections = connect_and_accept(server, 3);
    const auto result = run_watch(server.port(), seconds(2), seconds(1));
    EXPECT_EQ(result.exit, 0) << result.out;
    EXPECT_EQ(result.err, "");
    std::istringstream lines{result.out};
    std::string line;
    std::getline(lines, line);
    EXPECT_THAT(line, testing::StartsWith(
                          fmt::format("watching port {}, pid {}: ", server.port(), ::getpid())));
    std::getline(lines, line);
    EXPECT_EQ(line,
              "   time     queue  ESTABLISHED  CLOSE_WAIT   >= 1s  FIN_WAIT2  fds/limit full in");
    for (const char* time : {"1 s", "2 s"}) {
        std::getline(lines, line);
        std::istringstream words{line};
        std::vector<std::string> row{std::istream_iterator<std::string>{words}, {}};
        ASSERT_EQ(row.size(), 9U) << line;
        EXPECT_EQ(row[0] + " " + row[1], time);
        row.erase(row.begin(), row.begin() + 2);
        EXPECT_THAT(row, testing::ElementsAre("0/50", "3", "0", "0", "0",
                                              ContainsRegex("^[0-9]+/[0-9]+$"), "-"));
    }
    std::getline(lines, line);
    EXPECT_EQ(line, "");
    std::getline(lines, line);
    EXPECT_EQ(line, "OK  no socket is in CLOSE_WAIT for 1.00 s or longer");
    EXPECT_FALSE(std::getline(lines, line));
}

TEST(WatchCommand, ConfirmsALeakAndShowsTheSockets) {
    ListeningSocket server;
    auto connections = connect_and_accept(server, 4);
    close_clients(connections);
    const auto result = run_watch(server.port(), seconds(1.5), milliseconds(500));
    EXPECT_EQ(result.exit, 1);
    EXPECT_THAT(result.out, HasSubstr("\nLEAK_CONFIRMED  4 sockets are in CLOSE_WAIT for 500 ms or "
                                      "longer: 4 EOF read and not closed; 4 of them for 1.00 s or "
                                      "longer (pid "));
    EXPECT_THAT(
        result.out,
        ContainsRegex("\n  127\\.0\\.0\\.1:[0-9]+ +1\\.[0-9]+ s to 1\\.[0-9]+ s +EOF read and "
                      "not closed +never reaps it\n"));
}

TEST(WatchCommand, IsInconclusiveWhenWatchedForLessThanTau) {
    ListeningSocket server;
    const auto result = run_watch(server.port(), milliseconds(300), seconds(5));
    EXPECT_EQ(result.exit, 4);
    EXPECT_THAT(result.out, HasSubstr("\nINCONCLUSIVE  watched for "));
    EXPECT_THAT(result.out, HasSubstr(" only, less than tau (5.00 s)\n"));
}

TEST(WatchCommand, SaysWhenNothingListens) {
    ListeningSocket server;
    server.close();
    const auto result = run_watch(server.port(), seconds(5), seconds(1));
    EXPECT_EQ(result.exit, 3);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err,
              fmt::format("error: nothing listens on port {} in this network namespace\n",
                          server.port()));
}

TEST(WatchCommand, WritesJsonLines) {
    ListeningSocket server;
    auto connections = connect_and_accept(server, 4);
    close_clients(connections);
    const auto result = run_watch(server.port(), seconds(1.5), milliseconds(500), true);
    std::istringstream lines{result.out};
    std::string line;
    ASSERT_TRUE(std::getline(lines, line));
    const auto sample = nlohmann::json::parse(line);
    EXPECT_EQ(sample["type"], "sample");
    EXPECT_EQ(sample["t_s"], 1.0);
    EXPECT_EQ(sample["states"]["CLOSE_WAIT"], 4);
    EXPECT_EQ(sample["stale"], 4);
    ASSERT_TRUE(std::getline(lines, line));
    const auto verdict = nlohmann::json::parse(line);
    EXPECT_EQ(verdict["type"], "verdict");
    EXPECT_EQ(verdict["word"], "LEAK_CONFIRMED");
    EXPECT_EQ(verdict["leaked"], 4);
    EXPECT_EQ(verdict["classes"]["EOF read and not closed"], 4);
    EXPECT_EQ(verdict["tau_s"], 0.5);
    EXPECT_EQ(verdict["pid"], ::getpid());
    EXPECT_EQ(verdict["oldest"].size(), 4U);
    EXPECT_EQ(verdict["oldest"][0]["class"], "EOF read and not closed");
    EXPECT_FALSE(std::getline(lines, line));
}

TEST(WatchCommand, JudgesItsRecordingAgainToTheSameVerdict) {
    std::string recording, last;
    int samples = 0, born = 0;
    // The watcher pauses for up to 2 s where samples cost much, as on a busy machine: then longer.
    for (const double length : {1.8, 14.0}) {
        ListeningSocket server;
        auto connections = connect_and_accept(server, 4);
        WatchCommandOptions options;
        options.port = server.port();
        options.length = seconds(length);
        options.tau = milliseconds(300);
        options.jsonl = true;
        std::jthread client{[&] {
            std::this_thread::sleep_for(std::chrono::milliseconds{300});
            close_clients(connections);
        }};
        std::ostringstream out;
        EXPECT_EQ(watch_command(options, out), 1) << out.str();
        recording = out.str();
        std::istringstream lines{recording};
        samples = born = 0;
        for (std::string line; std::getline(lines, line); last = line) {
            const auto json = nlohmann::json::parse(line);
            samples += json.contains("states");
            born += json.contains("born") ? static_cast<int>(json["born"].size()) : 0;
        }
        if (samples >= 6) break;
    }
    EXPECT_GE(samples, 6);
    EXPECT_EQ(born, 4);
    EXPECT_EQ(nlohmann::json::parse(last)["word"], "LEAK_CONFIRMED");

    const TemporaryFolder folder;
    folder.write("recording", recording);
    WatchCommandOptions again;
    again.replay = folder / "recording";
    again.json = true;
    std::ostringstream replayed;
    EXPECT_EQ(watch_command(again, replayed), 1);
    EXPECT_EQ(replayed.str(), last + "\n");
    again.json = false;
    std::ostringstream text;
    EXPECT_EQ(watch_command(again, text), 1);
    EXPECT_THAT(text.str(),
                testing::StartsWith("LEAK_CONFIRMED  4 sockets are in CLOSE_WAIT for "));
}

TEST(WatchCommand, FailsWhenItsOutputCannotBeWritten) {
    ListeningSocket server;
    WatchCommandOptions options;
    options.port = server.port();
    std::ostream closed{nullptr};  // every write fails
    CaptureStderr();
    EXPECT_EQ(watch_command(options, closed), 70);
    EXPECT_EQ(GetCapturedStderr(),
              "error: the watch could not be written: stdout is closed or full\n");
}

TEST(WatchCommand, RefusesWrongArguments) {
    const struct {
        const char* arguments;
        const char* message;
    } rows[] = {
        {"watch", "error: watch takes --port N, or --replay FILE\n"},
        {"watch --port 80 --replay x", "error: watch takes --port N, or --replay FILE\n"},
        {"watch --replay x --for 5s",
         "error: --replay goes with --json and --strict-sockets only\n"},
        {"watch --replay /nowhere", "error: /nowhere: No such file or directory\n"},
        {"watch --port 80 --json --jsonl", "--json excludes --jsonl"},
        {"watch --port 0", "--port: Value 0 not in range 1 to 65535"},
        {"watch --port 70000", "--port: Value 70000 not in range 1 to 65535"},
        {"watch --port 80 --pid me", "error: --pid: \"me\" is not a process id or auto\n"},
        {"watch --port 80 --pid -4", "error: --pid: \"-4\" is not a process id or auto\n"},
        {"watch --port 80 --pid 2147483646",
         "error: --pid: no process 2147483646 is visible here\n"},
        {"watch --port 80 --watch-container-pid auto",
         "error: --watch-container-pid: \"auto\" is not a process id\n"},
        {"watch --port 80 --watch-container-pid 2147483646",
         "error: --watch-container-pid: no process 2147483646 is visible here\n"},
        {"watch --replay x --watch-container-pid 1",
         "error: --replay goes with --json and --strict-sockets only\n"},
        {"watch --port 80 --for 5",
         "error: --for: duration \"5\" is not like 250ms, 10s or 1m30s\n"},
        {"watch --port 80 --for 0", "error: --for: must be above zero\n"},
        {"watch --port 80 --redis redis://127.0.0.1",
         "error: --redis needs --run ID: the one that run or search are given with --watch-from\n"},
        {"watch --port 80 --run a", "error: --run goes with --redis, which is missing\n"},
        {"watch --port 80 --redis rediss://127.0.0.1 --run a",
         "error: --redis: only redis:// carries the stream, not rediss\n"},
        {"watch --port 80 --redis redis://127.0.0.1/a --run a",
         "error: --redis: behind the host there may be the number of a database, not \"a\"\n"
         "   hint: the run's ID is given as --run ID\n"},
        {"watch --port 80 --redis redis://127.0.0.1 --run a/b",
         "error: --run: \"a/b\" is no run ID: 1 to 64 letters, digits, dots, dashes and "
         "underscores\n"},
        {"watch --replay x --redis redis://127.0.0.1 --run a",
         "error: --replay goes with --json and --strict-sockets only\n"},
        {"watch --port 80 --socket-tau 0s", "error: --socket-tau: must be above zero\n"},
    };
    for (const auto& [arguments, message] : rows) {
        const auto result = parse_and_run(arguments);
        EXPECT_EQ(result.exit, 2) << arguments;
        EXPECT_EQ(result.out + result.err, message) << arguments;
    }
}

TEST(WatchCommand, CtrlCEndsTheWatchAndStillJudges) {
    ListeningSocket server;
    auto connections = connect_and_accept(server, 4);
    close_clients(connections);
    const auto interrupted = [&] {  // in a child: the stop flag stays set
        catch_stop_signals();
        std::jthread ctrl_c{[] {
            std::this_thread::sleep_for(std::chrono::milliseconds{700});
            std::raise(SIGINT);
        }};
        WatchCommandOptions options;
        options.port = server.port();
        options.tau = milliseconds(300);
        std::ostringstream out;
        const int exit = watch_command(options, out);
        std::fputs(out.str().c_str(), stderr);
        ctrl_c.join();
        std::_Exit(exit);
    };
    EXPECT_EXIT(interrupted(), testing::ExitedWithCode(1), "LEAK_CONFIRMED  4 sockets");
}

}  // namespace
}  // namespace loadline

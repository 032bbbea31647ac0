#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/rng.hpp"
#include "stats/hlog.hpp"
#include "temporary_folder.hpp"

// Writes a log of three steps over ten intervals, and beside it, as FILE.expected, what
// the percentiles of each step are. test_hlog_reader.py names the file in LOADLINE_HLOG
// and holds an independent reader against it; without that, this reads its own log back.

namespace loadline {
namespace {

constexpr double percents[] = {25, 50, 75, 90, 99, 99.9, 99.99, 99.999, 100};
constexpr int intervals = 10;

/// Step by step: ordinary latencies; some without an answer; a few values far apart.
void fill(std::map<std::string, Histogram>& steps, Rng& rng) {
    for (int i = 0; i < 20'000; ++i) {
        steps["place_bet"].record(Duration{std::llround(2e6 * (0.2 + rng.exponential()))});
    }
    for (int i = 0; i < 1000; ++i) {
        const bool answered = rng.uniform() < 0.98;
        steps["settle"].record(answered ? Duration{std::llround(50e6 * rng.exponential())}
                                        : Histogram::unanswered);
    }
    for (const std::int64_t ns : {1LL, 2047LL, 2048LL, 999'999'999LL, 10'000'000'000LL}) {
        steps["rare"].record(Duration{ns});
    }
}

void write_log(const std::filesystem::path& path, std::map<std::string, Histogram>& totals) {
    std::ofstream out{path};
    HlogWriter writer{out,
                      std::chrono::system_clock::time_point{std::chrono::seconds{1'760'000'000}}};
    Rng rng{42};
    for (int i = 0; i < intervals; ++i) {
        std::map<std::string, Histogram> steps;
        if (i != 5) fill(steps, rng);  // the sixth second is empty
        for (const char* name : {"place_bet", "settle", "rare"}) {
            writer.write(name, std::chrono::seconds{i}, std::chrono::seconds{1}, steps[name]);
            totals[name].merge(steps[name]);
        }
    }
}

/// "place_bet rows 10 count 180000 1234 5678 ...": of each percentile its bucket's lowest value, in
/// ns.
std::string describe(const std::string& tag, const Histogram& histogram) {
    std::string line =
        tag + " rows " + std::to_string(intervals) + " count " + std::to_string(histogram.count());
    for (const double percent : percents) {
        const auto ns = static_cast<std::uint64_t>(histogram.quantile(percent / 100).count());
        line += ' ' + std::to_string(Histogram::lowest_at(Histogram::index_of(ns)));
    }
    return line;
}

TEST(HlogPercentiles, ALogCarriesTheCountsOfEveryStep) {
    const char* wanted = std::getenv("LOADLINE_HLOG");
    const TemporaryFolder folder;
    const std::filesystem::path path = wanted != nullptr ? wanted : folder / "log";
    std::map<std::string, Histogram> totals;
    write_log(path, totals);
    if (wanted != nullptr) {
        std::ofstream expected{path.string() + ".expected"};
        for (const auto& [tag, histogram] : totals) expected << describe(tag, histogram) << '\n';
    }

    std::ifstream in{path};
    std::map<std::string, Histogram> read;
    for (std::string line; std::getline(in, line);) {
        if (line.rfind("Tag=", 0) != 0) continue;
        const auto histogram = decode_histogram(line.substr(line.rfind(',') + 1));
        ASSERT_TRUE(histogram.has_value()) << histogram.error().message;
        read[line.substr(4, line.find(',') - 4)].merge(*histogram);
    }
    ASSERT_EQ(read.size(), 3u);
    for (const auto& [tag, histogram] : totals) {
        EXPECT_EQ(describe(tag, read[tag]), describe(tag, histogram));
    }
}

}  // namespace
}  // namespace loadline

#include "trial/probe_watch.hpp"

#include <gtest/gtest.h>

namespace loadline {
namespace {

using Kind = ProbeResult::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::vector<SearchClause> clauses{
    {.text = "p99", .bad_share = .01, .limit = milliseconds{100}},
    {.text = "errors", .bad_share = .001, .limit = milliseconds{100}, .errors = true}};

/// A probe at 400/s: 100 requests in each window of 250 ms.
TrialSpec spec_of(Kind kind, int length_s) {
    const double n = 400.0 * length_s;
    return {kind, Rate::per_second(400), {}, seconds{length_s}, {n, n}};
}

/// Adds windows until one ends the probe: how many there were, and the clause; -1: to its end.
std::pair<int, int> run(ProbeWatch& watch, const TrialSpec& spec, std::uint64_t slow,
                        std::uint64_t failed, std::uint64_t overdue = 0) {
    const int windows = static_cast<int>(spec.length / milliseconds{250});
    for (int i = 1; i <= windows; ++i) {
        const ClauseWindow seen[] = {{100, slow, overdue}, {100, failed, 0}};
        if (const auto by = watch.add(milliseconds{250}, seen)) return {i, static_cast<int>(*by)};
    }
    return {windows, -1};
}

TEST(ProbeWatch, EndsWhatIsLost) {
    const struct {
        const char* name;
        Kind kind;
        int length_s;
        std::uint64_t slow, failed, overdue;
        std::pair<int, int> want;
    } rows[] = {
        // 800 requests in 2 s: more than 15 % are slow, or more than 2 % fail.
        {"grossly slow", Kind::bracket, 2, 50, 0, 0, {3, 0}},
        {"errors", Kind::bracket, 2, 0, 10, 0, {2, 1}},
        {"much is overdue", Kind::bracket, 2, 0, 0, 121, {1, 0}},
        {"slow, not grossly", Kind::bracket, 2, 10, 0, 0, {8, -1}},
        // 4000 requests in 10 s: five times the 40 that may be slow, and ten more.
        {"refining, far too slow", Kind::refine, 10, 30, 0, 0, {8, 0}},
        {"refining, too slow", Kind::refine, 10, 5, 0, 0, {40, -1}},
        // 4000 requests in 10 s of hold: 40 may be slow; three deviations of the count on top.
        {"a hold that used it up", Kind::hold, 10, 4, 0, 0, {11, 0}},
        {"a hold that keeps it", Kind::hold, 10, 1, 0, 0, {40, -1}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        const auto spec = spec_of(row.kind, row.length_s);
        ProbeWatch watch{spec, clauses};
        EXPECT_EQ(run(watch, spec, row.slow, row.failed, row.overdue), row.want);
    }
}

TEST(ProbeWatch, EndsAHoldThatIsWorseForSureAfterAMinute) {
    const auto spec = spec_of(Kind::hold, 600);
    ProbeWatch steady{spec, clauses};
    EXPECT_EQ(run(steady, spec, 2, 0).first, 240) << "2 % in every batch";
    ProbeWatch clustered{spec, clauses};
    for (int i = 1; i <= 241; ++i) {  // the same share, all in one second of two minutes
        const std::uint64_t slow = i >= 100 && i < 104 ? 100 : 0;
        const ClauseWindow seen[] = {{100, slow, 0}, {100, 0, 0}};
        EXPECT_FALSE(clustered.add(milliseconds{250}, seen)) << i;
    }
}

TEST(ProbeWatch, SaysErrorAndWorstMinuteOfAHold) {
    const auto spec = spec_of(Kind::hold, 120);
    ProbeWatch watch{spec, clauses};
    for (int i = 0; i < 480; ++i) {
        const ClauseWindow seen[] = {{100, i >= 200 && i < 210 ? 2u : 0u, 0}, {100, 0, 0}};
        ASSERT_FALSE(watch.add(milliseconds{250}, seen));
    }
    std::vector<ClauseCount> counts(2);
    watch.describe(counts);
    EXPECT_NEAR(*counts[0].worst_minute_share, 20 / 24000.0, 1e-9);
    EXPECT_LE(counts[0].worst_minute_start, seconds{50});
    // One of 12 batches has a mean of 20 / 4000, the others 0: the error is that mean / 12.
    EXPECT_NEAR(*counts[0].standard_error, .005 / 12, 1e-6);
    EXPECT_EQ(counts[1].standard_error, 0);
}

TEST(ProbeWatch, AClauseOfTheHoldsAloneEndsNoProbe) {
    auto all = clauses;
    all[0].only_in_holds = true;
    const auto spec = spec_of(Kind::bracket, 2);
    ProbeWatch watch{spec, all};
    EXPECT_EQ(run(watch, spec, 100, 0).second, -1);
}

}  // namespace
}  // namespace loadline

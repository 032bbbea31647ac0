#include "trial/trial_history.hpp"

#include <gtest/gtest.h>

#include "stats/hlog.hpp"

namespace loadline {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TimelinePoint second_ending(std::int64_t s, Phase phase = Phase::measure) {
    TimelinePoint point;
    point.since_start = seconds{s};
    point.length = seconds{1};
    point.phase = phase;
    point.completed = 2;
    point.outcomes[0] = 2;
    point.origins.http_502 = 1;
    point.clauses.resize(1);
    point.clauses[0].requests = 2;
    point.clauses[0].bad = 1;
    point.fullest_queue = AcceptQueue{s == 3603 ? 9U : 0U, 5U};
    point.p99 = milliseconds{s % 10};
    point.connections = static_cast<std::uint64_t>(s);
    return point;
}

TEST(TrialHistory, KeepsEachSecondOfTheFirstHour) {
    TrialHistory history{1};
    for (int s = 1; s <= 3600; ++s) history.add(second_ending(s));
    EXPECT_EQ(history.take_timeline().size(), 3600U);
}

TEST(TrialHistory, TakesTenSecondsAsOneAfterAnHourAndLosesNothing) {
    TrialHistory history{1};
    for (int s = 3601; s <= 3640; ++s) history.add(second_ending(s));
    const auto timeline = history.take_timeline();
    ASSERT_EQ(timeline.size(), 4U);
    EXPECT_EQ(timeline[0].length, seconds{10});
    EXPECT_EQ(timeline[0].since_start, seconds{3610});
    EXPECT_EQ(timeline[0].completed, 20U);
    EXPECT_EQ(timeline[0].outcomes[0], 20U);
    EXPECT_EQ(timeline[0].origins.http_502, 10U);
    EXPECT_EQ(timeline[0].clauses[0].requests, 20U);
    EXPECT_EQ(timeline[0].clauses[0].bad, 10U);
    EXPECT_EQ(timeline[0].fullest_queue->length, 9U) << "and not the latest";
    EXPECT_EQ(timeline[1].fullest_queue->length, 0U);
    EXPECT_EQ(timeline[0].p99, milliseconds{9});
    EXPECT_EQ(timeline[0].connections, 3610U);
}

TEST(TrialHistory, AWeekFitsIntoMemory) {
    TrialHistory history{1};
    for (int s = 1; s <= 7 * 24 * 3600; ++s) history.add(second_ending(s));
    EXPECT_LT(history.take_timeline().size(), 17'000U);
}

TEST(TrialHistory, AddsTheShadowProbesUp) {
    TrialHistory history{1};
    for (int s = 3601; s <= 3610; ++s) {
        auto point = second_ending(s);
        point.probes = {{KubeletProbeKind::liveness, 1, 0, 0, milliseconds{s - 3600}}};
        if (s == 3605) point.probes.push_back({KubeletProbeKind::readiness, 0, 1, 0, seconds{1}});
        history.add(std::move(point));
    }
    const auto timeline = history.take_timeline();
    ASSERT_EQ(timeline.size(), 1U);
    ASSERT_EQ(timeline[0].probes.size(), 2U);
    EXPECT_EQ(timeline[0].probes[0].succeeded, 10U);
    EXPECT_EQ(timeline[0].probes[0].slowest, milliseconds{10});
    EXPECT_EQ(timeline[0].probes[1].failed, 1U);
}

TEST(TrialHistory, DoesNotMixPhases) {
    TrialHistory history{1};
    for (int s = 3601; s <= 3603; ++s) history.add(second_ending(s));
    history.add(second_ending(3604, Phase::drain));
    EXPECT_EQ(history.take_timeline().size(), 2U);
}

TEST(TrialHistory, MergesTheHistogramsOfAStep) {
    TrialHistory history{2};
    Histogram one;
    one.record(milliseconds{3});
    for (int s = 0; s < 12; ++s) history.add(1, hours{2} + seconds{s}, seconds{1}, one);
    history.add(0, seconds{5}, seconds{1}, one);
    history.add(0, seconds{6}, seconds{1}, Histogram{});
    const auto kept = history.take_step_seconds();
    ASSERT_EQ(kept.size(), 3U);
    EXPECT_EQ(kept[0].length, seconds{10});
    EXPECT_EQ(decode_histogram(kept[0].payload)->count(), 10U);
    EXPECT_EQ(kept[1].step, 0U);
    EXPECT_EQ(kept[1].length, seconds{1});
    EXPECT_EQ(kept[2].length, seconds{2});  // what was still pending
    EXPECT_EQ(decode_histogram(kept[2].payload)->count(), 2U);
}

}  // namespace
}  // namespace loadline

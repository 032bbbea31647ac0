#include "stats/interval.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loadline {
namespace {

constexpr TimePoint at(int s) { return TimePoint{std::chrono::seconds{s}}; }

Interval filled(int start, int end) {
    Interval interval{2, 1, 2};
    interval.start = at(start);
    interval.end = at(end);
    interval.steps[1].outcomes[static_cast<std::size_t>(Outcome::ok)] = 3;
    interval.steps[1].outcomes[static_cast<std::size_t>(Outcome::timeout)] = 1;
    interval.steps[1].response_time.record(Duration{100}, 4);
    interval.steps[1].bytes_in = 50;
    interval.steps[1].origins = {1, 2, 3, 4, Duration{90}, Duration{80}};
    interval.journeys[0].response_time.record(Duration{200});
    interval.scheduled = 5;
    interval.started = 4;
    interval.dropped_arrivals = 1;
    interval.steps[1].sent = 4;
    interval.steps[0].sent = 2;
    interval.steps[1].given_up = 3;
    interval.steps[1].left_in_flight = 1;
    interval.closes = {2, 5};
    interval.connects = 3;
    interval.churn.of(ChurnMode::half) = {1, 2, 3, 4, 5, 6};
    interval.churn.fin_to_eof.record(Duration{20});
    interval.send_lag.record(Duration{10});
    interval.worker_cpu = Duration{70};
    interval.worker_cpu_busiest = Duration{70};
    interval.in_flight = 6;
    interval.users = 7;
    interval.connections = 8;
    return interval;
}

TEST(StepStats, ErrorsAreEveryOutcomeButOk) {
    const Interval interval = filled(0, 1);
    EXPECT_EQ(interval.steps[1].count(), 4u);
    EXPECT_EQ(interval.steps[1].errors(), 1u);
    EXPECT_EQ(interval.steps[0].count(), 0u);
}

TEST(Interval, MergeAddsWorkersOfOneStretch) {
    Interval a = filled(1, 2);
    Interval b = filled(1, 3);
    b.worker_cpu = b.worker_cpu_busiest = Duration{90};
    a.merge(b);
    EXPECT_EQ(a.start, at(1));
    EXPECT_EQ(a.end, at(3));
    EXPECT_EQ(a.steps[1].count(), 8u);
    EXPECT_EQ(a.steps[1].response_time.count(), 8u);
    EXPECT_EQ(a.steps[1].bytes_in, 100u);
    EXPECT_EQ(a.steps[1].origins.http_504, 6u);
    EXPECT_EQ(a.steps[1].origins.slow_upstream, Duration{160});
    EXPECT_EQ(a.journeys[0].response_time.count(), 2u);
    EXPECT_EQ(a.scheduled, 10u);
    EXPECT_EQ(a.started, 8u);
    EXPECT_EQ(a.dropped_arrivals, 2u);
    EXPECT_EQ(a.all_sent(), 12u);
    EXPECT_EQ(a.steps[1].sent, 8u);
    EXPECT_EQ(a.steps[1].given_up, 6u);
    EXPECT_EQ(a.steps[1].left_in_flight, 2u);
    EXPECT_THAT(a.closes, testing::ElementsAre(4u, 10u));
    EXPECT_EQ(a.all_closes(), 14u);
    EXPECT_EQ(a.connects, 6u);
    const auto& half = a.churn.of(ChurnMode::half);
    EXPECT_EQ(half.closes, 2u);
    EXPECT_EQ(half.unmeasured, 4u);
    EXPECT_EQ(half.answered_first, 6u);
    EXPECT_EQ(half.server_first, 8u);
    EXPECT_EQ(half.failed, 10u);
    EXPECT_EQ(half.not_kept, 12u);
    EXPECT_EQ(a.churn.of(ChurnMode::fin_idle).closes, 0u);
    EXPECT_EQ(a.churn.sum().closes, 2u);
    EXPECT_EQ(a.churn.fin_to_eof.count(), 2u);
    EXPECT_EQ(a.send_lag.count(), 2u);
    EXPECT_EQ(a.worker_cpu, Duration{160});
    EXPECT_EQ(a.worker_cpu_busiest, Duration{90});
    EXPECT_EQ(a.in_flight, 12u);
    EXPECT_EQ(a.users, 14u);
    EXPECT_EQ(a.connections, 16u);
}

TEST(Interval, AppendTakesTheGaugesOfTheLaterStretch) {
    Interval total;
    total.append(filled(1, 2));
    Interval later = filled(2, 3);
    later.in_flight = 1;
    total.append(later);
    EXPECT_EQ(total.start, at(1));
    EXPECT_EQ(total.end, at(3));
    EXPECT_EQ(total.steps.size(), 2u);
    EXPECT_EQ(total.scheduled, 10u);
    EXPECT_EQ(total.worker_cpu_busiest, Duration{140});
    EXPECT_EQ(total.in_flight, 1u);
    EXPECT_EQ(total.users, 7u);
}

TEST(Interval, AnEmptyOneTakesTheShapeAndTimesOfTheOther) {
    Interval total;
    total.merge(filled(4, 5));
    EXPECT_EQ(total.start, at(4));
    EXPECT_EQ(total.end, at(5));
    EXPECT_EQ(total.steps[1].errors(), 1u);
    total.merge(Interval{2, 1});
    EXPECT_EQ(total.start, at(4));
}

TEST(Interval, ClearKeepsTheShape) {
    Interval interval = filled(1, 2);
    interval.clear();
    EXPECT_EQ(interval.steps.size(), 2u);
    EXPECT_EQ(interval.steps[1].count(), 0u);
    EXPECT_EQ(interval.steps[1].response_time.count(), 0u);
    EXPECT_EQ(interval.steps[1].origins.http_504, 0u);
    EXPECT_EQ(interval.journeys[0].response_time.count(), 0u);
    EXPECT_EQ(interval.send_lag.count(), 0u);
    EXPECT_EQ(interval.churn.sum().closes + interval.churn.fin_to_eof.count(), 0u);
    EXPECT_EQ(interval.scheduled + interval.all_sent() + interval.all_closes() + interval.in_flight,
              0u);
    EXPECT_EQ(interval.end, TimePoint{});
}

}  // namespace
}  // namespace loadline

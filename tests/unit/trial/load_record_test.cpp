#include "trial/load_record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace loadline {
namespace {

using testing::ElementsAre;
using testing::Field;

const TimePoint start{seconds(1000)};
/// Step 0 is on target 0, step 1 on target 1.
Plan plan_of_two_targets() {
    Plan plan;
    plan.targets.resize(2);
    plan.steps.resize(2);
    plan.steps[1].target = 1;
    return plan;
}

/// Target 0 answers 9 of 10 requests that are awaited, target 1 none of 4; of each a churn leaves
/// 20 in flight.
Interval second_of_load() {
    Interval second{2, 1, 2};
    second.closes = {7, 40};
    second.steps[0].sent = 120;
    second.steps[0].service_time.record(seconds(0.1), 90);
    second.steps[0].given_up = 10;
    second.steps[0].left_in_flight = 20;
    second.steps[1].sent = 24;
    second.steps[1].given_up = 4;
    second.steps[1].left_in_flight = 20;
    return second;
}

/// Of a load that goes on after them.
LoadRecord record_of_two_seconds(const Plan& plan) {
    LoadRecord record{plan};
    record.begin(start);
    record.add(second_of_load(), start + seconds(1));
    record.add(second_of_load(), start + seconds(2));
    return record;
}

TEST(LoadRecord, CountsOfTheWatchedTargetAlone) {
    const auto plan = plan_of_two_targets();
    auto record = record_of_two_seconds(plan);
    record.end(start + seconds(2));

    const auto first = record.facts({true, false});
    EXPECT_EQ(first.begin, start);
    EXPECT_EQ(first.end, start + seconds(2));
    EXPECT_EQ(first.requests, 240U);
    EXPECT_THAT(first.closed,
                ElementsAre(Field(&CloseCount::closes, 7), Field(&CloseCount::closes, 14)));
    EXPECT_EQ(first.closed.back().at, start + seconds(2));

    const auto both = record.facts({true, true});
    EXPECT_EQ(both.requests, 288U);
    EXPECT_EQ(both.closed.back().closes, 94U);
}

TEST(LoadRecord, OfThoseLeftInFlightAsManyAreAbandonedAsOfTheOthersAreGivenUp) {
    const auto plan = plan_of_two_targets();
    const auto record = record_of_two_seconds(plan);
    const auto abandoned = [&](const std::vector<bool>& watched) {
        const auto closed = record.facts(watched).closed;
        return std::pair{closed.front().abandoned, closed.back().abandoned};
    };
    EXPECT_EQ(abandoned({true, false}), std::pair(10UL + 2UL, 20UL + 4UL));
    EXPECT_EQ(abandoned({false, true}), std::pair(4UL + 20UL, 8UL + 40UL));
    EXPECT_EQ(abandoned({true, true}), std::pair(14UL + 22UL, 28UL + 44UL));
}

TEST(LoadRecord, WhereNoneIsAwaitedAllThatAreLeftCount) {
    const auto plan = plan_of_two_targets();
    LoadRecord record{plan};
    Interval second{2, 1, 2};
    second.steps[1].left_in_flight = 20;
    record.begin(start);
    record.add(second, start + seconds(1));
    EXPECT_EQ(record.facts({false, true}).closed.back().abandoned, 20U);
}

TEST(LoadRecord, BeginsWithItsFirstWindow) {
    const auto plan = plan_of_two_targets();
    LoadRecord record{plan};
    record.begin(start);
    record.begin(start + seconds(60));
    EXPECT_EQ(record.facts({true, true}).begin, start);
    EXPECT_TRUE(record.facts({true, true}).closed.empty());
}

TEST(LoadRecord, StaysSmallOverADayAndKeepsItsSums) {
    const auto plan = plan_of_two_targets();
    LoadRecord record{plan};
    record.begin(start);
    constexpr unsigned day = 24 * 3600;
    for (unsigned s = 1; s <= day; ++s) record.add(second_of_load(), start + seconds(s));
    record.end(start + seconds(day));
    const auto facts = record.facts({true, false});
    const auto& closed = facts.closed;
    EXPECT_LE(closed.size(), 7200U);
    for (const auto& count : closed) {
        const auto passed = static_cast<std::uint64_t>(to_seconds(count.at - start));
        ASSERT_EQ(count.closes, 7 * passed);
        ASSERT_EQ(count.abandoned, 12 * passed);
    }
    EXPECT_EQ(facts.requests, record_of_two_seconds(plan).facts({true, false}).requests / 2 * day);
    for (unsigned i = 1; i <= 60; ++i) {
        EXPECT_EQ(closed[closed.size() - i].at, start + seconds(day + 1 - i)) << "one a second";
    }
}

}  // namespace
}  // namespace loadline

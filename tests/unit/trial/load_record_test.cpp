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
    second.steps[0].unanswered = 10;
    second.steps[0].left = 20;
    second.steps[1].sent = 24;
    second.steps[1].unanswered = 4;
    second.steps[1].left = 20;
    return second;
}

TEST(LoadRecord, CountsOfTheWatchedTargetAlone) {
    const auto plan = plan_of_two_targets();
    LoadRecord record{plan};
    record.begin(start);
    record.add(second_of_load(), start + seconds(1));
    record.add(second_of_load(), start + seconds(2));
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

TEST(LoadRecord, OfThoseLeftInFlightAsManyAreUnansweredAsOfTheOthers) {
    const auto plan = plan_of_two_targets();
    LoadRecord record{plan};
    record.begin(start);
    record.add(second_of_load(), start + seconds(1));
    record.add(second_of_load(), start + seconds(2));
    const auto unanswered = [&](const std::vector<bool>& watched) {
        const auto closed = record.facts(watched).closed;
        return std::pair{closed.front().unanswered, closed.back().unanswered};
    };
    EXPECT_EQ(unanswered({true, false}), std::pair(10UL + 2UL, 20UL + 4UL));
    EXPECT_EQ(unanswered({false, true}), std::pair(4UL + 20UL, 8UL + 40UL));
    EXPECT_EQ(unanswered({true, true}), std::pair(14UL + 22UL, 28UL + 44UL));
}

TEST(LoadRecord, WhereNoneIsAwaitedAllThatAreLeftCount) {
    const auto plan = plan_of_two_targets();
    LoadRecord record{plan};
    Interval second{2, 1, 2};
    second.steps[1].left = 20;
    record.begin(start);
    record.add(second, start + seconds(1));
    EXPECT_EQ(record.facts({false, true}).closed.back().unanswered, 20U);
}

TEST(LoadRecord, BeginsWithItsFirstWindow) {
    const auto plan = plan_of_two_targets();
    LoadRecord record{plan};
    record.begin(start);
    record.begin(start + seconds(60));
    EXPECT_EQ(record.facts({true, true}).begin, start);
    EXPECT_TRUE(record.facts({true, true}).closed.empty());
}

}  // namespace
}  // namespace loadline

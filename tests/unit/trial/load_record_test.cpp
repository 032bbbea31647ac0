#include "trial/load_record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loadline {
namespace {

using testing::ElementsAre;
using testing::Field;

const TimePoint start{seconds(1000)};
constexpr int ok = static_cast<int>(Outcome::ok), timed_out = static_cast<int>(Outcome::timeout),
              aborted = static_cast<int>(Outcome::aborted);

/// A journey over two targets: its step 1, on target 1, is where it may churn.
Plan plan_of_two_targets() {
    Plan plan;
    plan.targets.resize(2);
    plan.steps.resize(2);
    plan.steps[0].target = 0;
    plan.steps[1].target = 1;
    auto& journey = plan.journeys.emplace_back();
    journey.actions = {ExchangeAction{0}, ExchangeAction{1}};
    journey.churn = ChurnPoint{1, 1};
    return plan;
}

/// Answers on target 0; time-outs, an abort and closes on both; two left in flight by the churn.
Interval second_of_load() {
    Interval second{2, 1, 2};
    second.closes = {7, 40};
    second.steps[0].outcomes[ok] = 10;
    second.steps[0].service_time.record(seconds(0.1), 10);
    second.steps[0].outcomes[timed_out] = 1;
    second.steps[1].outcomes[timed_out] = 3;
    second.steps[1].outcomes[aborted] = 1;
    second.churn.of(ChurnMode::fin_inflight).closes = 1;
    second.churn.of(ChurnMode::timeout).closes = 1;
    second.churn.of(ChurnMode::fin_idle).closes = 5;
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
    EXPECT_EQ(first.requests, 22U);
    EXPECT_THAT(first.closed, ElementsAre(Field(&CloseCount::closes, 7), Field(&CloseCount::closes, 14)));
    EXPECT_EQ(first.closed.back().at, start + seconds(2));
    EXPECT_EQ(first.closed.back().unanswered, 2U);

    const auto both = record.facts({true, true});
    EXPECT_EQ(both.requests, 30U);
    EXPECT_EQ(both.closed.back().closes, 94U);
}

TEST(LoadRecord, WhatAChurnLeavesInFlightCountsWhereTheStepNeverAnswered) {
    auto plan = plan_of_two_targets();
    plan.churn.share = 1;
    LoadRecord silent{plan};
    silent.begin(start);
    silent.add(second_of_load(), start + seconds(1));
    EXPECT_EQ(silent.facts({false, true}).closed.back().unanswered, 4U + 2U);
    EXPECT_EQ(silent.facts({true, false}).closed.back().unanswered, 1U);

    LoadRecord answering{plan};
    auto second = second_of_load();
    second.steps[1].service_time.record(seconds(0.1));
    answering.begin(start);
    answering.add(second, start + seconds(1));
    EXPECT_EQ(answering.facts({false, true}).closed.back().unanswered, 4U);
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

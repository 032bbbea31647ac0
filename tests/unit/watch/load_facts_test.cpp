#include "watch/load_facts.hpp"

#include <gtest/gtest.h>

namespace loadline {
namespace {

const TimePoint start{seconds(1000)};

TimePoint at(double s) { return start + seconds(s); }

/// Ten closes a second for a hundred seconds, of which one left a request behind.
LoadFacts hundred_seconds() {
    LoadFacts load;
    load.begin = at(0);
    load.end = at(100);
    load.closes = 1000;
    load.requests = 5000;
    for (unsigned s = 1; s <= 100; ++s) load.closed.push_back({at(s), 10U * s, s});
    return load;
}

TEST(CountUntil, IsTheLastOneOfThatTimeOrBefore) {
    const auto closed = hundred_seconds().closed;
    EXPECT_EQ(count_until({}, at(5)).closes, 0U);
    EXPECT_EQ(count_until(closed, at(0.9)).closes, 0U);
    EXPECT_EQ(count_until(closed, at(1)).closes, 10U);
    EXPECT_EQ(count_until(closed, at(50.5)).closes, 500U);
    EXPECT_EQ(count_until(closed, at(1e6)).closes, 1000U);
}

TEST(LoadFacts, RequestsAreAtWorkForAsLongAsAHandlerMayTake) {
    auto load = hundred_seconds();
    EXPECT_EQ(load.at_work_at_most(at(100)), 60U) << "those of the last minute";
    EXPECT_EQ(load.at_work_at_most(at(130)), 30U);
    EXPECT_EQ(load.at_work_at_most(at(160)), 0U);
    load.handler_limit = seconds(5);
    EXPECT_EQ(load.at_work_at_most(at(100)), 5U);
    load.handler_limit = seconds(1000);
    EXPECT_EQ(load.at_work_at_most(at(100)), 100U) << "all of them";
    load.closed.clear();
    EXPECT_EQ(load.at_work_at_most(at(100)), 0U);
}

TEST(LoadFacts, OfAServerThatCameLaterAreThoseAfterIt) {
    const auto later = hundred_seconds().since(at(40.5));
    EXPECT_EQ(later.begin, at(40.5));
    EXPECT_EQ(later.end, at(100));
    EXPECT_EQ(later.closes, 600U);
    EXPECT_EQ(later.requests, 0U) << "not known";
    ASSERT_EQ(later.closed.size(), 60U);
    EXPECT_EQ(later.closed.front().closes, 10U);
    EXPECT_EQ(later.closed.back().closes, 600U);
    EXPECT_EQ(later.closed.back().abandoned, 60U);

    const auto before = hundred_seconds().since(at(-1));
    EXPECT_EQ(before.closes, 1000U);
    EXPECT_EQ(before.requests, 5000U);
    const auto after = hundred_seconds().since(at(200));
    EXPECT_EQ(after.begin, at(100));
    EXPECT_EQ(after.closes, 0U);
    EXPECT_TRUE(after.closed.empty());
}

}  // namespace
}  // namespace loadline

#include "engine/arrivals.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/ring.hpp"

namespace loadline {
namespace {

std::vector<Duration> all(ArrivalSchedule schedule) {
    std::vector<Duration> at;
    while (const auto next = schedule.next()) at.push_back(*next);
    return at;
}

std::vector<Duration> union_of(unsigned shares, Arrivals arrivals, const RateProfile& rate,
                               Duration length, std::uint64_t seed) {
    std::vector<Duration> at;
    for (unsigned i = 0; i < shares; ++i) {
        const auto part = all(ArrivalSchedule{rate, arrivals, length, {i, shares}, seed});
        EXPECT_TRUE(std::is_sorted(part.begin(), part.end()));
        at.insert(at.end(), part.begin(), part.end());
    }
    std::sort(at.begin(), at.end());
    return at;
}

TEST(ArrivalSchedule, PacedSharesGiveTheSameUnion) {
    const auto one =
        union_of(1, Arrivals::paced, Rate::per_second(333), std::chrono::seconds{10}, 1);
    EXPECT_EQ(one.size(), 3330U);
    EXPECT_EQ(union_of(2, Arrivals::paced, Rate::per_second(333), std::chrono::seconds{10}, 2),
              one);
    EXPECT_EQ(union_of(7, Arrivals::paced, Rate::per_second(333), std::chrono::seconds{10}, 3),
              one);
}

TEST(ArrivalSchedule, TheSeedRepeatsThePoissonInstants) {
    const auto make = [](std::uint64_t seed) {
        return union_of(2, Arrivals::poisson, Rate::per_second(100), std::chrono::seconds{2}, seed);
    };
    EXPECT_EQ(make(7), make(7));
    EXPECT_NE(make(7), make(8));
}

TEST(ArrivalSchedule, ARateOfZeroSendsNothing) {
    for (const auto arrivals : {Arrivals::paced, Arrivals::poisson}) {
        ArrivalSchedule schedule{Rate{}, arrivals, std::chrono::seconds{10}, {}, 1};
        EXPECT_FALSE(schedule.next());
    }
}

TEST(ArrivalSchedule, StagesEndTheLoadWhenTheyEnd) {
    const RateProfile ramp{{{Rate{}, Rate::per_second(100), std::chrono::seconds{2}},
                            {Rate::per_second(100), Rate{}, std::chrono::seconds{2}}}};
    const auto at = union_of(3, Arrivals::paced, ramp, std::chrono::hours{1}, 1);
    EXPECT_EQ(at.size(), 200U);
    EXPECT_LT(at.back(), std::chrono::seconds{4});
}

// --- journeys

JourneyPlan journey(double share, std::optional<double> rate_part = {}) {
    JourneyPlan plan;
    plan.share = share;
    plan.rate_part = rate_part;
    return plan;
}

/// A tenth of the rate is the first journey's own; the others share the rest three to one.
const std::vector<JourneyPlan> mixed = {journey(1, 0.1), journey(3), journey(1)};

LoadWindow window_of(Arrivals arrivals, std::uint64_t seed) {
    LoadWindow window;
    window.settle = std::chrono::seconds{1};
    window.length = std::chrono::seconds{9};
    window.rate = Rate::per_second(1000);
    window.arrivals = arrivals;
    window.seed = seed;
    return window;
}

using Journeys = std::vector<std::pair<Duration, std::uint32_t>>;

Journeys journeys_of(const LoadWindow& window, unsigned shares) {
    Journeys all;
    for (unsigned i = 0; i < shares; ++i) {
        JourneySchedule schedule{mixed, window, {i, shares}};
        Duration last{};
        while (const auto next = schedule.next()) {
            EXPECT_LE(last, next->offset);
            last = next->offset;
            all.emplace_back(next->offset, next->journey);
        }
    }
    std::sort(all.begin(), all.end());
    return all;
}

TEST(JourneySchedule, TheSeedRepeatsInstantsAndJourneysForTheSameNumberOfShares) {
    for (const unsigned shares : {1U, 2U, 7U}) {
        const auto once = journeys_of(window_of(Arrivals::poisson, 7), shares);
        EXPECT_EQ(once, journeys_of(window_of(Arrivals::poisson, 7), shares));
        EXPECT_NE(once, journeys_of(window_of(Arrivals::poisson, 8), shares));
    }
}

TEST(JourneySchedule, TheSeedRepeatsPacedJourneysForAnyNumberOfShares) {
    const auto one = journeys_of(window_of(Arrivals::paced, 7), 1);
    EXPECT_EQ(one.size(), 10'000U);
    EXPECT_EQ(one, journeys_of(window_of(Arrivals::paced, 7), 2));
    EXPECT_EQ(one, journeys_of(window_of(Arrivals::paced, 7), 7));
    EXPECT_NE(one, journeys_of(window_of(Arrivals::paced, 8), 1));
}

TEST(JourneySchedule, AJourneysOwnRateIsAnEvenStreamAndTheOthersDivideTheRest) {
    std::vector<Duration> own;
    std::vector<int> count(3);
    for (const auto& [offset, index] : journeys_of(window_of(Arrivals::paced, 1), 2)) {
        ++count[index];
        if (index == 0) own.push_back(offset);
    }
    ASSERT_EQ(count[0], 1000);
    for (std::size_t i = 0; i < own.size(); ++i) {
        ASSERT_EQ(own[i], std::chrono::milliseconds{10} * i);
    }
    EXPECT_EQ(count[1] + count[2], 9000);
    EXPECT_NEAR(count[1], 9000 * 0.75, 4 * std::sqrt(9000 * 0.75 * 0.25));
}

TEST(JourneySchedule, AllJourneysMayHaveARateOfTheirOwn) {
    const std::vector<JourneyPlan> all_own = {journey(1, 0.75), journey(1, 0.25)};
    JourneySchedule schedule{all_own, window_of(Arrivals::paced, 1), {}};
    std::vector<int> count(2);
    while (const auto next = schedule.next()) ++count[next->journey];
    EXPECT_EQ(count, (std::vector{7500, 2500}));
}

TEST(JourneyMix, EveryPointOfTheLineBelongsToAJourney) {
    const JourneyMix mix{mixed};
    EXPECT_EQ(mix.pick(0), 1U);
    EXPECT_EQ(mix.pick(0.7499), 1U);
    EXPECT_EQ(mix.pick(0.7501), 2U);
    EXPECT_EQ(mix.pick(std::nextafter(1.0, 0.0)), 2U);
}

std::vector<Duration> all(FirstStarts starts) {
    std::vector<Duration> at;
    while (const auto next = starts.next()) at.push_back(*next);
    return at;
}

TEST(FirstStarts, PacingSpreadsTheUsersOverTheFirstPeriod) {
    using std::chrono::milliseconds;
    const auto length = std::chrono::seconds{10};
    EXPECT_EQ(all(FirstStarts{4, milliseconds{200}, length, {0, 1}}),
              (std::vector<Duration>{milliseconds{0}, milliseconds{50}, milliseconds{100},
                                     milliseconds{150}}));
    EXPECT_EQ(all(FirstStarts{4, milliseconds{200}, length, {1, 2}}),
              (std::vector<Duration>{milliseconds{50}, milliseconds{150}}));
    EXPECT_EQ(all(FirstStarts{3, Duration{}, length, {0, 1}}), std::vector<Duration>(3));
    EXPECT_EQ(all(FirstStarts{4, std::chrono::seconds{40}, length, {0, 1}}).size(), 1U)
        << "the others would begin after the end";
}

TEST(Ring, KeepsTheOrderWhileItWrapsAndGrows) {
    Ring<int> ring;
    int in = 0, out = 0;
    for (int round = 0; round < 50; ++round) {
        for (int i = 0; i < round + 3; ++i) ring.push(in++);
        for (int i = 0; i < round; ++i) ASSERT_EQ(ring.pop(), out++);
    }
    while (!ring.empty()) ASSERT_EQ(ring.pop(), out++);
    EXPECT_EQ(in, out);
}

}  // namespace
}  // namespace loadline

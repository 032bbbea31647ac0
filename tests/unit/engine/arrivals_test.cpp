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

std::vector<Duration> union_of(unsigned shares, Arrivals arrivals, Rate rate, Duration length,
                               std::uint64_t seed) {
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

TEST(ArrivalSchedule, PacedDoesNotDriftOverAMillion) {
    ArrivalSchedule schedule{Rate::per_second(3), Arrivals::paced, std::chrono::hours{200}, {}, 1};
    std::optional<Duration> at;
    for (int i = 0; i <= 1'000'000; ++i) at = schedule.next();
    ASSERT_TRUE(at.has_value());
    EXPECT_EQ(at->count(), std::llround(1e9 * 1e6 / 3)) << "a third of a nanosecond never adds up";
}

/// Kolmogorov and Smirnov: the largest distance between the gaps' distribution and the
/// exponential one; beyond 1.63 / sqrt(n) by chance in 1 % of samples. The seed is fixed.
TEST(ArrivalSchedule, PoissonGapsAreExponentialForAnyNumberOfShares) {
    for (const unsigned shares : {1U, 2U, 7U}) {
        const auto at = union_of(shares, Arrivals::poisson, Rate::per_second(1000),
                                 std::chrono::seconds{20}, 42);
        std::vector<double> gaps;
        for (std::size_t i = 1; i < at.size(); ++i) gaps.push_back(to_seconds(at[i] - at[i - 1]));
        std::sort(gaps.begin(), gaps.end());
        const auto n = static_cast<double>(gaps.size());
        EXPECT_NEAR(n, 20'000, 4 * std::sqrt(20'000)) << shares << " shares";
        double distance = 0;
        for (std::size_t i = 0; i < gaps.size(); ++i) {
            const double expected = 1 - std::exp(-1000 * gaps[i]);
            distance = std::max({distance, std::abs(expected - static_cast<double>(i) / n),
                                 std::abs(expected - static_cast<double>(i + 1) / n)});
        }
        EXPECT_LT(distance, 1.63 / std::sqrt(n)) << shares << " shares";
    }
}

TEST(ArrivalSchedule, TheSeedRepeatsThePoissonInstants) {
    const auto make = [](std::uint64_t seed) {
        return union_of(2, Arrivals::poisson, Rate::per_second(100), std::chrono::seconds{2}, seed);
    };
    EXPECT_EQ(make(7), make(7));
    EXPECT_NE(make(7), make(8));
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

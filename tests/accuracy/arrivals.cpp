#include "engine/arrivals.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

// Do the arrivals follow their laws? Pure: no clock, no socket, fixed seeds. Each bound is
// the value that one right sample in a hundred or less exceeds; the seeds were not chosen.
namespace loadline {
namespace {

constexpr std::uint64_t seeds[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

std::vector<double> seconds_of(unsigned shares, Arrivals arrivals, const RateProfile& rate,
                               Duration length, std::uint64_t seed) {
    std::vector<double> at;
    for (unsigned i = 0; i < shares; ++i) {
        ArrivalSchedule schedule{rate, arrivals, length, {i, shares}, seed};
        while (const auto next = schedule.next()) at.push_back(to_seconds(*next));
    }
    std::sort(at.begin(), at.end());
    return at;
}

std::vector<double> gaps_of(const std::vector<double>& at) {
    std::vector<double> gaps;
    for (std::size_t i = 1; i < at.size(); ++i) gaps.push_back(at[i] - at[i - 1]);
    std::sort(gaps.begin(), gaps.end());
    return gaps;
}

/// Kolmogorov and Smirnov: the largest distance between a sorted sample and a distribution,
/// times the square root of the sample's size. Beyond 1.63 in 1 % of samples, 1.95 in 0.1 %.
double ks(const std::vector<double>& sorted, const std::function<double(double)>& distribution) {
    const auto n = static_cast<double>(sorted.size());
    double distance = 0;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        const double expected = distribution(sorted[i]);
        distance = std::max({distance, expected - static_cast<double>(i) / n,
                             static_cast<double>(i + 1) / n - expected});
    }
    return distance * std::sqrt(n);
}

/// The same for two samples.
double ks(const std::vector<double>& a, const std::vector<double>& b) {
    const auto n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
    double distance = 0;
    for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
        a[i] <= b[j] ? ++i : ++j;
        distance =
            std::max(distance, std::abs(static_cast<double>(i) / n - static_cast<double>(j) / m));
    }
    return distance * std::sqrt(n * m / (n + m));
}

/// Variance over mean of the counts in windows of this length, as a deviate of the normal
/// distribution: chi-squared with k-1 degrees of freedom has that mean and variance 2(k-1).
double dispersion(const std::vector<double>& at, double window, double length) {
    std::vector<double> counts(static_cast<std::size_t>(length / window));
    for (const double t : at) {
        const auto i = static_cast<std::size_t>(t / window);
        if (i < counts.size()) ++counts[i];
    }
    const auto k = static_cast<double>(counts.size());
    double mean = 0, chi = 0;
    for (const double count : counts) mean += count / k;
    for (const double count : counts) chi += (count - mean) * (count - mean) / mean;
    return (chi - (k - 1)) / std::sqrt(2 * (k - 1));
}

TEST(Arrivals, PoissonGapsAreExponential) {
    for (const auto seed : seeds) {
        const auto at = seconds_of(1, Arrivals::poisson, Rate::per_second(1000), seconds(20), seed);
        EXPECT_LT(ks(gaps_of(at), [](double t) { return 1 - std::exp(-1000 * t); }), 1.95) << seed;
        EXPECT_NEAR(static_cast<double>(at.size()), 20'000, 4 * std::sqrt(20'000)) << seed;
    }
}

TEST(Arrivals, PoissonCountsAreNeitherClusteredNorEven) {
    for (const auto seed : seeds) {
        const auto at = seconds_of(1, Arrivals::poisson, Rate::per_second(1000), seconds(20), seed);
        for (const double window : {0.001, 0.01, 0.1}) {
            EXPECT_LT(std::abs(dispersion(at, window, 20)), 3.5) << seed << ", " << window;
        }
    }
}

/// The tests above can fail: an even stream passes neither.
TEST(Arrivals, PacedOnesAreNotTakenForPoisson) {
    const auto at = seconds_of(1, Arrivals::paced, Rate::per_second(1000), seconds(20), 1);
    EXPECT_GT(ks(gaps_of(at), [](double t) { return 1 - std::exp(-1000 * t); }), 50);
    EXPECT_LT(dispersion(at, 0.1, 20), -9);
}

TEST(Arrivals, PacedDoNotDriftOverAMillion) {
    ArrivalSchedule schedule{Rate::per_second(3), Arrivals::paced, std::chrono::hours{200}, {}, 1};
    for (std::uint64_t n = 0; n <= 1'000'000; ++n) {
        const auto at = schedule.next();
        ASSERT_TRUE(at.has_value());
        ASSERT_EQ(at->count(), std::llround(1e9 * static_cast<double>(n) / 3));
    }
}

const RateProfile ramp{{{Rate{}, Rate::per_second(2000), seconds(10)},
                        {Rate::per_second(2000), Rate::per_second(2000), seconds(2)},
                        {Rate::per_second(2000), Rate::per_second(500), seconds(5)}}};

TEST(Arrivals, PacedStagesDoNotDriftEither) {
    const auto at = seconds_of(1, Arrivals::paced, ramp, ramp.length(), 1);
    ASSERT_EQ(at.size(), 20'250U);
    for (std::size_t n = 0; n < at.size(); ++n) {
        const double asked_for = ramp.arrivals_until(Duration{std::llround(at[n] * 1e9)});
        ASSERT_NEAR(asked_for, static_cast<double>(n), 1e-4);  // 2000/s times half a nanosecond
    }
}

TEST(Arrivals, PacedSharesGiveExactlyTheSameUnion) {
    for (const auto& rate : {RateProfile{Rate::per_second(333)}, ramp}) {
        const auto one = seconds_of(1, Arrivals::paced, rate, seconds(17), 1);
        EXPECT_EQ(seconds_of(2, Arrivals::paced, rate, seconds(17), 2), one);
        EXPECT_EQ(seconds_of(7, Arrivals::paced, rate, seconds(17), 3), one);
    }
}

TEST(Arrivals, PoissonSharesGiveTheSameUnionInDistribution) {
    for (const auto seed : seeds) {
        const RateProfile rate{Rate::per_second(1000)};
        const auto one = seconds_of(1, Arrivals::poisson, rate, seconds(10), seed);
        for (const unsigned shares : {2U, 7U}) {
            const auto many = seconds_of(shares, Arrivals::poisson, rate, seconds(10), seed + 100);
            EXPECT_LT(ks(gaps_of(one), gaps_of(many)), 1.95) << seed << ", " << shares;
            EXPECT_LT(std::abs(dispersion(many, 0.01, 10)), 3.5) << seed << ", " << shares;
        }
    }
}

/// With time counted in arrivals that were asked for, a ramp is a Poisson stream of rate 1.
TEST(Arrivals, APoissonRampFollowsItsRate) {
    const double total = ramp.arrivals_until(ramp.length());
    for (const auto seed : seeds) {
        for (const unsigned shares : {1U, 7U}) {
            auto at = seconds_of(shares, Arrivals::poisson, ramp, ramp.length(), seed);
            EXPECT_NEAR(static_cast<double>(at.size()), total, 4 * std::sqrt(total)) << seed;
            for (auto& t : at) t = ramp.arrivals_until(Duration{std::llround(t * 1e9)});
            EXPECT_LT(ks(at, [&](double n) { return n / total; }), 1.95) << seed << ", " << shares;
            EXPECT_LT(ks(gaps_of(at), [](double n) { return 1 - std::exp(-n); }), 1.95)
                << seed << ", " << shares;
        }
    }
}

}  // namespace
}  // namespace loadline

#include "stats/trend.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "base/rng.hpp"

namespace loadline {
namespace {

std::vector<double> seconds_of(std::size_t n) {
    std::vector<double> x(n);
    std::iota(x.begin(), x.end(), 0.0);
    return x;
}

/// z worked out by hand from S and its variance: n(n-1)(2n+5) less t(t-1)(2t+5) for each
/// group of t equal values, over 18.
TEST(Trend, MannKendallOnKnownVectors) {
    const struct {
        const char* what;
        std::vector<double> y;
        double z;
    } rows[] = {
        {"one pair against: S = 4, variance 26/3", {10, 15, 14, 20}, 1.0190},
        {"ties of 2 and 3: S = 17, variance 714/18", {1, 2, 2, 3, 3, 3, 4}, 2.5404},
        {"the same, falling", {4, 3, 3, 3, 2, 2, 1}, -2.5404},
        {"strictly rising, n = 8: S = 28, variance 1176/18", {1, 2, 3, 5, 8, 13, 21, 34}, 3.3404},
        {"half zero: S = 35, variance 325/3", {0, 0, 0, 0, 0, 1, 2, 3, 4, 5}, 3.2666},
        {"all equal", {7, 7, 7, 7, 7}, 0},
        {"no order: S = -3, variance 79/3", {2, 1, 2, 1, 3, 0}, -0.3897},
        {"S = 0 has no continuity to correct", {1, 3, 3, 1}, 0},
        {"one point", {3}, 0},
        {"none", {}, 0},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        EXPECT_NEAR(trend_of(seconds_of(row.y.size()), row.y).z, row.z, 5e-4);
    }
}

TEST(Trend, TheilSenIsTheMedianSlopeAndAnOutlierDoesNotMoveIt) {
    const std::vector<double> line{1, 3, 5, 7, 9, 11, 13, 15};
    auto trend = trend_of(seconds_of(line.size()), line);
    EXPECT_DOUBLE_EQ(trend.slope, 2);
    EXPECT_DOUBLE_EQ(trend.low, 2);
    EXPECT_DOUBLE_EQ(trend.high, 2);
    auto spiked = line;
    spiked[3] = 1000;
    trend = trend_of(seconds_of(spiked.size()), spiked);
    EXPECT_DOUBLE_EQ(trend.slope, 2);
    EXPECT_DOUBLE_EQ(trend.low, 2);
    EXPECT_DOUBLE_EQ(trend.high, 2);
}

TEST(Trend, TheIntervalIsRankedAsSenDid) {
    // The slope between i and j of the squares 0 1 4 .. 81 is i + j: 45 of them, from 1 to 17.
    // The variance is 125, so c = 21.913 and the ranks are 11.54 and 33.46 + 1, taken outwards
    // as the 11th and the 35th: 6 and 12.
    const auto trend =
        trend_of(seconds_of(10), std::vector<double>{0, 1, 4, 9, 16, 25, 36, 49, 64, 81});
    EXPECT_DOUBLE_EQ(trend.slope, 9);
    EXPECT_DOUBLE_EQ(trend.low, 6);
    EXPECT_DOUBLE_EQ(trend.high, 12);
}

TEST(Trend, CountsTheDistanceOfThePoints) {
    const auto trend = trend_of(std::vector<double>{0, 10, 20}, std::vector<double>{0, 5, 10});
    EXPECT_DOUBLE_EQ(trend.slope, 0.5);
}

TEST(Trend, TheIntervalHoldsTheSlopeInNineteenOfTwenty) {
    Rng rng{7, 1};
    int held = 0, alarms = 0;
    constexpr int runs = 1000;
    const auto x = seconds_of(30);
    std::vector<double> noise(x.size());
    for (int run = 0; run < runs; ++run) {
        for (auto& y : noise) y = rng.uniform();
        const auto trend = trend_of(x, noise);
        held += trend.low <= 0 && 0 <= trend.high;
        alarms += trend.z >= 3;
    }
    EXPECT_GE(held, 930);  // 950 expected, sigma 7
    EXPECT_LE(held, 985);
    EXPECT_LE(alarms, 6);  // 1.35 expected
}

}  // namespace
}  // namespace loadline

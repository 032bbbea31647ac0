#include "stats/quantile.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace loadline {
namespace {

TEST(SamplesNeeded, IsOneOverTheShareAbove) {
    EXPECT_EQ(samples_needed(0.5), 2u);
    EXPECT_EQ(samples_needed(0.9), 10u);
    EXPECT_EQ(samples_needed(0.99), 100u);
    EXPECT_EQ(samples_needed(0.999), 1000u);
    EXPECT_EQ(samples_needed(0.99999), 100'000u);
}

TEST(ExactQuantile, IsTheNearestRank) {
    std::vector<double> values(1000);
    std::iota(values.rbegin(), values.rend(), 1.0);
    const struct {
        double q, want;
    } rows[] = {{0, 1},       {0.5, 500},     {0.501, 501}, {0.99, 990},
                {0.999, 999}, {0.9995, 1000}, {1, 1000}};
    for (const auto& row : rows) EXPECT_EQ(exact_quantile(values, row.q), row.want) << row.q;
    EXPECT_EQ(exact_quantile({7}, 0.99), 7);
}

TEST(WilsonInterval, AgreesWithPublishedValues) {
    // Newcombe 1998, table I, method 3 (score without continuity correction).
    const struct {
        std::uint64_t hits, trials;
        double low, high;
    } rows[] = {{81, 263, 0.2553, 0.3662},
                {15, 148, 0.0624, 0.1605},
                {0, 20, 0, 0.1611},
                {1, 29, 0.0061, 0.1718}};
    for (const auto& row : rows) {
        const auto interval = wilson_interval(row.hits, row.trials);
        EXPECT_NEAR(interval.low, row.low, 5e-5) << row.hits << "/" << row.trials;
        EXPECT_NEAR(interval.high, row.high, 5e-5) << row.hits << "/" << row.trials;
    }
}

TEST(WilsonInterval, KnowsNothingWithoutTrials) {
    EXPECT_EQ(wilson_interval(0, 0).low, 0);
    EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

}  // namespace
}  // namespace loadline

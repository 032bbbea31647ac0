#include "stats/batch_means.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace loadline {
namespace {

TEST(BatchMeans, AreTheMeanAndScatterOfWholeBatches) {
    const std::vector<double> values{1, 3, 5, 7, 9, 11, 1000};  // the last fills no batch
    const auto means = batch_means(values, 2);                  // 2, 6, 10
    ASSERT_TRUE(means);
    EXPECT_EQ(means->batches, 3u);
    EXPECT_DOUBLE_EQ(means->mean, 6);
    EXPECT_DOUBLE_EQ(means->standard_error, 4 / std::sqrt(3.0));
}

TEST(BatchMeans, NeedTwoBatches) {
    const std::vector<double> values{1, 2, 3};
    EXPECT_FALSE(batch_means(values, 2));
    EXPECT_FALSE(batch_means({}, 1));
    EXPECT_TRUE(batch_means(values, 1));
}

TEST(BatchMeans, SeeTheDoubtThatResemblingNeighboursHide) {
    // x' = .9 x + noise: the true standard error of the mean is sqrt(19) times the naive one.
    std::mt19937_64 random{1};
    std::normal_distribution<double> noise;
    std::vector<double> values;
    double x = 0;
    for (int i = 0; i < 20'000; ++i) values.push_back(x = 0.9 * x + noise(random));
    const double truth = 10 / std::sqrt(20'000.0);
    EXPECT_NEAR(batch_means(values, 200)->standard_error / truth, 1, 0.25);
    EXPECT_LT(batch_means(values, 1)->standard_error / truth, 0.3);
}

}  // namespace
}  // namespace loadline

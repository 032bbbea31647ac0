#include "stats/knee.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace loadline {
namespace {

TEST(KleinrockKnee, OfAnMm1QueueLiesAtHalfItsCapacity) {
    std::vector<LoadPoint> curve;  // capacity 1000: latency 1/(1000 - rate)
    for (double rate = 100; rate < 1000; rate += 100) curve.push_back({rate, 1 / (1000 - rate)});
    ASSERT_TRUE(kleinrock_knee(curve));
    EXPECT_EQ(curve[*kleinrock_knee(curve)].throughput, 500);
}

TEST(KleinrockKnee, PassesOverPointsThatMeasuredNothing) {
    const std::vector<LoadPoint> curve{{0, 0}, {100, 0}, {0, 1}, {100, 0.01}};
    EXPECT_EQ(kleinrock_knee(curve), 3u);
    EXPECT_FALSE(kleinrock_knee(std::vector<LoadPoint>{{0, 0}}));
    EXPECT_FALSE(kleinrock_knee({}));
}

}  // namespace
}  // namespace loadline

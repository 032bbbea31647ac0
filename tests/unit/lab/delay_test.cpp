#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lab/delay_server.hpp"
#include "lab/hiccup_meter.hpp"

namespace loadline {
namespace {

/// 100 000 values in ascending order.
std::vector<Duration> values_of(const Delay& delay, std::uint64_t seed = 1) {
    Rng rng{seed};
    std::vector<Duration> values(100'000);
    for (auto& value : values) value = draw(delay, rng);
    std::sort(values.begin(), values.end());
    return values;
}

double ms_at(const std::vector<Duration>& values, double q) {
    return to_ms(values[static_cast<std::size_t>(q * static_cast<double>(values.size()))]);
}

TEST(Delay, ConstantIsAlwaysTheSame) {
    const auto values = values_of(ConstantDelay{milliseconds(3)});
    EXPECT_EQ(values.front(), milliseconds(3));
    EXPECT_EQ(values.back(), milliseconds(3));
}

TEST(Delay, UniformFillsItsRangeEvenly) {
    const auto values = values_of(UniformDelay{milliseconds(2), milliseconds(12)});
    EXPECT_GE(values.front(), milliseconds(2));
    EXPECT_LE(values.back(), milliseconds(12));
    for (const double q : {0.01, 0.25, 0.5, 0.9, 0.99}) {
        EXPECT_NEAR(ms_at(values, q), 2 + 10 * q, 0.05) << q;
    }
}

TEST(Delay, LognormalHasItsMedianAndItsTail) {
    const auto values = values_of(LognormalDelay{milliseconds(10), 0.7});
    const struct {
        double q, normal;
    } rows[] = {{0.1, -1.2816}, {0.5, 0}, {0.9, 1.2816}, {0.99, 2.3263}};
    for (const auto& [q, normal] : rows) {
        EXPECT_NEAR(ms_at(values, q) / (10 * std::exp(0.7 * normal)), 1, 0.03) << q;
    }
}

TEST(Delay, BimodalIsSlowForItsShare) {
    const auto values = values_of(BimodalDelay{milliseconds(5), milliseconds(50), 0.3});
    const auto slow = std::count(values.begin(), values.end(), milliseconds(50));
    const auto quick = std::count(values.begin(), values.end(), milliseconds(5));
    EXPECT_EQ(slow + quick, 100'000);
    EXPECT_NEAR(static_cast<double>(slow) / 1e5, 0.3, 0.01);
}

TEST(Delay, TheSameSeedDrawsTheSameValues) {
    const Delay delay = LognormalDelay{milliseconds(10), 0.7};
    EXPECT_EQ(values_of(delay, 5), values_of(delay, 5));
    EXPECT_NE(values_of(delay, 5), values_of(delay, 6));
}

TEST(HiccupMeter, AStallWeighsAsMuchAsTheWakeUpsItSwallowed) {
    Histogram hiccups;
    record_hiccup(hiccups, std::chrono::microseconds{40});
    EXPECT_EQ(hiccups.count(), 1u);
    record_hiccup(hiccups, std::chrono::milliseconds{10});
    EXPECT_EQ(hiccups.count(), 101u);
    EXPECT_NEAR(to_ms(hiccups.quantile(0.5)), 5, 0.1) << "the mean wait in a stall is half of it";
    EXPECT_NEAR(to_ms(hiccups.max()), 10, 0.01);
}

}  // namespace
}  // namespace loadline

#include "stats/lag_windows.hpp"

#include <gtest/gtest.h>

namespace loadline {
namespace {

using std::chrono::microseconds;

/// 100 windows of 50 requests that leave 5 µs late; in every tenth window one stalls by 8 ms.
TEST(LagWindows, TheMedianWindowKnowsNothingOfRareStalls) {
    LagWindows windows;
    Histogram p99, all;
    TimePoint due{std::chrono::seconds{5}};
    for (int window = 0; window < 100; ++window) {
        for (int i = 0; i < 50; ++i, due += microseconds{200}) {
            const bool stalls = window % 10 == 0 && i == 7;
            const Duration lag = stalls ? milliseconds(8) : Duration{microseconds{5}};
            windows.record(due, lag, p99);
            all.record(lag);
        }
    }
    EXPECT_EQ(p99.count(), 99U);  // the last one is still open
    EXPECT_NEAR(to_ms(p99.quantile(0.5)), 0.005, 0.00001);
    EXPECT_NEAR(to_ms(p99.quantile(0.95)), 8, 0.01);
    EXPECT_NEAR(to_ms(all.quantile(0.999)), 8, 0.01);
}

TEST(LagWindows, AnEmptyWindowIsNone) {
    LagWindows windows;
    Histogram p99;
    TimePoint due{std::chrono::seconds{5}};
    windows.record(due, microseconds{1}, p99);
    windows.record(due + std::chrono::seconds{1}, microseconds{1}, p99);
    EXPECT_EQ(p99.count(), 1U);
}

}  // namespace
}  // namespace loadline

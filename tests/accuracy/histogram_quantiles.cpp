#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "base/rng.hpp"
#include "stats/histogram.hpp"

namespace loadline {
namespace {

constexpr std::size_t sample_count = 1'000'000;
constexpr double low_ns = 10e3, high_ns = 10e9;  // 10 us .. 10 s

/// 50, 51 .. 99, 99.1 .. 99.9, 99.91 .. 99.99, 99.991 .. 99.999 percent, as shares.
std::vector<double> shares() {
    std::vector<double> out;
    for (int percent = 50; percent <= 99; ++percent) out.push_back(percent / 100.0);
    for (const double nines : {1e3, 1e4, 1e5}) {
        for (int i = 9; i >= 1; --i) out.push_back(1 - i / nines);
    }
    return out;
}

/// Sum of twelve uniform numbers less six: near enough to a normal one.
double normal(Rng& rng) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += rng.uniform();
    return sum;
}

struct Shape {
    const char* name;
    std::function<double(Rng&)> draw_ns;
};

const Shape shapes[] = {
    {"log-uniform", [](Rng& rng) { return low_ns * std::pow(high_ns / low_ns, rng.uniform()); }},
    {"lognormal around 3 ms", [](Rng& rng) { return 3e6 * std::exp(1.5 * normal(rng)); }},
    {"exponential, mean 100 ms", [](Rng& rng) { return 100e6 * rng.exponential(); }},
    {"1 ms, and 1 % at 10 s less up to 1 s",
     [](Rng& rng) { return rng.uniform() < 0.99 ? 1e6 : high_ns - 1e9 * rng.uniform(); }},
};

TEST(HistogramQuantiles, LieWithinATenthOfAPercentOfAnExactSort) {
    for (const auto& shape : shapes) {
        SCOPED_TRACE(shape.name);
        Rng rng{1, 7};
        Histogram histogram;
        std::vector<std::int64_t> values(sample_count);
        for (auto& value : values) {
            value = std::llround(std::clamp(shape.draw_ns(rng), low_ns, high_ns));
            histogram.record(Duration{value});
        }
        std::sort(values.begin(), values.end());

        double worst = 0;
        for (const double q : shares()) {
            const auto rank = static_cast<std::size_t>(std::ceil(q * sample_count - 1e-6));
            const auto exact = static_cast<double>(values[rank - 1]);
            const auto got = static_cast<double>(histogram.quantile(q).count());
            worst = std::max(worst, std::abs(got / exact - 1));
            EXPECT_NEAR(got / exact, 1, 0.001) << "percentile " << 100 * q;
        }
        EXPECT_GT(worst, 0) << "an exact match everywhere would mean that nothing was compared";
        EXPECT_EQ(histogram.count(), sample_count);
    }
}

}  // namespace
}  // namespace loadline

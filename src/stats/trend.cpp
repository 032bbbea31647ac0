#include "stats/trend.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

namespace loadline {
namespace {

constexpr double normal_975 = 1.959964;

/// The variance of Kendall's S when there is no trend; ties make it smaller.
double variance_of_s(std::span<const double> y) {
    const auto term = [](double n) { return n * (n - 1) * (2 * n + 5); };
    std::vector<double> sorted{y.begin(), y.end()};
    std::sort(sorted.begin(), sorted.end());
    double sum = term(static_cast<double>(y.size()));
    for (auto begin = sorted.begin(); begin != sorted.end();) {
        const auto end = std::upper_bound(begin, sorted.end(), *begin);
        sum -= term(static_cast<double>(end - begin));
        begin = end;
    }
    return sum / 18;
}

double continuity_corrected(double s, double variance) {
    if (variance <= 0 || s == 0) return 0;
    return (s > 0 ? s - 1 : s + 1) / std::sqrt(variance);
}

}  // namespace

Trend trend_of(std::span<const double> x, std::span<const double> y) {
    assert(x.size() == y.size());
    Trend trend;
    trend.points = y.size();
    if (y.size() < 2) return trend;
    std::vector<double> slopes;
    slopes.reserve(y.size() * (y.size() - 1) / 2);
    double s = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
        for (std::size_t j = i + 1; j < y.size(); ++j) {
            slopes.push_back((y[j] - y[i]) / (x[j] - x[i]));
            s += y[j] > y[i] ? 1 : y[j] < y[i] ? -1 : 0;
        }
    }
    const double variance = variance_of_s(y);
    trend.z = continuity_corrected(s, variance);

    std::sort(slopes.begin(), slopes.end());
    const auto n = static_cast<double>(slopes.size());
    const auto middle = slopes.size() / 2;
    trend.slope =
        slopes.size() % 2 == 1 ? slopes[middle] : (slopes[middle - 1] + slopes[middle]) / 2;
    // Sen's ranks, counted from 1: (n - c)/2 and (n + c)/2 + 1, rounded outwards.
    const double c = normal_975 * std::sqrt(std::max(variance, 0.0));
    const double low = std::max(std::floor((n - c) / 2) - 1, 0.0);
    const double high = std::min(std::ceil((n + c) / 2), n - 1);
    trend.low = slopes[static_cast<std::size_t>(low)];
    trend.high = slopes[static_cast<std::size_t>(high)];
    return trend;
}

}  // namespace loadline

#include "stats/quantile.hpp"

#include <algorithm>
#include <cassert>

namespace loadline {

double exact_quantile(std::vector<double> values, double q) {
    assert(!values.empty());
    const auto n = static_cast<double>(values.size());
    const double rank = std::clamp(std::ceil(q * n - 1e-9), 1.0, n);
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank) - 1;
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

Share95 wilson_interval(std::uint64_t hits, std::uint64_t trials) {
    if (trials == 0) return {0, 1};
    constexpr double z = 1.959963984540054;
    const auto n = static_cast<double>(trials);
    const double p = static_cast<double>(hits) / n;
    const double centre = p + z * z / (2 * n);
    const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    const double scale = 1 + z * z / n;
    return {std::max(0.0, (centre - half) / scale), std::min(1.0, (centre + half) / scale)};
}

}  // namespace loadline

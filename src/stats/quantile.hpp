#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

namespace loadline {

/// Fewest values from which percentile q (0 <= q < 1) can be read at all: 1/(1-q).
inline std::uint64_t samples_needed(double q) {
    return static_cast<std::uint64_t>(std::ceil((1 - 1e-9) / (1 - q)));  // 1-q is not exact
}

/// The q-quantile of values by sorting, nearest rank. Requires at least one value.
double exact_quantile(std::vector<double> values, double q);

/// Wilson score interval of a share at 95 %: low and high, clamped to [0, 1].
struct Share95 {
    double low, high;
};
Share95 wilson_interval(std::uint64_t hits, std::uint64_t trials);

}  // namespace loadline

#pragma once
#include <cstddef>
#include <span>

namespace loadline {

/// Whether a series rises or falls, and how steeply, without an assumption on how its values
/// are distributed.
struct Trend {
    std::size_t points = 0;
    /// Of the Mann-Kendall test (Mann 1945, Kendall 1975), corrected for ties and continuity:
    /// about standard normal when there is no trend, above 3 when it surely rises. 0 when all
    /// values are equal.
    double z = 0;
    /// The estimate of Theil and Sen: the median slope of all pairs of points, in units of y
    /// per unit of x; with Sen's interval (1968), which holds it at 95 %.
    double slope = 0, low = 0, high = 0;
};

/// The trend of y over x. Costs n^2/2 in time and memory: thin out what is longer than some
/// hundred points. All zero for fewer than two. Requires as many x as y, x rising.
Trend trend_of(std::span<const double> x, std::span<const double> y);

}  // namespace loadline

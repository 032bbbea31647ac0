#pragma once
#include <span>

namespace loadline {

/// Statistics on paired differences: is the second of each pair larger, and by how much?

/// One-sided p-value of Wilcoxon's signed-rank test (Wilcoxon 1945): how probable so large a
/// sum of the ranks of the positive differences is when their distribution is symmetric
/// about 0. Small: the differences are above 0.
///
/// Differences of exactly 0 are left out; equal sizes share their mean rank. Exact up to 50
/// differences, by counting all signs; a normal approximation with corrections for ties and
/// continuity beyond. 1 when no difference is left. Requires finite differences.
double wilcoxon_greater(std::span<const double> differences);

/// Where the differences lie, with an interval that holds it.
struct Shift {
    double estimate = 0;
    double low = 0, high = 0;
    /// What the interval promises, 0..1: at least what was asked for, unless there are too few
    /// differences for that; then the interval spans them all.
    double confidence = 0;
};

/// The estimate of Hodges and Lehmann (1963), the median of the means of all pairs of
/// differences (each with itself too), with the interval that inverts Wilcoxon's test.
/// Requires at least one difference, all finite, and 0 < confidence < 1.
Shift hodges_lehmann(std::span<const double> differences, double confidence = 0.95);

}  // namespace loadline

#pragma once
#include <cstdint>
#include <iosfwd>
#include <vector>

#include "stats/histogram.hpp"

namespace loadline {

/// The percentile spectrum as text (latency.hgrm), as HdrHistogram's tools print and plot it:
/// Value in ms, Percentile, TotalCount, 1/(1-Percentile), then the footer. Five lines to each
/// halving of the distance to 100 %. Unanswered ones stand in it at 1 h; mean, deviation and
/// max are of the answered ones.
void write_spectrum(std::ostream& out, const Histogram& histogram);

/// The percentiles of that spectrum, as shares of 1, up to the one that `count` values can
/// still tell from the maximum. Rising; without 1.
std::vector<double> spectrum_percentiles(std::uint64_t count);

}  // namespace loadline

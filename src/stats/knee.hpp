#pragma once
#include <cstddef>
#include <optional>
#include <span>

namespace loadline {

/// One measured point of a latency-throughput curve.
struct LoadPoint {
    double throughput = 0;  ///< per second
    double latency = 0;     ///< seconds, or any other unit that all points share
};

/// Kleinrock's knee: the index of the point with the largest power, throughput / latency
/// (Kleinrock 1979); of several the first. Beyond it latency grows faster than throughput.
/// Points without throughput or latency are passed over; nothing when none is left.
std::optional<std::size_t> kleinrock_knee(std::span<const LoadPoint> points);

}  // namespace loadline

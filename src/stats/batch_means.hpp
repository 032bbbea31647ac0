#pragma once
#include <cstddef>
#include <optional>
#include <span>

namespace loadline {

/// The mean of a series whose neighbours resemble each other, and how far to trust it.
struct BatchMeans {
    double mean = 0;            ///< of all values that fill whole batches
    double standard_error = 0;  ///< of that mean, from the scatter of the batches' means
    std::size_t batches = 0;
};

/// Batch means: the series is cut into batches of `batch` values, long enough that their
/// means no longer resemble each other (ten seconds of one-second values, say). What does
/// not fill a batch at the end is left out. Nothing when there are fewer than two batches.
/// Requires batch > 0.
std::optional<BatchMeans> batch_means(std::span<const double> values, std::size_t batch);

}  // namespace loadline

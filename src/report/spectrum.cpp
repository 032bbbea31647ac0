#include "report/spectrum.hpp"

#include <fmt/format.h>

#include <cmath>
#include <ostream>

namespace loadline {
namespace {

constexpr double ns_per_ms = 1e6;

/// How many values lie in the bucket of `value` and below.
std::uint64_t count_up_to(const Histogram& histogram, Duration value) {
    const auto counts = histogram.counts();
    const auto last = Histogram::index_of(static_cast<std::uint64_t>(value.count()));
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i <= last; ++i) sum += counts[i];
    return sum;
}

/// Standard deviation in ns of the answered values, each taken at the middle of its bucket.
double deviation(const Histogram& histogram) {
    const auto answered = histogram.count() - histogram.unanswered_count();
    if (answered == 0) return 0;
    const auto counts = histogram.counts();
    const auto last = Histogram::index_of(static_cast<std::uint64_t>(histogram.max().count()));
    const auto mean = static_cast<double>(histogram.mean().count());
    double squares = 0;
    for (std::size_t i = 0; i <= last; ++i) {
        if (counts[i] == 0) continue;
        const auto low = static_cast<double>(Histogram::lowest_at(i));
        const auto high = static_cast<double>(Histogram::highest_at(i));
        const auto distance = (low + high) / 2 - mean;
        squares += static_cast<double>(counts[i]) * distance * distance;
    }
    return std::sqrt(squares / static_cast<double>(answered));
}

}  // namespace

std::vector<double> spectrum_percentiles(std::uint64_t count) {
    constexpr int per_halving = 5;
    std::vector<double> levels;
    double step = 0.5 / per_halving;
    double distance = 1;  // of the current level to 1
    while (distance * static_cast<double>(count) >= 1) {
        for (int i = 0; i < per_halving; ++i) {
            const auto rest = distance - step * i;
            if (rest * static_cast<double>(count) < 1) return levels;
            levels.push_back(1 - rest);
        }
        distance /= 2;
        step /= 2;
    }
    return levels;
}

void write_spectrum(std::ostream& out, const Histogram& histogram) {
    out << fmt::format("{:>14} {:>14} {:>10} {:>16}\n\n", "Value", "Percentile", "TotalCount",
                       "1/(1-Percentile)");
    const auto write_row = [&](double percentile) {
        const auto value = histogram.quantile(percentile);
        out << fmt::format("{:14.6f} {:14.12f} {:10}",
                           static_cast<double>(value.count()) / ns_per_ms, percentile,
                           count_up_to(histogram, value));
        if (percentile < 1) out << fmt::format(" {:16.2f}", 1 / (1 - percentile));
        out << '\n';
    };
    if (histogram.count() > 0) {
        for (const double percentile : spectrum_percentiles(histogram.count()))
            write_row(percentile);
        write_row(1);
    }
    out << fmt::format("#[Mean    = {:12.6f}, StdDeviation   = {:12.6f}]\n",
                       static_cast<double>(histogram.mean().count()) / ns_per_ms,
                       deviation(histogram) / ns_per_ms);
    out << fmt::format("#[Max     = {:12.6f}, Total count    = {:12}]\n",
                       static_cast<double>(histogram.max().count()) / ns_per_ms, histogram.count());
    out << fmt::format("#[Buckets = {:12}, SubBuckets     = {:12}]\n", Histogram::bucket_count,
                       2 * Histogram::half_count);
}

}  // namespace loadline

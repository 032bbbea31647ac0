#pragma once
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include "base/time.hpp"

/// stats: counts, latency histograms, generator health, and the statistics on them.
namespace loadline {

/// A latency histogram with three significant digits from 1 ns to 1 h, in the bucket
/// layout of HdrHistogram (lowest 1, highest 3.6e12, 3 digits), so that its counts can
/// be written to an .hlog and read by any HdrHistogram library.
///
/// Nothing is clipped silently: values above 1 h are recorded at 1 h, the place that
/// also stands for "never answered" (see `unanswered`). Values below 1 ns count as 1 ns.
/// The bucket of 1 h is 2.1 s wide: a value in it is taken as 1 h.
///
/// Memory: 264 KiB, of which the kernel only backs the pages that were touched. Copying,
/// clearing and merging cost time in proportion to the touched range. Not thread-safe.
/// A moved-from histogram may only be assigned to or destroyed.
class Histogram {
public:
    static constexpr int sub_bucket_bits = 11;  // 2048 sub-buckets
    static constexpr std::size_t half_count = 1u << (sub_bucket_bits - 1);
    static constexpr std::size_t bucket_count = 32;  // 2048 << 31 > 3.6e12
    static constexpr std::size_t counts_size = (bucket_count + 1) * half_count;

    /// Where exchanges without an answer are recorded: +infinity for every percentile.
    static constexpr Duration unanswered = std::chrono::hours{1};

    Histogram();
    Histogram(const Histogram& other);
    Histogram& operator=(const Histogram& other);
    Histogram(Histogram&&) noexcept = default;
    Histogram& operator=(Histogram&&) noexcept = default;
    ~Histogram() = default;

    void record(Duration value) { record(value, 1); }
    void record(Duration value, std::uint64_t count) {
        const auto ns = std::clamp<std::int64_t>(value.count(), 1, unanswered.count());
        add(index_of(static_cast<std::uint64_t>(ns)), count);
    }

    std::uint64_t count() const { return total_; }
    /// Counts recorded at 1 h: never answered.
    std::uint64_t unanswered_count() const { return counts_[unanswered_index]; }

    /// The value at or below which at least share `q` (0..1) of all values lie: the highest
    /// value equivalent to its bucket, as HdrHistogram's getValueAtPercentile defines it.
    /// Exactly `unanswered` when the unanswered ones reach it. Zero when empty.
    Duration quantile(double q) const;
    /// Share of the values that lie in buckets wholly above `limit`. 0 when empty.
    double share_above(Duration limit) const;

    /// Over the values below `unanswered` only; zero when there are none. Read from the
    /// buckets: the lowest and highest value of the outermost ones, the mean of middles.
    Duration min() const;
    Duration max() const;
    Duration mean() const;

    void merge(const Histogram& other);
    void clear();

    /// The bucket counts, index 0..counts_size-1: what hlog encodes.
    std::span<const std::uint64_t> counts() const { return {counts_.get(), counts_size}; }
    /// Adds to one bucket by its index: the way back from `counts`.
    void add(std::size_t index, std::uint64_t count) {
        counts_[index] += count;
        total_ += count;
        low_ = std::min(low_, index);
        high_ = std::max(high_, index);
    }

    /// Requires ns <= 1 h.
    static constexpr std::size_t index_of(std::uint64_t ns) {
        const auto width = static_cast<int>(std::bit_width(ns | (2 * half_count - 1)));
        const int bucket = width - sub_bucket_bits;
        return static_cast<std::size_t>(bucket) * half_count +
               static_cast<std::size_t>(ns >> bucket);
    }
    static constexpr std::uint64_t lowest_at(std::size_t index) {
        if (index < 2 * half_count) return index;
        return std::uint64_t{half_count + index % half_count} << shift_at(index);
    }
    static constexpr std::uint64_t highest_at(std::size_t index) {
        return lowest_at(index) + ((std::uint64_t{1} << shift_at(index)) - 1);
    }

private:
    static constexpr std::size_t shift_at(std::size_t index) {
        return index < 2 * half_count ? 0 : index / half_count - 1;
    }
    static const std::size_t unanswered_index;

    struct Free {
        void operator()(std::uint64_t* p) const { std::free(p); }
    };
    using Counts = std::unique_ptr<std::uint64_t[], Free>;
    static Counts zeroed();  ///< calloc: untouched pages cost nothing

    Counts counts_;
    std::uint64_t total_ = 0;
    std::size_t low_ = counts_size, high_ = 0;  ///< touched range of indices, both included
};

inline constexpr std::size_t Histogram::unanswered_index =
    Histogram::index_of(std::uint64_t{Histogram::unanswered.count()});

}  // namespace loadline

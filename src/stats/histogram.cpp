#include "stats/histogram.hpp"

#include <cmath>
#include <limits>
#include <new>

namespace loadline {

Histogram::Counts Histogram::zeroed() {
    auto* counts = static_cast<std::uint64_t*>(std::calloc(counts_size, sizeof(std::uint64_t)));
    if (counts == nullptr) throw std::bad_alloc{};
    return Counts{counts};
}

Histogram::Histogram() : counts_{zeroed()} {}

Histogram::Histogram(const Histogram& other) : counts_{zeroed()} { merge(other); }

Histogram& Histogram::operator=(const Histogram& other) {
    if (this == &other) return *this;
    if (counts_) {
        clear();
    } else {
        *this = Histogram{};
    }
    merge(other);
    return *this;
}

Duration Histogram::quantile(double q) const {
    if (total_ == 0) return Duration{};

    // As HdrHistogram: one unit in the last place less, so that 0.99 * 100 is never 99 and
    // a bit; then round up, and reach at least the first value.
    const double percent = std::nextafter(100 * q, -std::numeric_limits<double>::infinity());
    const double rank =
        std::ceil(std::clamp(percent, 0.0, 100.0) * static_cast<double>(total_) / 100);
    const auto wanted = std::max<std::uint64_t>(static_cast<std::uint64_t>(rank), 1);

    std::uint64_t seen = 0;
    for (std::size_t i = low_; i <= high_; ++i) {
        seen += counts_[i];
        if (seen < wanted) continue;
        if (i == unanswered_index) break;
        return Duration{highest_at(i)};
    }
    return unanswered;
}

double Histogram::share_above(Duration limit) const {
    if (total_ == 0) return 0;
    const auto ns = std::clamp<std::int64_t>(limit.count(), 0, unanswered.count());
    std::uint64_t above = 0;
    for (std::size_t i = std::max(low_, index_of(static_cast<std::uint64_t>(ns)) + 1); i <= high_;
         ++i) {
        above += counts_[i];
    }
    return static_cast<double>(above) / static_cast<double>(total_);
}

Duration Histogram::min() const {
    for (std::size_t i = low_; i <= high_ && i < unanswered_index; ++i) {
        if (counts_[i] != 0) return Duration{lowest_at(i)};
    }
    return Duration{};
}

Duration Histogram::max() const {
    if (total_ == 0) return Duration{};
    for (std::size_t i = std::min(high_, unanswered_index - 1) + 1; i-- > low_;) {
        if (counts_[i] != 0) return Duration{highest_at(i)};
    }
    return Duration{};
}

Duration Histogram::mean() const {
    double sum = 0;
    std::uint64_t n = 0;
    for (std::size_t i = low_; i <= high_ && i < unanswered_index; ++i) {
        const auto twice_middle = static_cast<double>(lowest_at(i) + highest_at(i));
        sum += twice_middle / 2 * static_cast<double>(counts_[i]);
        n += counts_[i];
    }
    return n == 0 ? Duration{} : Duration{std::llround(sum / static_cast<double>(n))};
}

void Histogram::merge(const Histogram& other) {
    if (other.total_ == 0) return;
    for (std::size_t i = other.low_; i <= other.high_; ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    low_ = std::min(low_, other.low_);
    high_ = std::max(high_, other.high_);
}

void Histogram::clear() {
    if (low_ <= high_) std::fill(&counts_[low_], &counts_[high_] + 1, 0);
    total_ = 0;
    low_ = counts_size;
    high_ = 0;
}

}  // namespace loadline

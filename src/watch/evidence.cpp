#include "watch/evidence.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "base/fill.hpp"
#include "stats/quantile.hpp"

namespace loadline {
namespace {

constexpr double surely = 3;  // of Mann-Kendall's z: 1 in 740 by chance
constexpr std::uint64_t closes_that_show = 20;
constexpr double sockets_due = 3;  // fewer than these may stay away by chance (5 %)
constexpr std::size_t most_points = 600;
constexpr Duration second = std::chrono::seconds{1};

/// A stay as the evidence counts it: when it became stale, and when it went.
struct Span {
    TimePoint birth, end;
    bool gone = false;
};

std::vector<Span> stays_of(const CloseWaitTracker& tracker, const LoadStretch& load) {
    std::vector<Span> stays;
    stays.reserve(tracker.live().size() + tracker.ended().size());
    for (const auto& [cookie, stay] : tracker.live()) {
        if (stay.other_server || (stay.before_load && !load.with_before)) continue;
        // Not in the last sample: gone, as far as anybody can say.
        stays.push_back({stay.birth_latest, stay.last_seen, stay.missed > 0});
    }
    for (const auto& stay : tracker.ended()) {
        if (stay.before_load && !load.with_before) continue;
        stays.push_back({stay.birth_latest, stay.last_seen, true});
    }
    return stays;
}

/// The samples, from the first to before the last, at which a stay was at least tau old.
std::pair<std::size_t, std::size_t> stale_samples(const Span& stay,
                                                  std::span<const SocketSample> samples,
                                                  Duration tau) {
    const auto index_after = [&](TimePoint at, auto compare) {
        return static_cast<std::size_t>(
            std::partition_point(samples.begin(), samples.end(),
                                 [&](const SocketSample& s) { return compare(s.at, at); }) -
            samples.begin());
    };
    const auto first = index_after(stay.birth + tau, std::less{});
    const auto last = stay.gone ? index_after(stay.end, std::less_equal{}) : samples.size();
    return {std::min(first, last), last};
}

/// How many stays were at least tau old at each sample.
std::vector<double> stale_counts(const std::vector<Span>& stays,
                                 std::span<const SocketSample> samples, Duration tau) {
    std::vector<double> change(samples.size() + 1);
    for (const auto& stay : stays) {
        const auto [first, last] = stale_samples(stay, samples, tau);
        ++change[first];
        --change[last];
    }
    change.pop_back();
    for (std::size_t i = 1; i < change.size(); ++i) change[i] += change[i - 1];
    return change;
}

/// A series of medians: of each second, or of longer bins where there are too many.
struct Series {
    std::vector<double> at, value;  ///< begin of the bin, in seconds from `begin`

    double rise() const { return value.empty() ? 0 : value.back() - value.front(); }
};

template <class Value>
Series medians(std::span<const SocketSample> samples, TimePoint begin, TimePoint end, Value value) {
    Series series;
    const auto bin = std::max<Duration>(second, (end - begin) / static_cast<int>(most_points));
    std::vector<double> values;
    std::size_t i = 0;
    while (i < samples.size() && samples[i].at < begin) ++i;
    for (auto from = begin; from + bin <= end; from += bin) {
        values.clear();
        for (; i < samples.size() && samples[i].at < from + bin; ++i) {
            if (const std::optional<double> v = value(i)) values.push_back(*v);
        }
        if (values.empty()) continue;
        series.at.push_back(to_seconds(from - begin));
        series.value.push_back(exact_quantile(values, 0.5));
    }
    return series;
}

void add_trend(SocketEvidence& e, const Series& series, const LoadStretch& load, Duration tau) {
    e.points = series.value.size();
    if (e.points == 0) return;
    const auto trend = trend_of(series.at, series.value);
    const auto count = [](double v) { return static_cast<std::uint32_t>(std::lround(v)); };
    e.stale.z = trend.z;
    e.stale.per_s = trend.slope;
    e.stale.per_s_interval = {trend.low, trend.high};
    e.stale.first = count(series.value.front());
    e.stale.last = count(series.value.back());
    e.stale.highest = count(*std::max_element(series.value.begin(), series.value.end()));

    const auto from = static_cast<std::ptrdiff_t>(e.points * 6 / 10);
    const std::vector<double> at{series.at.begin() + from, series.at.end()};
    const std::vector<double> value{series.value.begin() + from, series.value.end()};
    e.tail = trend_of(at, value);
    e.tail_rise = value.back() - value.front();
    // A socket that turns stale in the tail was closed tau before.
    const auto begin = load.begin + tau + seconds(at.front());
    e.tail_length = load.end - begin;
    e.closes_in_tail = load.closes_until(load.end - tau) - load.closes_until(begin - tau);
}

void count_stays(SocketEvidence& e, const std::vector<Span>& stays, const LoadStretch& load,
                 Duration tau) {
    for (const auto& stay : stays) {
        const auto end = stay.gone ? stay.end : load.now;
        const auto age = end - stay.birth;
        if (stay.birth <= load.end - tau && age >= tau) ++e.stuck;
        e.old_time += std::max(Duration{}, age - tau);
        if (stay.gone && age >= tau) {
            ++e.old_gone;
            e.old_gone_in_load += stay.end <= load.end;
        }
        if (load.end - stay.birth >= tau && (!stay.gone || stay.end >= load.end)) {
            ++e.cohort;
            e.departed += stay.gone;
        }
    }
}

std::int64_t fds_of(const SocketSample& sample) { return sample.fds.value_or(0); }

/// Descriptors that are no socket of the port, of all processes that hold it: what one worker has
/// and what another has accepted must not be held against each other.
std::int64_t unexplained(const SocketSample& sample) {
    return fds_of(sample) + sample.fds_of_others - sample.owned;
}

/// What was opened and is no socket of the port. Sockets that went are no descriptors opened, and
/// neither are those that a new worker has from its birth.
std::int64_t invisible_growth(const SocketSample& from, const SocketSample& to) {
    return std::min(fds_of(to) - fds_of(from), unexplained(to) - unexplained(from));
}

/// Whether processes hold sockets of the port whose descriptors are not counted: other workers than
/// the one that was named. One sample shows nothing: a socket may be closed after it was counted
/// and before the descriptors are.
bool holders_missing(const std::vector<const SocketSample*>& visible) {
    const auto both = [](const auto* a, const auto* b) {
        return unexplained(*a) < 0 && unexplained(*b) < 0;
    };
    return std::adjacent_find(visible.begin(), visible.end(), both) != visible.end();
}

bool surely_grows(const Trend& trend) { return trend.z >= surely && trend.low > 0; }

/// The accept queue when it was fullest.
void add_accept_queue(SocketEvidence& e, std::span<const SocketSample> samples) {
    for (const auto& sample : samples) {
        const Fill fill{sample.accept_queue, sample.backlog};
        if (!fill.fuller_than({e.accept_queue_max, e.backlog})) continue;
        e.accept_queue_max = sample.accept_queue;
        e.backlog = sample.backlog;
    }
}

/// `visible`: the samples with descriptors, at least one.
void add_invisible(SocketEvidence& e, std::span<const SocketSample> samples,
                   const std::vector<const SocketSample*>& visible, const LoadStretch& load) {
    e.invisible = invisible_growth(*visible.front(), *visible.back());
    const auto middle = load.begin + (load.end - load.begin) / 2;
    const auto half = std::find_if(visible.begin(), visible.end(),
                                   [&](const auto* sample) { return sample->at >= middle; });
    if (half != visible.end()) e.invisible_late = invisible_growth(**half, *visible.back());

    const auto series = [&](std::int64_t (*value)(const SocketSample&)) {
        return medians(samples, load.begin, load.end, [&, value](std::size_t i) {
            return samples[i].fds ? std::optional{static_cast<double>(value(samples[i]))}
                                  : std::nullopt;
        });
    };
    const auto opened = series(fds_of), gap = series(unexplained);
    e.invisible_rising = surely_grows(trend_of(opened.at, opened.value)) &&
                         surely_grows(trend_of(gap.at, gap.value));
}

void add_descriptors(SocketEvidence& e, std::span<const SocketSample> samples,
                     const LoadStretch& load) {
    std::vector<const SocketSample*> visible;
    std::optional<std::uint64_t> limit;  // the latest
    for (const auto& sample : samples) {
        if (!sample.fds) continue;
        visible.push_back(&sample);
        if (sample.fd_limit) limit = sample.fd_limit;
        const Fill fill{*sample.fds, sample.fd_limit.value_or(0)};
        if (!fill.fuller_than({e.fds_max, e.fds_max_limit.value_or(0)})) continue;
        e.fds_max = *sample.fds;
        e.fds_max_limit = sample.fd_limit;
        e.fds_max_pid = sample.fds_pid;
    }
    if (visible.empty()) return;
    if (!holders_missing(visible)) add_invisible(e, samples, visible, load);
    // Under another limit it was another process that was the fullest, or the limit was changed:
    // how far that was from its limit says nothing of when this one is reached.
    const auto fds = medians(samples, load.begin, load.end, [&](std::size_t i) {
        return samples[i].fds && samples[i].fd_limit == limit
                   ? std::optional<double>{*samples[i].fds}
                   : std::nullopt;
    });
    const auto trend = trend_of(fds.at, fds.value);
    if (!limit || !surely_grows(trend) || fds.rise() < 5 || e.fd_exhausted()) return;
    const auto left = static_cast<double>(*limit) - fds.value.back();
    const auto eta = left / trend.slope;
    if (left > 0 && eta < to_seconds(std::chrono::hours{24 * 365})) e.fd_eta = seconds(eta);
}

}  // namespace

std::uint64_t LoadStretch::closes_until(TimePoint at) const {
    return std::min(count_until(closed, at).closes, closes);
}

bool SocketEvidence::rising() const {
    const double rise = static_cast<double>(stale.last) - static_cast<double>(stale.first);
    return stale.z >= surely && stale.per_s_interval[0] > 0 &&
           rise >= std::max(5.0, 3 * std::sqrt(stale.first + 1.0));
}

bool SocketEvidence::tail_flat() const {
    const double due = closes_matured == 0
                           ? 0
                           : static_cast<double>(closes_in_tail) * static_cast<double>(stuck) /
                                 static_cast<double>(closes_matured);
    return std::abs(tail_rise) <= 0.05 * stale.highest && closes_in_tail >= closes_that_show &&
           due >= sockets_due;
}

bool SocketEvidence::tail_rising() const {
    return tail.z >= surely && tail.low > 0 && !tail_flat();
}

bool SocketEvidence::reclaimed() const {
    return stuck > 0 && static_cast<double>(old_gone_in_load) >= 0.2 * static_cast<double>(stuck);
}

bool SocketEvidence::nobody_left() const {
    return static_cast<double>(departed) <= 0.05 * static_cast<double>(cohort);
}

bool SocketEvidence::accept_stall() const {
    return backlog > 0 && accept_queue_max >= 0.9 * backlog;
}

bool SocketEvidence::fd_exhausted() const {
    return fds_max_limit && fds_max >= 0.95 * static_cast<double>(*fds_max_limit);
}

double SocketEvidence::old_gone_per_s_at_most() const {
    if (old_time <= Duration{}) return std::numeric_limits<double>::infinity();
    // Byar's approximation of the Poisson count's upper bound, one-sided 95 %.
    const auto n = static_cast<double>(old_gone) + 1;
    const double bound = n * std::pow(1 - 1 / (9 * n) + 1.6449 / (3 * std::sqrt(n)), 3);
    return bound / to_seconds(old_time);
}

void recount_stale(std::span<SocketSample> samples, const CloseWaitTracker& tracker, Duration tau) {
    const auto anew = tracker.begun_anew();
    while (anew && !samples.empty() && samples.front().at < *anew) samples = samples.subspan(1);
    std::vector<std::array<std::int64_t, stuck_class_count>> change(samples.size() + 1);
    const auto add = [&](const Span& stay, StuckClass what, TimePoint accepted) {
        const auto [first, last] = stale_samples(stay, samples, tau);
        const auto then = std::partition_point(samples.begin(), samples.end(),
                                               [&](const auto& s) { return s.at < accepted; });
        const auto middle =
            std::clamp(static_cast<std::size_t>(then - samples.begin()), first, last);
        const auto never = static_cast<std::size_t>(StuckClass::never_accepted);
        ++change[first][never];
        --change[middle][never];
        ++change[middle][static_cast<std::size_t>(what)];
        --change[last][static_cast<std::size_t>(what)];
    };
    for (const auto& [cookie, stay] : tracker.live()) {
        if (stay.other_server && !tracker.outlived(stay, tau)) continue;
        const auto birth =
            stay.other_server ? std::max(stay.birth_latest, *anew) : stay.birth_latest;
        add({birth, stay.last_seen, stay.missed > 0}, stay.what(), stay.accepted);
    }
    for (const auto& stay : tracker.ended()) {
        add({stay.birth_latest, stay.last_seen, true}, stay.what, stay.accepted);
    }
    std::array<std::int64_t, stuck_class_count> now{};
    for (std::size_t i = 0; i < samples.size(); ++i) {
        samples[i].stale = 0;
        for (std::size_t c = 0; c < stuck_class_count; ++c) {
            now[c] += change[i][c];
            samples[i].classes[c] = static_cast<std::uint32_t>(now[c]);
            samples[i].stale += samples[i].classes[c];
        }
    }
}

SocketEvidence gather_evidence(const CloseWaitTracker& tracker,
                               std::span<const SocketSample> samples, const LoadStretch& load,
                               Duration tau) {
    SocketEvidence e;
    if (const auto anew = tracker.begun_anew()) {
        while (!samples.empty() && samples.front().at < *anew) samples = samples.subspan(1);
    }
    const auto stays = stays_of(tracker, load);
    const auto counts = stale_counts(stays, samples, tau);
    const auto series = medians(samples, load.begin + tau, load.end,
                                [&](std::size_t i) { return std::optional{counts[i]}; });
    e.closes_matured = load.closes_until(load.end - tau);
    count_stays(e, stays, load, tau);
    add_trend(e, series, load, tau);
    add_accept_queue(e, samples);
    add_descriptors(e, samples, load);
    return e;
}

}  // namespace loadline

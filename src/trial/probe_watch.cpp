#include "trial/probe_watch.hpp"

#include <cassert>
#include <cmath>

#include "stats/batch_means.hpp"

namespace loadline {
namespace {

using std::chrono::seconds;

constexpr double refine_factor = 5, refine_margin = 10;
constexpr Duration batch = seconds{10};
constexpr Duration first_look = seconds{60};
constexpr double sure = 3;  // standard errors

}  // namespace

ProbeWatch::ProbeWatch(const TrialSpec& spec, std::span<const SearchClause> clauses)
    : spec_{spec},
      clauses_(clauses.begin(), clauses.end()),
      windows_(clauses.size()),
      sums_(clauses.size()),
      next_look_{first_look} {
    assert(spec.expected.size() == clauses.size());
}

std::optional<std::size_t> ProbeWatch::add(Duration length, std::span<const ClauseWindow> windows) {
    assert(windows.size() == clauses_.size());
    elapsed_ += length;
    window_ = std::max(window_, length);
    const bool look = spec_.kind == ProbeResult::Kind::hold && elapsed_ >= next_look_;
    if (look) next_look_ += batch;
    std::optional<std::size_t> lost_by;
    for (std::size_t i = 0; i < windows.size(); ++i) {
        const auto& [requests, bad, overdue] = windows[i];
        windows_[i].push_back({requests, bad});
        sums_[i].requests += requests;
        sums_[i].bad += bad;
        if (lost_by || clauses_[i].only_in_holds || elapsed_ >= spec_.length) continue;
        if (lost(i, overdue) || (look && worse_for_sure(i))) lost_by = i;
    }
    return lost_by;
}

bool ProbeWatch::lost(std::size_t i, std::uint64_t overdue) const {
    const double bad = static_cast<double>(sums_[i].bad + overdue);
    const double expected = spec_.expected[i], allowed = clauses_[i].bad_share * expected;
    switch (spec_.kind) {
        case ProbeResult::Kind::refine:
            return bad > refine_factor * allowed + refine_margin;
        case ProbeResult::Kind::hold:
            // What is due in it is known by chance only: within three deviations.
            return bad > allowed * (1 + 3 / std::sqrt(std::max(1.0, expected))) + 1;
        default:
            return bad > clauses_[i].gross_share() * expected;
    }
}

bool ProbeWatch::worse_for_sure(std::size_t i) const {
    const auto error = standard_error(i);
    const auto& [requests, bad] = sums_[i];
    if (!error || requests == 0) return false;
    const double share = static_cast<double>(bad) / static_cast<double>(requests);
    return share - sure * *error > clauses_[i].bad_share;
}

std::optional<double> ProbeWatch::standard_error(std::size_t i) const {
    if (window_ <= Duration{} || sums_[i].requests == 0) return {};
    std::vector<double> bad;
    for (const auto& window : windows_[i]) bad.push_back(static_cast<double>(window.bad));
    const auto per_batch = static_cast<std::size_t>(std::max<Duration::rep>(1, batch / window_));
    const auto means = batch_means(bad, per_batch);
    if (!means) return {};
    const double requests =
        static_cast<double>(sums_[i].requests) / static_cast<double>(bad.size());
    return means->standard_error / requests;
}

void ProbeWatch::worst_minute(std::size_t i, ClauseCount& count) const {
    const auto& windows = windows_[i];
    const auto minute = static_cast<std::size_t>(std::chrono::seconds{60} / window_);
    if (minute == 0 || windows.size() < minute) return;
    Seen sum{0, 0};
    for (std::size_t at = 0; at < windows.size(); ++at) {
        sum.requests += windows[at].requests;
        sum.bad += windows[at].bad;
        if (at + 1 < minute) continue;
        const auto begin = at + 1 - minute;
        const double share =
            sum.requests > 0 ? static_cast<double>(sum.bad) / static_cast<double>(sum.requests) : 0;
        if (!count.worst_minute_share || share > *count.worst_minute_share) {
            count.worst_minute_share = share;
            count.worst_minute_start = window_ * static_cast<Duration::rep>(begin);
        }
        sum.requests -= windows[begin].requests;
        sum.bad -= windows[begin].bad;
    }
}

void ProbeWatch::describe(std::vector<ClauseCount>& counts) const {
    assert(counts.size() == clauses_.size());
    if (window_ <= Duration{}) return;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        counts[i].standard_error = standard_error(i);
        if (spec_.kind == ProbeResult::Kind::hold) worst_minute(i, counts[i]);
    }
}

}  // namespace loadline

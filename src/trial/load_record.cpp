#include "trial/load_record.hpp"

#include <cmath>
#include <utility>

namespace loadline {
namespace {

constexpr std::size_t most_rows = 7200;
constexpr std::size_t never_thinned = 120;  // of the latest rows: what the detector asks for mostly

}  // namespace

LoadRecord::LoadRecord(const Plan& plan)
    : plan_{plan},
      latest_{{}, std::vector<std::uint64_t>(plan.targets.size()), Counts(plan.steps.size())},
      sent_(plan.steps.size()),
      answered_(plan.steps.size()) {}

void LoadRecord::begin(TimePoint at) {
    if (begin_ == TimePoint{}) begin_ = at;
}

void LoadRecord::add(const Interval& second, TimePoint at) {
    latest_.at = at;
    for (std::size_t i = 0; i < latest_.closes.size(); ++i) latest_.closes[i] += second.closes[i];
    for (std::size_t i = 0; i < latest_.counts.size(); ++i) {
        const auto& step = second.steps[i];
        latest_.counts[i].given_up += step.given_up;
        latest_.counts[i].left_in_flight += step.left_in_flight;
        sent_[i] += step.sent;
        answered_[i] += step.service_time.count();
    }
    rows_.push_back(latest_);
    if (rows_.size() > most_rows) thin();
}

/// Drops every other row but the latest ones: they are sums since the begin, so nothing is lost but
/// what a second of long ago did.
void LoadRecord::thin() {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        if (i + never_thinned < rows_.size() && i % 2 == 0) continue;
        if (kept != i) rows_[kept] = std::move(rows_[i]);
        ++kept;
    }
    rows_.resize(kept);
}

/// Of the requests of each step that we awaited, the part that was given up.
std::vector<double> LoadRecord::given_up_parts() const {
    std::vector<double> parts(answered_.size(), 1);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto given_up = latest_.counts[i].given_up;
        const auto awaited = given_up + answered_[i];
        if (awaited > 0) parts[i] = static_cast<double>(given_up) / static_cast<double>(awaited);
    }
    return parts;
}

LoadFacts LoadRecord::facts(const std::vector<bool>& watched) const {
    const auto parts = given_up_parts();
    const auto of_watched = [&](std::size_t step) { return watched[plan_.steps[step].target]; };
    LoadFacts facts;
    facts.begin = begin_;
    facts.end = end_;
    for (std::size_t i = 0; i < sent_.size(); ++i) facts.requests += of_watched(i) ? sent_[i] : 0;
    for (const auto& row : rows_) {
        CloseCount sum{row.at};
        for (std::size_t i = 0; i < row.closes.size(); ++i) {
            sum.closes += watched[i] ? row.closes[i] : 0;
        }
        double left = 0;
        for (std::size_t i = 0; i < row.counts.size(); ++i) {
            if (!of_watched(i)) continue;
            sum.abandoned += row.counts[i].given_up;
            left += parts[i] * static_cast<double>(row.counts[i].left_in_flight);
        }
        sum.abandoned += static_cast<std::uint64_t>(std::ceil(left));
        facts.closed.push_back(sum);
    }
    return facts;
}

}  // namespace loadline

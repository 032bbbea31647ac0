#include "trial/load_record.hpp"

#include <variant>

namespace loadline {
namespace {

std::uint64_t of(const StepStats& step, Outcome outcome) {
    return step.outcomes[static_cast<std::size_t>(outcome)];
}

/// Exchanges that a churn ended while the server worked on them.
std::uint64_t left_in_flight(const ChurnStats& churn) {
    std::uint64_t sum = 0;
    for (const auto mode : {ChurnMode::fin_inflight, ChurnMode::rst_inflight, ChurnMode::timeout}) {
        sum += churn.of(mode).closes;
    }
    return sum;
}

}  // namespace

LoadRecord::LoadRecord(const Plan& plan) : plan_{plan}, answered_(plan.steps.size()) {}

void LoadRecord::begin(TimePoint at) {
    if (begin_ == TimePoint{}) begin_ = at;
}

void LoadRecord::add(const Interval& second, TimePoint at) {
    const auto targets = plan_.targets.size();
    const auto before = counts_.size();
    counts_.resize(before + targets);
    auto* now = counts_.data() + before;
    for (std::size_t i = 0; i < targets; ++i) {
        if (before > 0) now[i] = counts_[before - targets + i];
        if (i < second.closes.size()) now[i].closes += second.closes[i];
    }
    for (std::size_t i = 0; i < second.steps.size(); ++i) {
        const auto& step = second.steps[i];
        auto& count = now[plan_.steps[i].target];
        count.requests += step.count();
        count.unanswered += of(step, Outcome::timeout) + of(step, Outcome::aborted);
        answered_[i] += step.service_time.count();
    }
    left_.push_back((left_.empty() ? 0 : left_.back()) + left_in_flight(second.churn));
    at_.push_back(at);
}

/// Whether a churn leaves in flight from a step that never answered.
bool LoadRecord::leaves_the_silent(const std::vector<bool>& watched) const {
    if (!plan_.churn.any()) return false;
    for (const auto& journey : plan_.journeys) {
        if (!journey.churn || !watched[journey.churn->target]) continue;
        const auto* last = std::get_if<ExchangeAction>(&journey.actions[journey.churn->action]);
        if (last && answered_[last->step] == 0) return true;
    }
    return false;
}

LoadFacts LoadRecord::facts(const std::vector<bool>& watched) const {
    LoadFacts facts;
    facts.begin = begin_;
    facts.end = end_;
    const auto targets = plan_.targets.size();
    const bool with_left = leaves_the_silent(watched);
    for (std::size_t k = 0; k < at_.size(); ++k) {
        Count sum;
        for (std::size_t i = 0; i < targets; ++i) {
            if (!watched[i]) continue;
            const auto& count = counts_[k * targets + i];
            sum.closes += count.closes;
            sum.requests += count.requests;
            sum.unanswered += count.unanswered;
        }
        if (with_left) sum.unanswered += left_[k];
        facts.closed.push_back({at_[k], sum.closes, sum.unanswered});
        facts.requests = sum.requests;
    }
    return facts;
}

}  // namespace loadline

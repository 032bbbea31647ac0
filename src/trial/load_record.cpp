#include "trial/load_record.hpp"

#include <cmath>

namespace loadline {

LoadRecord::LoadRecord(const Plan& plan)
    : plan_{plan}, sent_(plan.steps.size()), answered_(plan.steps.size()) {}

void LoadRecord::begin(TimePoint at) {
    if (begin_ == TimePoint{}) begin_ = at;
}

void LoadRecord::add(const Interval& second, TimePoint at) {
    const auto targets = plan_.targets.size(), steps = plan_.steps.size();
    const auto seconds = at_.size();
    at_.push_back(at);
    closes_.resize((seconds + 1) * targets);
    counts_.resize((seconds + 1) * steps);
    for (std::size_t i = 0; i < targets; ++i) {
        const auto before = seconds > 0 ? closes_[(seconds - 1) * targets + i] : 0;
        closes_[seconds * targets + i] = before + second.closes[i];
    }
    for (std::size_t i = 0; i < steps; ++i) {
        const auto& step = second.steps[i];
        const auto before = seconds > 0 ? counts_[(seconds - 1) * steps + i] : Count{};
        counts_[seconds * steps + i] = {before.unanswered + step.unanswered,
                                        before.left + step.left};
        sent_[i] += step.sent;
        answered_[i] += step.service_time.count();
    }
}

/// Of the requests of each step that we awaited, the part without an answer.
std::vector<double> LoadRecord::unanswered_parts() const {
    const auto steps = plan_.steps.size();
    std::vector<double> parts(steps, 1);
    for (std::size_t i = 0; i < steps && !at_.empty(); ++i) {
        const auto unanswered = counts_[counts_.size() - steps + i].unanswered;
        const auto awaited = unanswered + answered_[i];
        if (awaited == 0) continue;
        parts[i] = static_cast<double>(unanswered) / static_cast<double>(awaited);
    }
    return parts;
}

LoadFacts LoadRecord::facts(const std::vector<bool>& watched) const {
    const auto targets = plan_.targets.size(), steps = plan_.steps.size();
    const auto parts = unanswered_parts();
    LoadFacts facts;
    facts.begin = begin_;
    facts.end = end_;
    for (std::size_t i = 0; i < steps; ++i) {
        if (watched[plan_.steps[i].target]) facts.requests += sent_[i];
    }
    for (std::size_t k = 0; k < at_.size(); ++k) {
        CloseCount sum{at_[k]};
        for (std::size_t i = 0; i < targets; ++i) {
            if (watched[i]) sum.closes += closes_[k * targets + i];
        }
        double left = 0;
        for (std::size_t i = 0; i < steps; ++i) {
            if (!watched[plan_.steps[i].target]) continue;
            const auto& count = counts_[k * steps + i];
            sum.unanswered += count.unanswered;
            left += parts[i] * static_cast<double>(count.left);
        }
        sum.unanswered += static_cast<std::uint64_t>(std::ceil(left));
        facts.closed.push_back(sum);
    }
    return facts;
}

}  // namespace loadline

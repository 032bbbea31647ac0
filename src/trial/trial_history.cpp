#include "trial/trial_history.hpp"

#include <algorithm>

#include "stats/hlog.hpp"

namespace loadline {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

/// How long one kept point lasts, for what happens at `since_start`.
Duration resolution_at(Duration since_start) {
    if (since_start < hours{1}) return seconds{1};
    return since_start < hours{10} ? seconds{10} : seconds{60};
}

}  // namespace

void append(TimelinePoint& point, const TimelinePoint& later) {
    auto all = later;
    all.length += point.length;
    for (const auto count :
         {&TimelinePoint::scheduled, &TimelinePoint::started, &TimelinePoint::sent,
          &TimelinePoint::dropped, &TimelinePoint::completed, &TimelinePoint::transactions,
          &TimelinePoint::errors}) {
        all.*count += point.*count;
    }
    for (std::size_t i = 0; i < all.outcomes.size(); ++i) all.outcomes[i] += point.outcomes[i];
    all.origins.merge(point.origins);
    for (std::size_t i = 0; i < std::min(all.clauses.size(), point.clauses.size()); ++i) {
        all.clauses[i].requests += point.clauses[i].requests;
        all.clauses[i].bad += point.clauses[i].bad;
    }
    for (const auto worst : {&TimelinePoint::p50, &TimelinePoint::p90, &TimelinePoint::p99,
                             &TimelinePoint::p999, &TimelinePoint::max, &TimelinePoint::service_p50,
                             &TimelinePoint::service_p99, &TimelinePoint::send_lag_p50,
                             &TimelinePoint::send_lag_p99, &TimelinePoint::pool_wait_p99}) {
        all.*worst = std::max(all.*worst, point.*worst);
    }
    if (point.fullest_queue) {
        auto queue = *point.fullest_queue;
        if (later.fullest_queue) queue.take_fuller(*later.fullest_queue);
        all.fullest_queue = queue;
    }
    if (point.target) {
        auto target = *point.target;
        if (later.target) append(target, *later.target);
        all.target = std::move(target);
    }
    all.probes = point.probes;
    append(all.probes, later.probes);
    all.cpu_share_max = std::max(all.cpu_share_max, point.cpu_share_max);
    point = std::move(all);
}

void TrialHistory::add(TimelinePoint point) {
    const auto resolution = resolution_at(point.since_start - point.length);
    const bool joins = !timeline_.empty() && timeline_.back().phase == point.phase &&
                       timeline_.back().length + point.length <= resolution;
    if (joins) {
        append(timeline_.back(), point);
    } else {
        timeline_.push_back(std::move(point));
    }
}

void TrialHistory::add(StepIndex step, Duration since_start, Duration length,
                       const Histogram& histogram) {
    if (histogram.count() == 0) return;
    const auto resolution = resolution_at(since_start);
    auto& pending = pending_[step];
    if (resolution <= length && pending.length == Duration{}) {
        return keep(step, since_start, length, histogram);
    }
    if (pending.length == Duration{}) pending.since_start = since_start;
    pending.length = since_start + length - pending.since_start;
    pending.histogram.merge(histogram);
    if (pending.length < resolution) return;
    keep(step, pending.since_start, pending.length, pending.histogram);
    pending = {};
}

void TrialHistory::keep(StepIndex step, Duration since_start, Duration length,
                        const Histogram& histogram) {
    step_seconds_.push_back(
        {step, since_start, length,
         histogram.unanswered_count() > 0 ? Histogram::unanswered : histogram.max(),
         encode_histogram(histogram)});
}

std::vector<StepSecond> TrialHistory::take_step_seconds() {
    for (std::size_t i = 0; i < pending_.size(); ++i) {
        const auto& [since_start, length, histogram] = pending_[i];
        if (length > Duration{}) keep(static_cast<StepIndex>(i), since_start, length, histogram);
    }
    pending_.clear();
    return std::move(step_seconds_);
}

}  // namespace loadline

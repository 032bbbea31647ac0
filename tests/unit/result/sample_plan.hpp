#pragma once
#include "result/trial_result.hpp"

namespace loadline {

inline constexpr auto ok = static_cast<std::size_t>(Outcome::ok);
inline constexpr auto timed_out = static_cast<std::size_t>(Outcome::timeout);

/// Two transactions with time-outs of 10 s and 4 s, one other step, one journey of all three.
inline Plan sample_plan() {
    Plan plan;
    plan.name = "sample";
    plan.targets = {{"service", *parse_url("http://user:secret@127.0.0.1:8080")}};
    const struct {
        const char* name;
        bool transaction;
        int timeout;
    } steps[] = {{"bet", true, 10}, {"settle", true, 4}, {"ping", false, 60}};
    JourneyPlan journey;
    journey.name = "day";
    for (const auto& row : steps) {
        journey.actions.push_back(ExchangeAction{static_cast<StepIndex>(plan.steps.size())});
        auto& step = plan.steps.emplace_back();
        step.name = row.name;
        step.transaction = row.transaction;
        step.timeout = std::chrono::seconds{row.timeout};
    }
    plan.journeys = {journey};
    plan.load.rate = Rate::per_second(100);
    return plan;
}

inline TrialMeasurement sample_measurement() {
    TrialMeasurement measurement;
    measurement.total = Interval{3, 1};
    measurement.measured = std::chrono::seconds{10};
    return measurement;
}

/// `n` exchanges that ended `ok` after `took`, or without an answer.
inline void add(StepStats& step, std::uint64_t n, Duration took) {
    const bool answered = took != Histogram::unanswered;
    step.outcomes[answered ? ok : timed_out] += n;
    step.response_time.record(took, n);
    if (!answered) return;
    step.response_time_ok.record(took, n);
    step.service_time.record(took, n);
}

inline SloClause percentile(double q, Duration limit, bool inclusive = false) {
    SloClause clause;
    clause.text = "p99 < 100ms";
    clause.quantile = q;
    clause.limit = limit;
    clause.inclusive = inclusive;
    return clause;
}

inline SloClause errors(double limit, bool inclusive = false) {
    SloClause clause;
    clause.text = "errors < 1%";
    clause.metric = SloClause::Metric::errors;
    clause.error_limit = limit;
    clause.inclusive = inclusive;
    return clause;
}

}  // namespace loadline

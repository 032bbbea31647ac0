#include "trial/search_trials.hpp"

#include <algorithm>

#include "base/stop.hpp"
#include "result/verdict.hpp"

namespace loadline {
namespace {

/// A probe that is beyond saving ends early: a fifth of a second-by-second growing sample
/// of at least 200 transactions breaks a latency limit or is an error.
constexpr double hopeless_share = 0.2;
constexpr std::uint64_t hopeless_samples = 200;

bool hopeless(const Plan& plan, const Interval& so_far) {
    const auto all = pooled_transactions(plan, so_far);
    if (all.count() < hopeless_samples) return false;
    const auto limit = smallest_latency_limit(plan);
    return all.response_time.share_above(limit) > hopeless_share;  // unanswered ones are above
}

/// A hold is lost when it has used up what its whole length allows, with a margin for a
/// throughput that still varies: the rest of it could only be wasted.
bool lost(const Plan& plan, const Interval& so_far, Duration elapsed, Duration length) {
    constexpr double margin = 1.2;
    if (elapsed < std::chrono::seconds{5} || elapsed >= length) return false;
    const auto all = pooled_transactions(plan, so_far);
    const double whole =
        static_cast<double>(all.count()) * to_seconds(length) / to_seconds(elapsed);
    return std::any_of(plan.slos.begin(), plan.slos.end(), [&](const SloClause& clause) {
        if (clause.scope != SloClause::Scope::transactions) return false;
        const bool errors = clause.metric == SloClause::Metric::errors;
        const double bad =
            errors ? static_cast<double>(all.errors())
                   : all.response_time.share_above(clause.limit) * static_cast<double>(all.count());
        const double allowed = (errors ? clause.error_limit : 1 - clause.quantile) * whole;
        return bad > margin * allowed + 1;
    });
}

/// Whether a service that is silent now had answered before: then the load has broken it.
bool answered_before(const std::vector<ProbeResult>& history) {
    return std::any_of(history.begin(), history.end(),
                       [](const ProbeResult& probe) { return probe.error_share < 1; });
}

/// A short probe may see too few exchanges of a rare step to judge its clause. It passes by
/// the clauses that it can judge; the hold must keep them all.
bool passes_so_far(const TrialMeasurement& m, const std::vector<ClauseResult>& clauses) {
    const auto any = [&](VerdictWord word) {
        return std::any_of(clauses.begin(), clauses.end(),
                           [&](const ClauseResult& clause) { return clause.word == word; });
    };
    return m.generator.limits.empty() && !m.never_answered && any(VerdictWord::pass) &&
           !any(VerdictWord::fail);
}

ProbeResult probe_of(const TrialSpec& spec, const Plan& plan, const TrialMeasurement& m) {
    const auto clauses = judge_clauses(plan, m);
    const auto verdict = judge(m, clauses, {});
    const auto all = pooled_transactions(plan, m.total);
    ProbeResult probe;
    probe.kind = spec.kind;
    probe.rate = spec.rate;
    probe.length = m.measured;
    probe.planned = spec.length;
    probe.requests = all.count();
    if (m.measured > Duration{}) {
        probe.transactions_per_s = static_cast<double>(m.throughput.ok) / to_seconds(m.measured);
    }
    probe.p50 = all.response_time.quantile(0.5);
    probe.p90 = all.response_time.quantile(0.9);
    probe.p99 = all.response_time.quantile(0.99);
    probe.p999 = all.response_time.quantile(0.999);
    if (all.count() > 0) {
        probe.error_share = static_cast<double>(all.errors()) / static_cast<double>(all.count());
    }
    probe.send_lag_p99 = m.generator.send_lag_p99;
    probe.word = verdict.word;
    if (!verdict.reasons.empty()) probe.why = verdict.reasons.front().text;
    if (spec.kind != ProbeResult::Kind::hold && probe.word == VerdictWord::invalid &&
        passes_so_far(m, clauses)) {
        probe.word = VerdictWord::pass;
        probe.why.clear();
    }
    return probe;
}

LoadWindow window_of(const TrialSpec& spec, const Plan& plan, std::uint64_t seed) {
    LoadWindow window;
    window.settle = spec.settle;
    window.length = spec.length;
    window.grace = plan.load.drain;
    window.rate = spec.rate;
    window.arrivals = plan.load.arrivals;
    window.at_cap = plan.load.at_cap;
    window.seed = seed;
    return window;
}

}  // namespace

Result<RunResult> run_search(std::shared_ptr<const Plan> plan, const TrialOptions& options,
                             const SearchOptions& search, const Observer& observer) {
    auto opened = TrialStage::open(plan, options, observer);
    if (!opened) return opened.error();
    auto& stage = **opened;

    RunResult result;
    result.command = "search";
    result.plan = plan;
    result.addresses = stage.addresses();
    std::vector<ProbeResult> history;
    std::vector<TimelinePoint> timeline;
    bool interrupted = false;
    std::string died;
    while (const auto spec = next_probe(search, history)) {
        const bool hold = spec->kind == ProbeResult::Kind::hold;
        const auto began = Clock::now();
        const auto label = std::string{to_string(spec->kind)} + " " + format_rate(spec->rate);
        auto m = stage.measure(label, window_of(*spec, *plan, options.seed + history.size()),
                               [&](const Interval& so_far) {
                                   const auto elapsed = Clock::now() - began - spec->settle;
                                   return hold ? lost(*plan, so_far, elapsed, spec->length)
                                               : hopeless(*plan, so_far);
                               });
        timeline.insert(timeline.end(), m.timeline.begin(), m.timeline.end());
        interrupted = m.interrupted || stop_signal() != 0;
        if (!interrupted || hold) {
            auto probe = probe_of(*spec, *plan, m);
            probe.elapsed = Clock::now() - began;
            if (m.never_answered && answered_before(history)) {
                died = "the service died at " + format_rate(spec->rate) + ": " + probe.why;
                probe.word = VerdictWord::fail;
                probe.why = died;
                m.never_answered = false;
            }
            history.push_back(std::move(probe));
            if (interrupted) history.back().word = VerdictWord::invalid;
            if (observer.probe) observer.probe(history.back());
        }
        const bool passed = !history.empty() && history.back().word == VerdictWord::pass;
        if (passed || result.measurement.total.steps.empty() || hold) {
            result.measurement = std::move(m);
            result.clauses = judge_clauses(*plan, result.measurement);
        }
        if (interrupted || !died.empty()) break;
    }
    result.measurement.timeline = std::move(timeline);
    result.measurement.interrupted = interrupted;
    result.measurement.signal = interrupted ? stop_signal() : 0;
    stage.judge_sockets(result);
    result.capacity = conclude(search, history, interrupted);
    result.verdict = judge_search(*result.capacity, result.measurement, result.sockets);
    if (!died.empty()) {
        result.verdict.word = VerdictWord::fail;
        result.verdict.reasons.insert(result.verdict.reasons.begin(), {"died", died});
    }
    return result;
}

}  // namespace loadline

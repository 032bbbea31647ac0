#include "trial/search_trials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/stop.hpp"
#include "base/units.hpp"
#include "result/verdict.hpp"
#include "trial/cause.hpp"
#include "trial/probe_watch.hpp"

namespace loadline {
namespace {

constexpr Duration window_length = std::chrono::milliseconds{250};
constexpr Duration longest_drain = std::chrono::seconds{5};
constexpr Duration after_failure = std::chrono::milliseconds{100};

/// How many of a clause's requests one journey makes on average.
double requests_per_journey(const Plan& plan, const SloClause& clause) {
    double shares = 0, requests = 0;
    for (std::size_t i = 0; i < plan.journeys.size(); ++i) {
        const auto& journey = plan.journeys[i];
        const double share = journey.rate_part.value_or(journey.share);
        shares += share;
        if (clause.scope == SloClause::Scope::journey) {
            requests += clause.index == i ? share : 0;
            continue;
        }
        for (const auto& action : journey.actions) {
            const auto* exchange = std::get_if<ExchangeAction>(&action);
            if (!exchange) continue;
            const bool counts = clause.scope == SloClause::Scope::step
                                    ? clause.index == exchange->step
                                    : plan.steps[exchange->step].transaction;
            requests += counts ? share : 0;
        }
    }
    return shares > 0 && requests > 0 ? requests / shares : 1;
}

/// Whether a service that is silent now had answered before: then the load has broken it.
bool answered_before(const std::vector<ProbeResult>& history) {
    return std::any_of(history.begin(), history.end(),
                       [](const ProbeResult& probe) { return probe.error_share < 1; });
}

/// Looks at a probe while it runs: ends it when it is lost, and keeps the medians of its halves.
class RunningProbe {
public:
    RunningProbe(const TrialSpec& spec, const Plan& plan, const std::vector<SearchClause>& clauses)
        : spec_{spec}, plan_{plan}, clauses_{clauses}, watch_{spec, clauses} {}

    /// False ends the probe.
    bool tick(const SecondOfLoad& part) {
        const auto begin = part.since_start - part.length;
        if (aborted_by_) return false;
        if (begin < spec_.settle || begin >= spec_.settle + spec_.length) return true;
        const bool first = begin - spec_.settle < spec_.length / 2;
        (first ? first_half_ : second_half_)
            .merge(pooled_transactions(plan_, part.measured).response_time);
        std::vector<ClauseWindow> windows;
        for (const auto& clause : plan_.slos) windows.push_back(window_of(clause, part.measured));
        aborted_by_ = watch_.add(part.length, windows);
        return !aborted_by_;
    }

    void describe(ProbeResult& probe) const {
        probe.aborted_by = aborted_by_;
        probe.p50_first_half = first_half_.quantile(.5);
        probe.p50_second_half = second_half_.quantile(.5);
        watch_.describe(probe.clauses);
    }

private:
    ClauseWindow window_of(const SloClause& clause, const Interval& measured) const {
        const auto count = count_clause(plan_, clause, measured);
        const auto& ages = measured.waiting_ages;
        const bool pooled = clause.scope == SloClause::Scope::transactions;
        const bool latency = clause.metric == SloClause::Metric::percentile;
        const double overdue =
            pooled && latency ? ages.share_above(clause.limit) * static_cast<double>(ages.count())
                              : 0;
        return {count.requests, count.bad, static_cast<std::uint64_t>(std::llround(overdue))};
    }

    const TrialSpec& spec_;
    const Plan& plan_;
    const std::vector<SearchClause>& clauses_;
    ProbeWatch watch_;
    std::optional<std::size_t> aborted_by_;
    Histogram first_half_, second_half_;
};

/// A hold is judged as a run is. A short probe may see too few requests for that: it passes by
/// what it saw.
void judge_probe(ProbeResult& probe, const Plan& plan, const TrialMeasurement& m,
                 const std::vector<SearchClause>& clauses) {
    const auto judged = judge_clauses(plan, m);
    const auto verdict = judge(m, judged, {});
    probe.word = verdict.word;
    if (!verdict.reasons.empty()) probe.why = verdict.reasons.front().text;
    const bool doubted = !m.generator.limits.empty() || m.never_answered;
    if (doubted) return;
    if (probe.aborted_by) {
        const auto& count = probe.clauses[*probe.aborted_by];
        if (probe.word != VerdictWord::fail) {
            probe.why = fmt::format("{}: {} of {} bad, ended early",
                                    clauses[*probe.aborted_by].text, count.bad, count.requests);
        }
        probe.word = VerdictWord::fail;
    } else if (probe.kind != ProbeResult::Kind::hold) {
        const auto broken = std::find_if(judged.begin(), judged.end(), [&](const auto& clause) {
            const auto i = static_cast<std::size_t>(&clause - judged.data());
            return !clauses[i].only_in_holds && probe.clauses[i].bad_share() > clauses[i].bad_share;
        });
        const bool keeps = broken == judged.end();
        probe.word = keeps ? VerdictWord::pass : VerdictWord::fail;
        if (keeps) {
            probe.why.clear();
        } else if (broken->word != VerdictWord::fail) {
            const auto& count = probe.clauses[static_cast<std::size_t>(broken - judged.begin())];
            probe.why =
                fmt::format("{}: {} of {} bad", broken->clause.text, count.bad, count.requests);
        }
    }
}

/// Whether the probe broke a clause of latency, be it by so few requests that no run would be
/// judged by them.
bool too_slow(const ProbeResult& probe, const std::vector<ClauseResult>& judged,
              const std::vector<SearchClause>& clauses) {
    for (std::size_t i = 0; i < clauses.size(); ++i) {
        if (clauses[i].errors) continue;
        const bool broken = judged[i].word == VerdictWord::fail || probe.aborted_by == i ||
                            probe.clauses[i].bad_share() > clauses[i].bad_share;
        if (broken) return true;
    }
    return false;
}

ProbeResult probe_of(const TrialSpec& spec, const Plan& plan, const TrialMeasurement& m,
                     const std::vector<SearchClause>& clauses, const RunningProbe& running) {
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
    for (const auto& clause : plan.slos) {
        probe.clauses.push_back(count_clause(plan, clause, m.total));
    }
    probe.drained = m.drained;
    probe.send_lag_p99 = m.generator.send_lag_p99;
    running.describe(probe);
    judge_probe(probe, plan, m, clauses);
    return probe;
}

LoadWindow window_of(const TrialSpec& spec, const Plan& plan, std::uint64_t seed) {
    LoadWindow window;
    window.settle = spec.settle;
    window.length = spec.length;
    window.grace = std::min(plan.load.drain, longest_drain);
    window.rate = spec.rate;
    window.arrivals = plan.load.arrivals;
    window.at_cap = plan.load.at_cap;
    window.seed = seed;
    window.tick = window_length;
    return window;
}

/// One search under way: its probes one after the other, and what becomes of them.
class SearchRun {
public:
    SearchRun(TrialStage& stage, const SearchOptions& options, std::vector<ProbeResult> earlier)
        : stage_{stage}, search_{options} {
        resumed_ = !earlier.empty();
        if (resumed_) search_.resume(std::move(earlier));
    }

    void run() {
        while (search_.next() && !interrupted_ && died_.empty()) probe();
        measurement_.timeline = std::move(timeline_);
        measurement_.interrupted = interrupted_;
        measurement_.signal = interrupted_ ? stop_signal() : 0;
    }

    void fill(RunResult& result) {
        result.measurement = std::move(measurement_);
        result.clauses = judge_clauses(stage_.plan(), result.measurement);
        stage_.judge_sockets(result);
        result.capacity = search_.conclude(interrupted_);
        result.verdict = judge_search(*result.capacity, result.measurement, result.sockets);
        explain(result);
        if (died_.empty()) return;
        result.verdict.word = VerdictWord::fail;
        result.verdict.reasons.insert(result.verdict.reasons.begin(), {"died", died_});
    }

private:
    void explain(RunResult& result) {
        result.not_seen = stage_.not_seen();
        result.cause = explain_search(sights_, result.measurement.timeline,
                                      smallest_latency_limit(stage_.plan()));
        if (!resumed_) return;
        result.capacity->notes.emplace_back(
            "why it breaks there is told from the probes of this search alone: what the target "
            "did under the earlier ones is not stored");
    }

    void probe() {
        const auto spec = *search_.next();
        const auto& plan = stage_.plan();
        const auto& clauses = search_.options().clauses;
        const auto began = Clock::now();
        const auto seed = stage_.options().seed + search_.history().size();
        RunningProbe running{spec, plan, clauses};
        auto m = stage_.measure(std::string{to_string(spec.kind)} + " " + format_rate(spec.rate),
                                window_of(spec, plan, seed),
                                [&](const SecondOfLoad& part) { return running.tick(part); });
        timeline_.insert(timeline_.end(), m.timeline.begin(), m.timeline.end());
        interrupted_ = m.interrupted || stop_signal() != 0;
        auto probe = probe_of(spec, plan, m, clauses, running);
        if (interrupted_ && spec.kind != ProbeResult::Kind::hold) return keep(std::move(m), probe);
        if (m.never_answered && answered_before(search_.history())) {
            died_ = "the service died at " + format_rate(spec.rate) + ": " + probe.why;
            probe.word = VerdictWord::fail;
            probe.why = died_;
            m.never_answered = false;
        }
        if (interrupted_) probe.word = VerdictWord::invalid;
        if (probe.word == VerdictWord::fail && died_.empty()) stage_.pause(after_failure);
        probe.elapsed = Clock::now() - began;
        if (stage_.observer().probe) stage_.observer().probe(probe);
        const auto judged = judge_clauses(plan, m);
        sights_.push_back(see_probe(probe, m));
        sights_.back().too_slow = too_slow(probe, judged, clauses);
        if (spec.kind == ProbeResult::Kind::hold && probe.word == VerdictWord::fail) {
            sights_.back().within = explain_run(m, judged, smallest_latency_limit(plan));
        }
        keep(std::move(m), probe);
        search_.add(std::move(probe));
    }

    /// The result shows the hold that confirmed; without one the last hold, or probe that passed.
    void keep(TrialMeasurement m, const ProbeResult& probe) {
        const bool hold = probe.kind == ProbeResult::Kind::hold;
        const bool passed = probe.word == VerdictWord::pass;
        const int worth = hold && passed ? 3 : hold ? 2 : passed ? 1 : 0;
        if (worth < kept_ || (worth == 0 && !measurement_.total.steps.empty())) return;
        kept_ = worth;
        measurement_ = std::move(m);
    }

    TrialStage& stage_;
    Search search_;
    TrialMeasurement measurement_;
    int kept_ = 0;
    std::vector<TimelinePoint> timeline_;
    std::vector<ProbeSight> sights_;
    bool interrupted_ = false, resumed_ = false;
    std::string died_;
};

}  // namespace

std::vector<SearchClause> search_clauses(const Plan& plan) {
    std::vector<SearchClause> clauses;
    for (const auto& slo : plan.slos) {
        SearchClause clause;
        clause.text = slo.text;
        clause.errors = slo.metric == SloClause::Metric::errors;
        clause.bad_share = clause.errors ? slo.error_limit : 1 - slo.quantile;
        clause.limit = clause.errors ? smallest_latency_limit(plan) : slo.limit;
        clause.only_in_holds = slo.over_every.has_value();
        clause.requests_per_journey = requests_per_journey(plan, slo);
        clauses.push_back(std::move(clause));
    }
    return clauses;
}

Result<RunResult> run_search(std::shared_ptr<const Plan> plan, const TrialOptions& options,
                             const SearchOptions& search, const Observer& observer,
                             std::vector<ProbeResult> earlier) {
    auto stage = TrialStage::open(plan, options, observer);
    if (!stage) return stage.error();
    RunResult result;
    result.command = "search";
    result.plan = plan;
    result.addresses = (*stage)->addresses();
    SearchRun run{**stage, search, std::move(earlier)};
    run.run();
    run.fill(result);
    return result;
}

}  // namespace loadline

#include "result/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <csignal>
#include <map>

#include "base/units.hpp"
#include "stats/hlog.hpp"
#include "stats/quantile.hpp"

namespace loadline {
namespace {

/// What a clause is about: one step, one journey, or all transactions.
struct Scope {
    StepStats stats;
    Duration timeout{};
};

Scope scope_of(const SloClause& clause, const Plan& plan, const Interval& total) {
    if (clause.scope == SloClause::Scope::transactions) {
        return {pooled_transactions(plan, total), largest_timeout(plan)};
    }
    assert(clause.index);
    const auto index = *clause.index;
    if (clause.scope == SloClause::Scope::step) {
        return {total.steps[index], plan.steps[index].timeout};
    }
    return {total.journeys[index], largest_timeout(plan, plan.journeys[index])};
}

VerdictWord word_of(bool holds) { return holds ? VerdictWord::pass : VerdictWord::fail; }

template <class T>
bool keeps(const SloClause& clause, T actual, T limit) {
    return clause.inclusive ? actual <= limit : actual < limit;
}

void judge_percentile(ClauseResult& result, const Scope& scope) {
    const auto& clause = result.clause;
    if (result.samples < samples_needed(clause.quantile)) return;  // stays INVALID
    const auto value = scope.stats.response_time.quantile(clause.quantile);
    if (value == Histogram::unanswered) {
        result.actual_over = scope.timeout;
        result.word = VerdictWord::fail;
    } else {
        result.actual = value;
        result.word = word_of(keeps(clause, value, clause.limit));
    }
}

/// Each window of the clause's length, from the seconds that were kept. Windows with too few
/// samples are passed over; so is what does not fill a window at the end.
void judge_windows(ClauseResult& result, const Plan& plan, const TrialMeasurement& measurement) {
    const auto& clause = result.clause;
    std::map<std::uint64_t, Histogram> windows;
    if (measurement.step_seconds.empty()) return;  // stays INVALID
    const auto begin = measurement.step_seconds.front().since_start;
    for (const auto& second : measurement.step_seconds) {
        const bool counts = clause.scope == SloClause::Scope::step
                                ? clause.index == second.step
                                : plan.steps[second.step].transaction;
        const auto at =
            static_cast<std::uint64_t>((second.since_start - begin) / *clause.over_every);
        const auto whole = static_cast<std::uint64_t>(measurement.measured / *clause.over_every);
        if (!counts || at >= std::max<std::uint64_t>(1, whole)) continue;
        if (const auto histogram = decode_histogram(second.payload)) windows[at].merge(*histogram);
    }
    auto worst = Duration{};
    for (const auto& [at, histogram] : windows) {
        if (histogram.count() < samples_needed(clause.quantile)) continue;
        const auto value = histogram.quantile(clause.quantile);
        ++result.windows;
        result.windows_broken +=
            value == Histogram::unanswered || !keeps(clause, value, clause.limit);
        if (value < worst) continue;
        worst = value;
        result.samples = histogram.count();
    }
    if (result.windows == 0) return;  // stays INVALID
    result.word = word_of(result.windows_broken == 0);
    if (worst == Histogram::unanswered) {
        result.actual_over = clause.scope == SloClause::Scope::step
                                 ? plan.steps[*clause.index].timeout
                                 : largest_timeout(plan);
    } else {
        result.actual = worst;
    }
}

void judge_errors(ClauseResult& result, const Scope& scope) {
    if (result.samples == 0) return;  // stays INVALID
    const auto errors = scope.stats.errors();
    const double limit = result.clause.error_limit;
    result.actual_share = static_cast<double>(errors) / static_cast<double>(result.samples);
    const bool none_asked_none_seen = limit == 0 && errors == 0;
    result.word = word_of(none_asked_none_seen || keeps(result.clause, result.actual_share, limit));
}

Reason broken_slo(const ClauseResult& result) {
    const auto& text = result.clause.text;
    if (result.clause.metric == SloClause::Metric::errors) {
        return {"slo", fmt::format("{}: {} of {} failed", text, format_share(result.actual_share),
                                   result.samples)};
    }
    const auto windows = result.clause.over_every
                             ? fmt::format("{} of {} windows broke it, the worst ",
                                           result.windows_broken, result.windows)
                             : std::string{};
    return {"slo", text + ": " + windows +
                       (result.actual ? format_duration(*result.actual)
                                      : "> " + format_duration(*result.actual_over))};
}

Reason too_few_samples(const ClauseResult& result) {
    const auto& clause = result.clause;
    const auto needed =
        clause.metric == SloClause::Metric::errors ? 1 : samples_needed(clause.quantile);
    return {"too_few_samples", fmt::format("{}: {} samples, and it takes {} to judge it",
                                           clause.text, result.samples, needed)};
}

/// Why the server's sockets make it a FAIL; empty when they do not.
std::vector<Reason> broken_sockets(const std::optional<SocketReport>& sockets) {
    std::vector<Reason> reasons;
    if (!sockets) return reasons;
    if (sockets->word == SocketWord::leak_confirmed) reasons.push_back({"leak", sockets->text});
    if (sockets->fd_exhausted) {
        constexpr const char* name = "FD_EXHAUSTED";
        const auto flag = std::find_if(sockets->flags.begin(), sockets->flags.end(),
                                       [&](const auto& f) { return f.starts_with(name); });
        reasons.push_back({"fd_exhausted", flag == sockets->flags.end() ? name : *flag});
    }
    if (sockets->strict && warns(*sockets)) {
        reasons.push_back(
            {"sockets", fmt::format("{}: {}", to_string(sockets->word), sockets->text)});
    }
    return reasons;
}

Reason unreachable(const TrialMeasurement& measurement) {
    return {"unreachable", measurement.unreachable + " never answered"};
}

const Reason interrupted{"interrupted", "interrupted by a signal: a partial result"};

void append(std::vector<Reason>& to, const std::vector<Reason>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

bool measured_nothing(const TrialMeasurement& measurement) {
    return std::all_of(measurement.total.steps.begin(), measurement.total.steps.end(),
                       [](const StepStats& step) { return step.count() == 0; });
}

}  // namespace

StepStats pooled_transactions(const Plan& plan, const Interval& total) {
    StepStats all;
    const auto n = std::min(plan.steps.size(), total.steps.size());
    for (std::size_t i = 0; i < n; ++i) {
        if (plan.steps[i].transaction) all.merge(total.steps[i]);
    }
    return all;
}

ClauseCount count_clause(const Plan& plan, const SloClause& clause, const Interval& interval) {
    ClauseCount count;
    const auto add = [&](const StepStats& stats) {
        const auto n = stats.count();
        const auto slow = stats.response_time.share_above(clause.limit) *
                          static_cast<double>(stats.response_time.count());
        count.requests += n;
        count.bad += clause.metric == SloClause::Metric::errors
                         ? stats.errors()
                         : static_cast<std::uint64_t>(std::llround(slow));
    };
    if (clause.scope == SloClause::Scope::step) {
        if (*clause.index < interval.steps.size()) add(interval.steps[*clause.index]);
    } else if (clause.scope == SloClause::Scope::journey) {
        if (*clause.index < interval.journeys.size()) add(interval.journeys[*clause.index]);
    } else {
        const auto n = std::min(plan.steps.size(), interval.steps.size());
        for (std::size_t i = 0; i < n; ++i) {
            if (plan.steps[i].transaction) add(interval.steps[i]);
        }
    }
    return count;
}

Duration largest_timeout(const Plan& plan) {
    Duration largest{};
    for (const auto& step : plan.steps) {
        if (step.transaction) largest = std::max(largest, step.timeout);
    }
    return largest;
}

Duration largest_timeout(const Plan& plan, const JourneyPlan& journey) {
    Duration largest{};
    for (const auto& action : journey.actions) {
        if (const auto* exchange = std::get_if<ExchangeAction>(&action)) {
            largest = std::max(largest, plan.steps[exchange->step].timeout);
        }
    }
    return largest;
}

std::vector<ClauseResult> judge_clauses(const Plan& plan, const TrialMeasurement& measurement) {
    std::vector<ClauseResult> results;
    if (measurement.total.steps.empty()) {  // interrupted before anything was measured
        for (const auto& clause : plan.slos) results.emplace_back().clause = clause;
        return results;
    }
    for (const auto& clause : plan.slos) {
        const auto scope = scope_of(clause, plan, measurement.total);
        auto& result = results.emplace_back();
        result.clause = clause;
        result.samples = scope.stats.count();
        if (clause.over_every) {
            judge_windows(result, plan, measurement);
        } else if (clause.metric == SloClause::Metric::errors) {
            judge_errors(result, scope);
        } else {
            judge_percentile(result, scope);
        }
    }
    return results;
}

Verdict judge(const TrialMeasurement& measurement, const std::vector<ClauseResult>& clauses,
              const std::optional<SocketReport>& sockets) {
    const auto leak = broken_sockets(sockets);
    std::vector<Reason> doubt = measurement.generator.limits, broken, few;
    if (measurement.never_answered) doubt.push_back(unreachable(measurement));
    for (const auto& clause : clauses) {
        if (clause.word == VerdictWord::fail) broken.push_back(broken_slo(clause));
        if (clause.word == VerdictWord::invalid) few.push_back(too_few_samples(clause));
    }
    if (clauses.empty() && measured_nothing(measurement)) {
        few.push_back({"too_few_samples", "nothing was measured"});
    }

    Verdict verdict;
    verdict.word = !leak.empty()     ? VerdictWord::fail
                   : !doubt.empty()  ? VerdictWord::invalid
                   : !broken.empty() ? VerdictWord::fail
                   : !few.empty()    ? VerdictWord::invalid
                                     : VerdictWord::pass;
    for (const auto& reasons : {leak, doubt, broken, few}) append(verdict.reasons, reasons);
    if (measurement.interrupted) verdict.reasons.push_back(interrupted);
    return verdict;
}

Verdict judge_search(const CapacityResult& capacity, const TrialMeasurement& measurement,
                     const std::optional<SocketReport>& sockets) {
    Verdict verdict;
    verdict.reasons = broken_sockets(sockets);
    if (!verdict.reasons.empty()) {
        verdict.word = VerdictWord::fail;
    } else if (measurement.never_answered) {
        verdict.reasons.push_back(unreachable(measurement));
    } else if (capacity.word == "CONFIRMED" || capacity.word == "ESTIMATE-ONLY") {
        verdict.word = VerdictWord::pass;
    } else if (capacity.word == "NO-RATE" || capacity.word == "METASTABLE") {
        verdict.word = VerdictWord::fail;
    }
    verdict.reasons.push_back({"capacity", capacity.text});
    if (measurement.interrupted) verdict.reasons.push_back(interrupted);
    return verdict;
}

int exit_code(const RunResult& result) {
    const auto& measurement = result.measurement;
    if (measurement.interrupted) return 128 + (measurement.signal == SIGTERM ? SIGTERM : SIGINT);
    if (result.sockets && fails(*result.sockets)) return 1;
    if (measurement.never_answered) return 3;
    switch (result.verdict.word) {
        case VerdictWord::pass:
            return 0;
        case VerdictWord::fail:
            return 1;
        case VerdictWord::invalid:
            return 4;
    }
    return 70;
}

}  // namespace loadline

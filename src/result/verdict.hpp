#pragma once
#include <optional>
#include <vector>

#include "result/trial_result.hpp"

namespace loadline {

/// All steps marked as transactions, as one.
StepStats pooled_transactions(const Plan& plan, const Interval& total);

/// How many requests a clause judges in `interval`, and how many of them are bad: slower than its
/// limit or unanswered; of an errors clause, not ok.
ClauseCount count_clause(const Plan& plan, const SloClause& clause, const Interval& interval);

/// The time-out that an unanswered exchange has outlasted: the largest of the transaction
/// steps, or of a journey's steps.
Duration largest_timeout(const Plan& plan);
Duration largest_timeout(const Plan& plan, const JourneyPlan& journey);

/// Judges each SLO clause of the plan, in its order.
///
/// A percentile is judged on the response time of every exchange that was due, unanswered
/// ones at infinity, by the upper edge of its bucket (at most 0.1 % above the exact value).
/// `errors` is every outcome but ok; a limit of 0 allows none, also when written with "<".
/// A clause over windows fails when one window breaks it; its figures are those of the worst.
/// INVALID: no sample at all, or fewer than 1/(1-q) for a percentile q.
std::vector<ClauseResult> judge_clauses(const Plan& plan, const TrialMeasurement& measurement);

/// The verdict of one trial. The strongest wins: a leak (FAIL), the generator's own limits or
/// a target that never answered (INVALID), a broken SLO, a clause with too few samples, PASS.
/// The reasons of the word come first; the others follow, so that none is lost.
Verdict judge(const TrialMeasurement& measurement, const std::vector<ClauseResult>& clauses,
              const std::optional<SocketReport>& sockets);

/// The verdict of a search from its capacity word; a leak is a FAIL there too.
Verdict judge_search(const CapacityResult& capacity, const TrialMeasurement& measurement,
                     const std::optional<SocketReport>& sockets);

/// The process's exit code: 130 or 143 interrupted, 1 leak, 3 a target never answered, then
/// 0 PASS, 1 FAIL, 4 INVALID. (2 and 70 come from errors, which have no result.)
int exit_code(const RunResult& result);

}  // namespace loadline

#pragma once
#include <vector>

#include "base/error.hpp"
#include "result/comparison.hpp"
#include "result/stored_run.hpp"

namespace loadline {

/// Fewest runs of one build from which their spread is read.
inline constexpr std::size_t fewest_history = 3;

/// Compares two stored runs, percentiles and error rates, of all transactions and of each
/// step. What machine and hour did to either run cannot be told from what the service did,
/// so the word is PASS or WARN, never FAIL; INCONCLUSIVE when either run is INVALID or was
/// interrupted.
///
/// A change counts from the largest of these on: the limit of `compared_percentiles`; where
/// three runs of the base's build are known (`base` and `history`), twice the standard
/// deviation of an A/A comparison, sqrt(2) times that of the logarithms over the runs; where
/// they are not, twice the standard error that the percentile's spread over the 10 s of
/// either run leaves (three of them at least), which says less: a run knows nothing of the
/// next one. What is invalid or of another load in `history` is left out and noted.
/// An error rate counts when it is above the SLO's limit (0.1 % without a clause), or when
/// its 95 % interval lies above the base's.
///
/// Usage error when the two were not made with the same scenario and load.
Result<Comparison> compare_stored(const StoredRun& base, const StoredRun& candidate,
                                  const std::vector<StoredRun>& history);

/// Compares the capacities of two stored searches:
///
///   FAIL  the estimate dropped by more than 3 %, and z = ln(A/B) / sqrt(sA^2 + sB^2) is
///         above 1.645, where s = ln(q95/q05)/3.29, and both had a budget of 600 s or more;
///         or the candidate has no rate at all that keeps the SLO
///   WARN  only one of the two, or both with a smaller budget
///   INCONCLUSIVE  either has no estimate
///
/// Usage error when either is no search, or they are not of the same scenario.
Result<Comparison> compare_capacity(const StoredRun& base, const StoredRun& candidate);

}  // namespace loadline

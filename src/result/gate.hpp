#pragma once
#include <vector>

#include "result/comparison.hpp"

namespace loadline {

/// How sure a gate must be. The error rates that these settings give are measured by
/// tests/accuracy/gate_power.cpp.
inline constexpr double gate_p_value = 0.05;
inline constexpr std::size_t gate_fewest_pairs = 8;

/// The figures of one segment: all transactions, then each step that is one where there are
/// several. Not valid when the generator broke its promise or nothing was measured; also
/// when the *base* never answered. A candidate that never answers has its errors counted.
Segment segment_of(Side side, std::size_t pair, const Plan& plan,
                   const TrialMeasurement& measurement);

/// What the segments of a gate say.
struct GateJudgement {
    CompareWord word = CompareWord::inconclusive;
    std::vector<Reason> reasons;
    std::vector<std::string> notes;
    std::vector<ComparedFigure> figures;
    std::size_t kept_pairs = 0;
};

/// Judges interleaved pairs of segments. A pair counts when both its segments are there and
/// valid. d = ln(candidate/base) of each pair and percentile, of all transactions together:
///
///   FAIL  the exact one-sided Wilcoxon p < 0.05, and the Hodges-Lehmann shift is above the
///         percentile's limit; or the candidate's error rate over all its segments is above
///         `error_limit` (a share; at least one whole pair is needed)
///   WARN  only one of the two
///   INCONCLUSIVE  fewer than 8 pairs, or fewer than 8 that have the requests for p99
///
/// p99.9 is judged where 8 pairs have 1000 requests on both sides, else not at all. Steps are
/// shown and noted, never judged: many of them would raise the share of false alarms.
GateJudgement judge_gate(const std::vector<Segment>& segments, double error_limit);

/// The share that the SLO clause on errors of all transactions allows; 0.1 % without one.
double error_limit_of(const Plan& plan);

}  // namespace loadline

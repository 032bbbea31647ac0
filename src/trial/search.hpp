#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "result/trial_result.hpp"

namespace loadline {

/// What a search may spend and where it begins.
struct SearchOptions {
    Rate start_rate = Rate::per_second(50);     ///< above zero
    Duration budget = std::chrono::minutes{3};  ///< for the probes, without the holds
    std::optional<Duration> hold = std::chrono::minutes{10};
    std::optional<Rate> max_rate;  ///< never probe above it
    Duration smallest_latency_limit = std::chrono::milliseconds{100};
    std::uint64_t fewest_samples = 100;  ///< that the clauses need: 1/(1-q) of the largest q
};

/// What to try next: load for `settle`, which is discarded, then measure for `length`.
struct TrialSpec {
    ProbeResult::Kind kind = ProbeResult::Kind::floor;
    Rate rate;
    Duration settle{}, length{};
};

/// The seam of the search, and the only thing a better algorithm replaces: the next probe is
/// a function of the probes so far and of nothing else. Nothing: the search is over, and
/// `conclude` says what was found. Both are pure and read no clock.
///
/// Floor at the start rate, and at a tenth of it if that fails. Doubling until a probe fails.
/// Bisection (geometric while the bracket is wider than 1.5, then arithmetic) until it is
/// within 2 %. What is left of the budget repeats both ends of the bracket for longer: one
/// short probe near the knee tells little, so the longer probe is believed, and of equally
/// long ones the failure. Then the hold at the highest rate that passed; a failed hold goes
/// on at 0.97 of its rate; five holds at most.
///
/// An INVALID probe is repeated twice. INVALID three times at a rate bounds the search from above
/// without being a failure: no upper bound is claimed from it.
///
/// Terminates: a probe is asked for only while its settling and length fit into the budget
/// (draining apart), the first one always. Requires that each answer keeps kind and rate.
std::optional<TrialSpec> next_probe(const SearchOptions& options,
                                    const std::vector<ProbeResult>& history);

/// The words: CONFIRMED a hold passed. ESTIMATE-ONLY no hold was asked for, or interrupted
/// before one was complete. NO-RATE the floor failed twice. GENERATOR-LIMITED the generator's
/// limit was met before the service's: the highest pass is a lower bound, held or not.
/// UNSTABLE probes passed, but no hold did.
CapacityResult conclude(const SearchOptions& options, std::vector<ProbeResult> history,
                        bool interrupted);

}  // namespace loadline

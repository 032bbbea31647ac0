#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "result/trial_result.hpp"

namespace loadline {

/// One side of the comparison: what the client and the watch saw in some seconds together.
/// For a run these are its first good or bad seconds, for a search all seconds of a probe.
struct CauseSide {
    Duration length{};
    std::uint64_t completed = 0;  ///< exchanges that ended
    std::array<std::uint64_t, outcome_count> outcomes{};
    std::uint32_t accept_queue = 0, backlog = 0;  ///< the fullest that was sampled
    std::optional<TargetSecond> target;           ///< absent: not watched
};

void add_to(CauseSide& side, const TimelinePoint& point);
CauseSide side_of(std::span<const TimelinePoint> points);

/// What a comparison is told besides the two sides.
struct CauseContext {
    Duration latency_limit = milliseconds(100);  ///< the smallest of the SLOs: what counts as slow
    std::span<const OutcomeExample> examples{};  ///< quoted where an outcome is named
};

/// What stands out on the bad side against the good one, by fixed bounds; nothing when nothing
/// does: never a guess. Without a good side only a limit that was reached counts.
///
/// In this order, a limit before what follows from it:
///   restart, oom, gone    another process, killed for lack of memory, ended
///   fd_limit              95 % of its file descriptors
///   cpu_quota             its quota used up in 20 % of the periods
///   redis_slow            a command in the slow log, or a PING, of the latency limit or longer
///   redis_evictions       evicts keys
///   redis_cpu             the main thread uses 90 % of a core
///   redis_blocked         at least 5 clients more wait in blocking commands
///   cpu                   90 % of the cores it may use
///   cpu_thread            one thread uses 90 % of a core
///   accept_queue          the kernel turned connections away: ListenOverflows
///   run_queue             its threads waited for a core, half a second each second or more
///   retransmits           1 % of the TCP segments
///   http_5xx, connect_refused, connect_timeout, reset, closed_early, redis_error,
///   resolve_error
///                         at least 5, and 0.1 % of the exchanges
/// Where there is a good side, each must also be clearly more than there.
///
/// Pure. `since` and `rate` of the findings stay empty.
std::vector<CauseFinding> compare_sides(const CauseSide* good, const CauseSide& bad,
                                        const CauseContext& context);

/// Why a run broke its SLO, from its seconds: the first good ones (before the first bad one,
/// where there are any) against the first bad ones, at most ten each. A second is bad when it
/// breaks one of the clauses that the run broke. Nothing when the run broke none and its
/// target was not restarted.
std::optional<CauseReport> explain_run(const TrialMeasurement& measurement,
                                       std::span<const ClauseResult> clauses,
                                       Duration latency_limit);

}  // namespace loadline

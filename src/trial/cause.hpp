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
    Origins origins;
    AcceptQueue accept_queue;                   ///< the fullest that was sampled
    std::optional<TargetSecond> target;         ///< absent: not watched
    std::optional<std::uint64_t> fds_fewest{};  ///< open at the end of any of the seconds
    std::optional<std::uint64_t> proxy_fds_fewest{};
};

void add_to(CauseSide& side, const TimelinePoint& point);
CauseSide side_of(std::span<const TimelinePoint> points);

/// What a comparison is told besides the two sides.
struct CauseContext {
    Duration latency_limit = milliseconds(100);  ///< the smallest of the SLOs: what counts as slow
    std::span<const OutcomeExample> examples{};  ///< quoted where an outcome is named
    const char* good = "in the good seconds";    ///< where the good side's figures are from
    bool too_slow = true;                        ///< a clause of latency was among those that broke
};

/// What stands out on the bad side against the good one, by fixed bounds; nothing when nothing
/// does: never a guess. Without a good side only a limit that was reached counts.
///
/// In this order, a limit before what follows from it:
///   oom, restart, gone    killed for lack of memory, another process, ended
///   redis_restart         another Redis has taken its place
///   redis_silent          at least 2 PINGs got no answer
///   fd_limit              95 % of its file descriptors
///   cpu_quota             its quota used up in 20 % of the periods; on the good side too: its
///                         threads waited twice as long
///   redis_slow            a command in the slow log, or a PING, of the latency limit or longer;
///                         a PING alone, where redis_cpu holds, follows from that
///   redis_evictions       evicts keys
///   redis_cpu             the main thread uses 90 % of a core
///   redis_blocked         at least 5 clients more wait in blocking commands
///   cpu                   90 % of the cores it may use; likewise
///   cpu_thread            one thread uses 90 % of a core
///   accept_queue          the kernel turned connections away: ListenOverflows; counted for the
///                         whole network namespace, so only when the watched queue was seen at
///                         least half full; where its limit is not known, the finding says so
///   syn_queue             the kernel dropped SYNs: TCPReqQFullDrop, of the whole network namespace
///   tcp_memory            the kernel reset connections for lack of memory: TCPAbortOnMemory,
///                         likewise
///   run_queue             its threads waited for a core, half a second each second or more,
///                         and not for the two above
///   proxy_oom, proxy_restart, proxy_gone, proxy_fd_limit, proxy_cpu_quota, proxy_cpu,
///   proxy_cpu_thread, proxy_run_queue
///                         each behind its like: the same of the proxy before the target
///   retransmits           1 % of the TCP segments
///   http_502, http_503, http_504, http_5xx (the others), http_4xx, connect_refused,
///   connect_timeout, reset, closed_early, tls_error, protocol_error, check_failed,
///   capture_failed, redis_error, redis_moved, resolve_error
///                         at least 5, and 0.1 % of the exchanges
///   upstream_slow, proxy_slow
///                         where a clause of latency broke: at least 5 answers, and 0.1 % of the
///                         exchanges, beyond the latency limit told how much of their time the
///                         application behind the proxy took: 80 % or more, 20 % or less
/// Where there is a good side, each must also be clearly more than there; of a
/// limit, clearly more of it used, or clearly less of it left: one that was reached there too is
/// not what broke it, unless it is CPU, no less of it used, and the threads waited twice as long.
///
/// Pure. `since` and `rate` of the findings stay empty.
std::vector<CauseFinding> compare_sides(const CauseSide* good, const CauseSide& bad,
                                        const CauseContext& context);

/// That the target or its Redis was restarted, killed or ended at any time is a finding, not only
/// in a bad second: tells `side` of what `points` show of that.
void take_ends(CauseSide& side, std::span<const TimelinePoint> points);

/// Whether it tells of a restart, a kill or an end: told whenever it happened.
bool is_end(const CauseFinding& finding);

/// Gives a finding the end and the rate of the first second that alone shows it.
void date(CauseFinding& finding, std::span<const TimelinePoint> points, const CauseSide* good,
          const CauseContext& context);

/// Why a run broke its SLO, from its seconds: the first good ones (before the first bad one,
/// where there are any) against the first bad ones, at most ten each. A second is bad when it
/// breaks one of the clauses that the run broke, as far as it is about the clause's own step or
/// journey; one of the warm-up that does so is neither good nor bad, nor is one that a clause does
/// not judge. `clauses` are those of the plan, in its order. Without a bad second nothing is
/// compared. Nothing when the run broke none and its target was not restarted.
std::optional<CauseReport> explain_run(const TrialMeasurement& measurement,
                                       std::span<const ClauseResult> clauses,
                                       Duration latency_limit);

/// What one probe of a search saw of the target.
struct ProbeSight {
    ProbeResult::Kind kind = ProbeResult::Kind::refine;
    Rate rate;
    VerdictWord word = VerdictWord::invalid;
    CauseStretch stretch;  ///< its measured part
    CauseSide side;
    std::vector<OutcomeExample> examples;
    bool too_slow = true;  ///< of a failed one: it broke a clause of latency
    std::optional<CauseReport>
        within{};  ///< of a failed hold: its bad seconds against its good ones
};

/// The measured part of a probe: what settled before it does not count. Of one that failed, what
/// was watched in the first second behind it does, as the watch comes up to half a second late.
ProbeSight see_probe(const ProbeResult& probe, const TrialMeasurement& measurement);

/// Why the service breaks above its load line: the last good probe against the first bad one.
/// The bad one has the lowest rate that failed above every rate that passed (or, where some rate
/// passed above all that failed, the highest that failed); the good one the highest that passed
/// 5 % or more below it. Nearer ones differ by chance more than by load. Where nothing tells the
/// two apart, the next lower good one down to half the rate shows whether a limit that is used up
/// bit by bit (CPU) is reached; the report says so. A short probe may end
/// before anything stands out; then the lowest one up to 25 % above it where something does takes
/// its place, and the report says so. Without such a good one, only a limit that was reached
/// counts. Where no hold passed, what the last failed one shows `within` takes the place of all
/// that, as a short probe may not live to see it. `seconds` is the whole search, for restarts and
/// ends of the target. Nothing when no probe failed and the target was not restarted.
///
/// The findings' `rate` is that of the lowest probe above the good one that shows them; `since`
/// is known of restarts, ends and failed holds.
std::optional<CauseReport> explain_search(std::span<const ProbeSight> probes,
                                          std::span<const TimelinePoint> seconds,
                                          Duration latency_limit);

}  // namespace loadline

#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "stats/trend.hpp"
#include "watch/load_facts.hpp"
#include "watch/tracker.hpp"

namespace loadline {

/// The stretch of time that is judged.
struct LoadStretch {
    TimePoint begin{}, end{};        ///< of the load, before our connections were closed
    TimePoint now{};                 ///< the last sample: the end of the settle time
    std::uint64_t closes = 0;        ///< of all the time
    std::vector<CloseCount> closed;  ///< the same over the load, oldest first
    bool with_before = false;        ///< count the sockets, too, that were there at the start

    std::uint64_t closes_until(TimePoint at) const;
};

/// What the words of the detector rest on. The trend is of the stale sockets: the raw number in
/// CLOSE_WAIT rises by chance in every second stretch of a slow but healthy server.
struct SocketEvidence {
    StaleTrend stale;        ///< medians of a second, from tau after the begin
    std::size_t points = 0;  ///< of that series
    Trend tail;              ///< of its last 40 %
    double tail_rise = 0;    ///< last less first of the tail
    std::uint64_t closes_in_tail = 0;
    Duration tail_length{};

    std::uint64_t closes_matured = 0;    ///< up to tau before the load's end
    std::uint64_t stuck = 0;             ///< born by then, and reached age tau
    std::uint64_t old_gone = 0;          ///< went after tau or longer
    std::uint64_t old_gone_in_load = 0;  ///< those before the load's end
    Duration old_time{};                 ///< how long sockets were there beyond tau, summed: whole
                                         ///< nanoseconds, so the order does not matter
    std::uint64_t cohort = 0, departed = 0;  ///< stale at the load's end; of these, gone since

    std::uint32_t accept_queue_max = 0, backlog = 0;  ///< of the sample in which it was fullest
    std::uint32_t fds_max = 0;                        ///< likewise of its limit; 0: not visible
    std::optional<std::uint64_t> fds_max_limit;       ///< that limit
    int fds_max_pid = 0;                              ///< whose they are; 0: not known
    std::optional<Duration> fd_eta;                   ///< from the load's end on
    /// Descriptors opened that no socket explains; of these, since the middle of the load. At most
    /// as many as the fullest process has more than before; none where some hold sockets of the
    /// port and are not looked at.
    std::int64_t invisible = 0, invisible_late = 0;
    bool invisible_rising = false;  ///< they surely grow all through the load

    bool rising() const;     ///< the stale ones surely grow, and by a number that matters
    bool tail_flat() const;  ///< at the end no more came, although more were due
    bool tail_rising() const;
    bool reclaimed() const;    ///< old sockets go after all
    bool nobody_left() const;  ///< of the cohort at most 5 % went
    bool accept_stall() const;
    bool fd_exhausted() const;
    double old_gone_per_s_at_most() const;  ///< 95 %, per stale socket
};

/// Counts the stale ones of past samples anew, with another tau than they were counted with: so
/// what a report shows of them agrees with its word. Until a socket was accepted that is its class,
/// then the one it had when it was last seen. Samples from before the server was exchanged stay as
/// they are: of its sockets nothing is kept. Requires that the tracker keeps stays of `tau`.
void recount_stale(std::span<SocketSample> samples, const CloseWaitTracker& tracker, Duration tau);

/// The numbers of a recorded watch: of the server that is there now, where it was exchanged. Pure.
SocketEvidence gather_evidence(const CloseWaitTracker& tracker,
                               std::span<const SocketSample> samples, const LoadStretch& load,
                               Duration tau);

}  // namespace loadline

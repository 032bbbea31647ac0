#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "watch/attribution.hpp"
#include "watch/evidence.hpp"
#include "watch/load_facts.hpp"
#include "watch/socket_report.hpp"
#include "watch/tracker.hpp"
#include "watch/watch_gap.hpp"

namespace loadline {

/// Whether the listening socket could be followed from the first sample to the last.
enum class ListenerFate : std::uint8_t {
    kept,
    never_seen,  ///< nothing listened on the port
    gone,        ///< it is closed now: the server stopped
    replaced,    ///< another one listens now: the server was restarted
};

/// What was recorded, besides the tracker.
struct DetectorInput {
    std::uint16_t port = 0;
    TimePoint now{};                        ///< the last sample
    Duration tau{};                         ///< as old as this is stale
    std::span<const SocketSample> samples;  ///< all, oldest first
    ListenerFate listener = ListenerFate::kept;
    std::string unreadable;   ///< why the last sample failed; empty: it did not
    WatchGap gap = {};        ///< of a watcher elsewhere
    std::string source = {};  ///< who took the samples; empty: we did
    bool sight_lost = false;  ///< where unreadable: the sockets were seen till then, beyond doubt
};

/// How old a socket in CLOSE_WAIT must be to count: as given, or max(5 s, twice the slowest
/// response), since a server may finish its handlers before it closes.
Duration socket_tau(std::optional<Duration> given, Duration slowest_response);
inline constexpr Duration shortest_tau = std::chrono::seconds{5};  ///< unless given

/// The trend test takes eight points of a second.
constexpr Duration load_for_a_trend(Duration tau) { return tau + std::chrono::seconds{8}; }

/// Judges what a load left in CLOSE_WAIT, after the drain and the settle time with all our
/// connections closed. Sockets from before the load are counted apart and excluded. A socket is
/// stale from tau on; what is left are the stale ones at the end.
///
///   UNKNOWN         the sockets were not to be seen: the text names what is missing. Where the
///                   sight was lost in the end, BUILD_UP, ACCEPT_STALL and flags of before stand
///   OK              nothing is left, nothing was stale, and 99 of 100 closes took below 1 s
///   TRANSIENT       fewer than 3 are left; sockets stayed for longer, but they went
///   NOT_EXERCISED   nothing is left, but fewer than 20 connections were closed: a note
///   BOUNDED         some stay, but at the end of the load no more came (a stuck pool)
///   RECLAIMED       stale ones go while the load runs (an idle time-out, a sweep)
///   ACCEPT_STALL    the accept queue was full and most that stay were never accepted
///   BUILD_UP        the stale ones rose until the end of the load; some went after it, or all
///                   may be held by requests without an answer, or the settle time was cut short
///   LEAK_CONFIRMED  they rose, and after the settle time at least 3 are left and 95 % of those
///                   that were stale when the load ended; those left do not count that a request
///                   without an answer may hold, of the last `handler_limit`
///   SUSPECT         at least 3 are left, but they did not rise: the closes were too few (below
///                   20), too late, or the load too short (below tau + 8 s) to see it
///   INCONCLUSIVE    the settle time was cut short, what is there is young, or the server stopped
///                   or was restarted meanwhile, or the samples have a gap that matters
///
/// Flags: ACCEPT_STALL the accept queue was at 90 % of its backlog; FD_EXHAUSTED a process that
/// listens used 95 % of its descriptors; FD_LEAK_INVISIBLE at least 5 descriptors, and 0.2 % of the
/// closes, were opened that no TCP table shows; SERVER_RESTARTED, SERVER_GONE and WATCH_GAP where
/// the word stands although the server was exchanged or stopped, or samples are missing.
///
/// Pure: a function of its arguments. Fills everything but the owner and the sampling figures.
SocketReport judge_load(const CloseWaitTracker& tracker, const DetectorInput& input,
                        const LoadFacts& load);

/// Judges what a watcher saw that knows nothing of the load: every socket counts, also those that
/// were there at its start, and the closes are those that were seen in CLOSE_WAIT.
///
///   INCONCLUSIVE    watched for less than tau; or some are stale, but fewer than 3 are twice
///                   that old; or the server stopped or was restarted meanwhile
///   LEAK_CONFIRMED  at least 3 have been stuck for 2 x tau, to the end, and stale ones do not go
///   OK              none is stale
///
/// and TRANSIENT, BOUNDED, RECLAIMED, ACCEPT_STALL, BUILD_UP, UNKNOWN and the flags as above.
/// Pure, as above. `leaked` counts those that are at least tau old.
SocketReport judge_alone(const CloseWaitTracker& tracker, const DetectorInput& input);

/// Adds who holds the sockets, and what the sampling took.
void complete_report(SocketReport& report, const std::optional<ProcessInfo>& holder,
                     std::span<const SocketSample> samples);

/// How long the server may take to settle: see SocketSource::settle_time.
Duration settle_length(Duration tau, Duration period);

/// How long the watcher pauses after a sample of this CPU time: 100 times as long, between
/// 250 ms and 2 s.
Duration sampling_period(Duration cost);

}  // namespace loadline

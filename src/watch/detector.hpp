#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "watch/socket_report.hpp"
#include "watch/tracker.hpp"

namespace loadline {

/// Whether the listening socket could be followed from the first sample to the last.
enum class ListenerFate : std::uint8_t {
    kept,
    never_seen,  ///< nothing listened on the port
    gone,        ///< it is closed now: the server stopped
    replaced,    ///< another one listens now: the server was restarted
};

/// What the detector judges by, besides the tracker.
struct DetectorInput {
    std::uint16_t port = 0;
    TimePoint now{};  ///< the last sample
    Duration tau{};   ///< as old as this is stale
    ListenerFate listener = ListenerFate::kept;
    std::string unreadable;  ///< why the last sample failed; empty: it did not
};

/// What the load did: known in `run` and `search`, not to a watcher that stands alone.
struct LoadFacts {
    std::uint64_t closes = 0;            ///< connections that we ended and the server should have
    bool settled = false;                ///< the settle time was complete, or nothing was left
    std::optional<TimePoint> closed_at;  ///< when the last of our connections was closed
};

/// How old a socket in CLOSE_WAIT must be to count: as given, or max(5 s, twice the slowest
/// response), since a server may finish its handlers before it closes.
Duration socket_tau(std::optional<Duration> given, Duration slowest_response);

/// Judges what stayed in CLOSE_WAIT after the load, the drain and the settle time with all
/// our connections closed. Sockets from before the load are counted apart and excluded.
///
///   UNKNOWN         the sockets were not to be seen: the text names what is missing
///   LEAK_CONFIRMED  at least 3 sockets of the load are there and at least tau old
///   INCONCLUSIVE    sockets are there, but they are young or the settle time was cut
///                   short; or the server stopped or was restarted meanwhile
///   NOT_EXERCISED   nothing leaked, but fewer than 20 connections were closed: a note
///   OK              nothing (or fewer than 3) stays
///
/// Pure: a function of its arguments. Fills everything but port owner and sampling figures.
SocketReport judge_load(const CloseWaitTracker& tracker, const DetectorInput& input,
                        const LoadFacts& load);

/// Judges what a watcher saw that knows nothing of the load: every socket counts, also
/// those that were there at its start.
///
///   UNKNOWN         as above
///   INCONCLUSIVE    watched for less than tau; or some are tau old, but fewer than 3 are
///                   twice that; or the server stopped or was restarted meanwhile
///   LEAK_CONFIRMED  at least 3 have been stuck for 2 x tau, to the end
///   OK              none is as old as tau
///
/// Pure, as above. `leaked` counts those that are at least tau old.
SocketReport judge_alone(const CloseWaitTracker& tracker, const DetectorInput& input,
                         Duration watched);

}  // namespace loadline

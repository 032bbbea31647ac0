#pragma once
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "watch/detector.hpp"
#include "watch/sock_diag.hpp"

namespace loadline {

/// A watch as JSON lines, from which the same verdict can be had again: one line a sample with
/// what changed in CLOSE_WAIT since the one before, and one when the watch ends.
///
///   {"v":1,"t_mono_ns":..,"t_wall_ns":..,"boot_id":"..","netns":4026532177,"port":8080,
///    "tau_ns":..,"listener":"kept","pid":..,"comm":"..","states":{"ESTABLISHED":3},
///    "owned":3,"cw":{"n":2,"stale":1,"cls":[0,1,0,0,0]},"born":[{"ck":..,"peer":"..",
///    "age_lb_ms":..,"age_ub_ms":..,"ino":..,"rq":..,"wq":..,"ka":false}],"changed":[..],
///    "missing":[ck],"died":[{"ck":..,"dwell_ms":..}],"lq":[rq,backlog],"fds":..,"lim":..,
///    "cost_us":..}
///
/// t_mono is CLOCK_MONOTONIC of the boot `boot_id`. cls: the classes of the stale ones, in the
/// order of StuckClass. An age is what the peer's last acknowledgement (lb) and last data (ub)
/// say; absent where read from /proc. `missing` sockets are not in this sample, `died` ones not
/// in the one before either. A sample that failed: {"v":1,..,"failure":"why"}. The last line has
/// "end": who holds the sockets, and what the load did, where there was one.

/// What one sample adds to the recording.
struct RecordedSample {
    const SocketSample& sample;
    const std::vector<SocketRecord>& sockets;
    ListenerFate listener = ListenerFate::kept;
    const std::optional<ProcessInfo>& owner;
};

/// Writes the lines, without their ends of line. Not thread-safe.
class SocketStreamWriter {
public:
    /// `tau`: as given to the watcher; nothing is the default.
    SocketStreamWriter(std::uint16_t port, std::optional<Duration> tau);

    std::string sample(const RecordedSample& recorded);
    std::string failure(TimePoint at, const std::string& why) const;
    /// `load` is null for a watcher that stood alone; `tau` is the one that judged.
    std::string end(Duration tau, const std::optional<ProcessInfo>& holder,
                    const LoadFacts* load) const;

private:
    struct Known {
        TimePoint birth{};
        std::uint32_t inode = 0, unread = 0, unsent = 0;
        bool keep_alive = false, missing = false;
        TimePoint last_seen{};
        std::uint64_t seen_in = 0;  ///< number of the sample
    };

    std::uint16_t port_;
    Duration tau_;
    std::string boot_id_;
    std::optional<std::uint64_t> netns_;
    std::uint64_t samples_ = 0;
    std::unordered_map<std::uint64_t, Known> known_;
};

/// Judges a recording again: the same report as the watch gave, from the same code. A stream
/// that was cut off is judged up to its last whole line. Lines of other kinds ("type") are
/// skipped. A usage error names the line that is none of ours.
Result<SocketReport> replay_sockets(std::istream& lines);

}  // namespace loadline

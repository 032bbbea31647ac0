#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/url.hpp"
#include "result/trial_result.hpp"
#include "watch/remote_watcher.hpp"

namespace loadline {

/// What the command line decides about a run or search, beyond the plan.
struct TrialOptions {
    unsigned threads = 1;
    std::size_t max_users = 10'000;
    std::size_t connections = 10'000;  ///< cap per target
    bool connections_capped = false;   ///< the user gave the cap (or it is the one-liner's)
    std::size_t pipeline = 1;          ///< commands in flight per Redis connection
    std::vector<std::string> sources;  ///< our own addresses to connect from
    std::vector<std::string> loopback_sources;  ///< the same for targets on loopback
    std::uint64_t seed = 1;
    std::optional<std::uint16_t> watch_port;  ///< nothing: the plan's, or a watchable target's
    std::optional<int> watch_pid;
    std::optional<int> watch_container_pid;  ///< watch in the network namespace of this process
    std::optional<WatchFrom> watch_from;     ///< a watcher beside the server, instead of our own
    std::optional<Url> node_exporter;  ///< where sockets are counted, instead of watching them
    std::optional<Url> watch_redis;    ///< nothing: the plan's first redis:// target, if it has one
    std::optional<Duration> socket_tau;
    bool strict_sockets = false;  ///< BUILD_UP and SUSPECT are failures too
    bool watch = true;
};

/// Who is told what happens while it happens: live display and timeline. Called on the
/// thread that runs the trial; any may be empty.
struct Observer {
    /// A window of load begins: "bisect 374/s", or empty in a run; its length with warm-up.
    std::function<void(const std::string& label, Duration planned)> trial;
    std::function<void(const TimelinePoint&)> second;
    std::function<void(const ProbeResult&)> probe;
    std::function<void(const std::string&)> note;  ///< "logging 1000 sessions in"
    /// A line of the recording of the server's sockets (see watch/stream); on other threads,
    /// one after another.
    std::function<void(const std::string& line)> socket_line;
};

}  // namespace loadline

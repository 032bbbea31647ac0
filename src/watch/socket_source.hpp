#pragma once
#include <optional>
#include <vector>

#include "watch/attribution.hpp"
#include "watch/detector.hpp"
#include "watch/socket_report.hpp"
#include "watch/target.hpp"

namespace loadline {

/// Whoever samples the server's sockets: a watcher of our own (Watcher), one beside the server
/// whose stream we read (RemoteWatcher), or a node_exporter that counts them (CountWatcher). All
/// instants are on our own clock. For one thread, the control thread.
class SocketSource {
public:
    SocketSource() = default;
    SocketSource(const SocketSource&) = delete;
    SocketSource& operator=(const SocketSource&) = delete;
    virtual ~SocketSource() = default;

    /// The listening port that is watched; 0: nobody has said so far.
    virtual std::uint16_t port() const = 0;
    /// Nothing as long as no sample succeeded, and while a stream is silent.
    virtual std::optional<SocketSample> latest() const = 0;
    /// The fullest accept queue of all samples since the last call: the latest one may have missed
    /// a burst. Nothing when there was no sample.
    virtual std::optional<AcceptQueue> take_fullest_queue() = 0;
    /// Samples of the whole time, oldest first.
    virtual std::vector<SocketSample> samples() const = 0;
    /// The process that listens, as far as visible.
    virtual std::optional<ProcessInfo> owner() const = 0;
    /// Why sockets cannot be seen now, or not as well as they might be; else empty.
    virtual std::string trouble() const = 0;
    /// What it tells of process and kernel since the last call, where a TargetWatch of our own
    /// cannot see them; else nothing.
    virtual std::optional<TargetSecond> take_target() = 0;

    /// To be called when all connections of the load are closed: the settle time begins.
    virtual void connections_closed(TimePoint at) = 0;
    /// Whether a sample begun at least 100 ms after that showed no socket of the load in
    /// CLOSE_WAIT (or a count no more than there were at first): no need to wait any longer.
    virtual bool settled() const = 0;
    /// How long the server may take to settle: 2 x tau, but a minute is enough; at least
    /// tau and two samples, so that what stays is seen to be tau old. Zero: nobody watches.
    virtual Duration settle_time(Duration slowest_response) const = 0;

    /// Stops sampling after one last sample and judges the load; `closed_at` is known here.
    /// To be called once.
    virtual SocketReport finish(LoadFacts load, Duration slowest_response) = 0;
};

}  // namespace loadline

#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "watch/attribution.hpp"
#include "watch/detector.hpp"
#include "watch/socket_report.hpp"
#include "watch/socket_table.hpp"
#include "watch/stream.hpp"
#include "watch/tracker.hpp"

/// watch: the server from outside. The table samples its sockets, the tracker follows them
/// by cookie, the detector judges, attribution names the process; the watcher is the thread
/// that does it four times a second.
namespace loadline {

/// Samples are at most this far apart.
inline constexpr Duration longest_sampling_period = std::chrono::seconds{2};

struct WatchOptions {
    std::uint16_t port = 0;
    std::optional<Duration> tau;  ///< nothing: max(5 s, 2 x slowest response)
    std::optional<int> pid;       ///< nothing: whoever holds the listening socket
    SocketTable::Source source = SocketTable::Source::netlink;
    /// Takes the lines of the recording (see watch/stream), one a sample; called on the
    /// sampler's thread, and for the last two on that which calls `finish`. Empty: none.
    std::function<void(const std::string& line)> record;
};

/// Samples the server's sockets on a thread of its own, every 250 ms; where a sample costs
/// more than 2.5 ms of CPU, every 100 times its cost, at most 2 s.
///
/// The other functions belong to one thread, the control thread. What the sampler gathered
/// is guarded by a mutex instead of posted: only these two threads know it, `latest` wants
/// the present state and not a queue, and no worker of the engine ever takes it.
class Watcher {
public:
    /// Takes the first sample before it returns, so that sockets from before the load are
    /// known: start it before the first connection. What cannot be seen is not an error
    /// here but UNKNOWN at the end. Usage error: port 0, a pid that does not exist, a tau
    /// that is not above zero.
    static Result<std::unique_ptr<Watcher>> start(const WatchOptions& options);
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    /// Nothing as long as no sample succeeded.
    std::optional<SocketSample> latest() const;
    /// Samples of the whole time, oldest first.
    std::vector<SocketSample> samples() const;
    /// Sockets of the load (not from before) in CLOSE_WAIT in the latest sample. Just after
    /// the last close that sample is older than the close: `settled` knows better.
    std::uint32_t close_wait_of_load() const;
    /// The process that listens, as far as visible.
    std::optional<ProcessInfo> owner() const;
    /// Why the latest sample failed, or why /proc is read instead of netlink; else empty.
    std::string trouble() const;

    /// To be called when all connections of the load are closed: the settle time begins.
    void connections_closed(TimePoint at);
    /// Whether a sample begun at least 100 ms after that showed no socket of the load in
    /// CLOSE_WAIT: no need to wait any longer.
    bool settled() const;
    /// How long the server may take to settle: 2 x tau, but a minute is enough; at least
    /// tau and two samples, so that what stays is seen to be tau old.
    Duration settle_time(Duration slowest_response) const;

    /// Stops sampling after one last sample and judges the load; `closed_at` is known here.
    /// Call one of the finishes, once.
    SocketReport finish(LoadFacts load, Duration slowest_response);
    /// The same for a watcher that stands alone.
    SocketReport finish_alone();

private:
    explicit Watcher(const WatchOptions& options);
    void run(const std::stop_token& stop);
    void sample();
    Duration period() const;
    void keep(TimePoint begin, SocketSample sample, const std::vector<SocketRecord>& sockets);
    void note_listeners(const std::vector<SocketRecord>& sockets);
    void seek_owner(const std::vector<SocketRecord>& sockets);
    DetectorInput last_look(Duration slowest_response);
    SocketReport complete(SocketReport report, const LoadFacts* load);

    const WatchOptions options_;
    SocketTable table_;                        ///< of the sampler, as are the next three
    std::uint32_t sought_inode_ = 0;           ///< the listening socket whose owner was looked for
    std::set<std::uint64_t> first_listeners_;  ///< cookies
    SocketStreamWriter stream_;

    mutable std::mutex mutex_;  ///< guards all below but the thread
    std::condition_variable_any wake_;
    std::optional<ProcessInfo> owner_;
    CloseWaitTracker tracker_;
    std::vector<SocketSample> samples_;
    TimePoint latest_begin_{};  ///< when the latest good sample began
    ListenerFate listener_ = ListenerFate::never_seen;
    std::string failure_, fallback_;
    std::optional<TimePoint> closed_at_;

    std::jthread thread_;
};

}  // namespace loadline

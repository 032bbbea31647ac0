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
#include "watch/kernel_counters.hpp"
#include "watch/listener_follower.hpp"
#include "watch/listener_holders.hpp"
#include "watch/socket_report.hpp"
#include "watch/socket_source.hpp"
#include "watch/socket_table.hpp"
#include "watch/stream.hpp"
#include "watch/tracker.hpp"

/// watch: the server from outside. The table samples its sockets, the tracker follows them
/// by cookie, the detector judges, attribution names the process; the watcher is the thread
/// that does it four times a second.
namespace loadline {

class OwnSockets;

/// Samples are at most this far apart.
inline constexpr Duration longest_sampling_period = std::chrono::seconds{2};

struct WatchOptions {
    std::uint16_t port = 0;
    std::optional<Duration> tau;  ///< nothing: max(5 s, 2 x slowest response)
    std::optional<int> pid;       ///< nothing: whoever holds the listening socket
    /// The sockets are in the network namespace of this process, whose descriptors are counted
    /// where it is not visible who listens. Nothing: in ours.
    std::optional<int> container_pid;
    SocketTable::Source source = SocketTable::Source::netlink;
    /// Connections that are not the load's: counted among the states, and never followed.
    std::shared_ptr<const OwnSockets> own;
    /// Takes the lines of the recording (see watch/stream), one a sample; called on the
    /// sampler's thread, and for the last two on that which calls `finish`. Empty: none.
    std::function<void(const std::string& line)> record;
    /// Where others may join the recording in its midst: asked before each line whether it must
    /// tell all sockets, as a reader may have missed some. Empty: none joins.
    std::function<bool()> tell_all;
};

/// Samples the server's sockets on a thread of its own, every 250 ms; where a sample costs
/// more than 2.5 ms of CPU, every 100 times its cost, at most 2 s.
///
/// The other functions belong to one thread, the control thread, but `owner`, which the thread that
/// watches the process asks. What the sampler gathered is guarded by a mutex instead of posted:
/// these threads want the present state and not a queue, and no worker of the engine ever takes it.
class Watcher : public SocketSource {
public:
    /// Takes the first sample before it returns, so that sockets from before the load are
    /// known: start it before the first connection. What cannot be seen is not an error
    /// here but UNKNOWN at the end. Usage error: port 0, a pid that does not exist, or that
    /// surely holds no socket of the port and is neither below nor above a process that listens
    /// there, a tau that is not above zero.
    static Result<std::unique_ptr<Watcher>> start(const WatchOptions& options);
    ~Watcher() override;

    std::uint16_t port() const override { return options_.port; }
    std::optional<SocketSample> latest() const override;
    std::optional<AcceptQueue> take_fullest_queue() override;
    std::vector<SocketSample> samples() const override;
    /// Sockets of the load (not from before) in CLOSE_WAIT in the latest sample. Just after
    /// the last close that sample is older than the close: `settled` knows better.
    std::uint32_t close_wait_of_load() const;
    std::optional<ProcessInfo> owner() const override;
    std::optional<TargetSecond> take_target() override { return {}; }
    /// Why the latest sample failed, or why /proc is read instead of netlink; else empty.
    std::string trouble() const override;

    void connections_closed(TimePoint at) override;
    bool settled() const override;
    Duration settle_time(Duration slowest_response) const override;

    SocketReport finish(LoadFacts load, Duration slowest_response) override;
    /// The same for a watcher that stands alone. Call one of the finishes, once.
    SocketReport finish_alone();

private:
    explicit Watcher(const WatchOptions& options);
    void run(const std::stop_token& stop);
    void sample();
    Duration period() const;
    void keep(TimePoint begin, SocketSample sample, const std::vector<SocketRecord>& sockets);
    void seek_owner(const std::vector<SocketRecord>& sockets);
    std::vector<int> take_owner(const std::set<std::uint32_t>& inodes);
    void follow_owner();
    void leave_out_own(std::vector<SocketRecord>& sockets);
    void add_process_facts(SocketSample& sample);
    std::optional<ProcessInfo> holder_of_oldest();
    DetectorInput last_look(Duration slowest_response);
    SocketReport complete(SocketReport report, const LoadFacts* load);

    const WatchOptions options_;
    SocketTable table_;                      ///< of the sampler, as are those down to the mutex
    std::set<std::uint32_t> sought_inodes_;  ///< the listening sockets whose owner was looked for
    std::optional<int> listening_;  ///< the process that was found to hold the listening socket
    bool same_process_ = false;     ///< it held the one before, too
    ServerChange change_ = ServerChange::none;  ///< in the latest sample
    std::uint32_t held_inode_ = 0;  ///< the oldest stale socket, whose holder_ was looked for
    std::optional<ProcessInfo> holder_;
    ListenerFollower listeners_;
    ListenerHolders holders_;
    KernelMeter kernel_;
    std::set<std::uint64_t> own_;  ///< cookies of options_.own that are still there
    struct SlowFacts {
        std::optional<TimePoint> at;       ///< when they were read
        std::optional<int> pid;            ///< of whom
        std::optional<KernelUse> counted;  ///< since the start
    } slow_facts_;
    SocketStreamWriter stream_;

    mutable std::mutex mutex_;  ///< guards all below but the thread
    std::condition_variable_any wake_;
    std::optional<ProcessInfo> owner_;
    CloseWaitTracker tracker_;
    std::vector<SocketSample> samples_;
    std::optional<AcceptQueue> fullest_queue_;  ///< since it was taken
    TimePoint latest_begin_{};                  ///< when the latest good sample began
    ListenerFate listener_ = ListenerFate::never_seen;
    std::string failure_, fallback_;
    std::optional<TimePoint> closed_at_;

    std::jthread thread_;
};

}  // namespace loadline

#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "net/redis_client.hpp"
#include "watch/socket_source.hpp"
#include "watch/stream_follower.hpp"

namespace loadline {

/// The stream that a watcher beside the server writes: `loadline watch --redis URL --run ID`.
struct WatchFrom {
    Url redis;  ///< redis:// only
    std::string run;
};

struct RemoteWatchOptions {
    WatchFrom from;
    std::optional<Duration> tau;  ///< nothing: max(5 s, 2 x slowest response)
    /// Takes the lines of the recording, as WatchOptions::record.
    std::function<void(const std::string& line)> record;
    /// Connections that are not the load's, as WatchOptions::own.
    std::shared_ptr<const OwnSockets> own;
    Duration patience = std::chrono::seconds{5};  ///< how long the first sample may take
};

/// Reads the samples of a watcher that runs beside the server from a Redis stream, on a thread of
/// its own, and judges them here, joined with our closes and requests. When Redis goes away it is
/// asked again, after up to 2 s; what the watcher kept meanwhile then comes late, which does no
/// harm.
///
/// Whoever does not come (no Redis, no stream, no new line) makes UNKNOWN at the end, with the
/// reason; holes make the calm words INCONCLUSIVE: see find_gap.
class RemoteWatcher : public SocketSource {
public:
    /// Waits for the first sample, at most `patience`.
    explicit RemoteWatcher(RemoteWatchOptions options);
    ~RemoteWatcher() override;

    std::uint16_t port() const override;
    std::optional<SocketSample> latest() const override;
    std::optional<AcceptQueue> take_fullest_queue() override;
    std::vector<SocketSample> samples() const override;
    std::optional<ProcessInfo> owner() const override;
    std::optional<TargetSecond> take_target() override;
    void connections_closed(TimePoint at) override;
    bool settled() const override;
    Duration settle_time(Duration slowest_response) const override;
    SocketReport finish(LoadFacts load, Duration slowest_response) override;

    /// Why no sample comes now; empty: they come.
    std::string trouble() const override;

private:
    using StreamId = std::pair<std::uint64_t, std::uint64_t>;

    Job follow();
    Later<bool> join();
    Later<bool> find_place();
    bool heard(const RedisAnswer& answer);
    void take_entries(const RedisAnswer& entries);
    void stop();
    std::string why_silent() const;
    DetectorInput last_look(const LoadFacts& load, Duration tau, TimePoint asked);

    const RemoteWatchOptions options_;
    const std::string key_;
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        context_.get_executor()};
    boost::asio::steady_timer timer_{context_};  ///< of the reader's thread, as those to the mutex
    StreamId latest_id_{};
    Duration back_off_{};
    bool joined_ = false, place_known_ = false;

    mutable std::mutex mutex_;  ///< guards those down to the client
    std::condition_variable news_;
    StreamFollower follower_;
    bool stream_seen_ = false;
    std::string redis_trouble_;
    std::optional<TimePoint> closed_at_;
    std::size_t told_queues_ = 0;   ///< samples that take_fullest_queue has seen
    std::size_t told_samples_ = 0;  ///< of take_target, as are the next three
    std::optional<KernelUse> told_kernel_;
    std::uint32_t told_restarts_ = 0;
    TimePoint told_at_ = Clock::now();
    bool stopping_ = false;

    RedisClient client_;
    std::thread thread_;
};

}  // namespace loadline

#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "watch/kernel_counters.hpp"
#include "watch/port_owner.hpp"
#include "watch/process.hpp"
#include "watch/redis_info.hpp"

namespace loadline {

struct TargetWatchOptions {
    /// Who the target is now; nothing while nobody is known. Called on the watch's thread.
    /// Empty: no process is watched.
    std::function<std::optional<int>()> process;
    std::optional<std::uint16_t> proxy_port;  ///< where the load goes to a proxy before the target
    std::optional<std::uint16_t> watched_port;  ///< of the target; nothing: of another namespace
    std::optional<int> namespace_of;            ///< whose kernel counters; nothing: the process's
    std::optional<Url> redis;                   ///< redis:// only
};

/// Watches the target's process, its kernel counters and its Redis on a thread of its own:
/// twice a second, so that what is told for a second is at most half a second old; Redis once
/// a second. Where a look costs more than 5 ms of CPU, every 100 times its cost.
///
/// `take` and `not_seen` belong to one thread, the control thread; what was gathered meanwhile
/// is guarded by a mutex that these two threads alone know.
class TargetWatch {
public:
    explicit TargetWatch(TargetWatchOptions options);
    ~TargetWatch();
    TargetWatch(const TargetWatch&) = delete;
    TargetWatch& operator=(const TargetWatch&) = delete;

    /// What was seen since the last call; nothing when there was no look since.
    std::optional<TargetSecond> take();
    /// What cannot be seen, and the capability it would take; empty: everything is.
    std::vector<std::string> not_seen() const;

private:
    void run();
    void look();
    std::vector<std::string> list_not_seen(const TargetSecond& second) const;

    const TargetWatchOptions options_;
    ProcessMeter process_;  ///< of the watch's thread, as are those down to the mutex
    ProcessMeter proxy_;
    std::optional<PortOwner> proxy_owner_;
    KernelMeter kernel_{options_.namespace_of};
    TimePoint last_ = Clock::now(), next_question_{};
    boost::asio::io_context context_{1};
    boost::asio::steady_timer timer_{context_};
    std::optional<RedisMeter> redis_;

    mutable std::mutex mutex_;  ///< guards the two below
    std::optional<TargetSecond> gathered_;
    std::vector<std::string> not_seen_;

    std::thread thread_;
};

}  // namespace loadline

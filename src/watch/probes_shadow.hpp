#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "watch/probes_attempt.hpp"

namespace loadline {

/// Makes a shadow probe of each kind every second, on a thread of its own. One that hangs does not
/// hold the next one up (the kubelet's own might begin at any of these instants), so that as many
/// are under way as the time-out has seconds, and one more.
///
/// Names are resolved once, on that thread. `take` and `finish` belong to one thread, the control
/// thread; what was gathered meanwhile is guarded by a mutex that these two threads alone know.
class ShadowProber {
public:
    /// The instants of the record are counted from `zero`. `own` is told of each connection;
    /// it may be null.
    ShadowProber(const std::vector<KubeletProbe>& probes, TimePoint zero,
                 std::shared_ptr<OwnSockets> own);
    ~ShadowProber();
    ShadowProber(const ShadowProber&) = delete;
    ShadowProber& operator=(const ShadowProber&) = delete;

    /// What has ended since the last call.
    std::vector<ProbeSecond> take();
    /// Ends the probing; what is under way is recorded as unfinished. The records, in the order
    /// of the probes. Call it once.
    std::vector<ProbeRecord> finish();

private:
    struct Running {
        std::size_t target;
        Duration start;
        std::shared_ptr<ProbeAttempt> attempt;
    };
    void run();
    void tick();
    void keep(std::size_t target, ShadowProbe shadow);

    std::vector<ProbeTarget> targets_;  ///< of the prober's thread, as are those down to the mutex
    const TimePoint zero_;
    const std::shared_ptr<OwnSockets> own_;
    boost::asio::io_context context_{1};
    boost::asio::steady_timer timer_{context_};
    TimePoint next_{};
    std::list<Running> running_;

    std::mutex mutex_;  ///< guards the two below
    std::vector<ProbeRecord> records_;
    std::vector<ProbeSecond> gathered_;

    std::thread thread_;
};

}  // namespace loadline

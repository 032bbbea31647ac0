#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "result/trial_result.hpp"
#include "trial/load_record.hpp"
#include "trial/trial_options.hpp"
#include "watch/mirror.hpp"
#include "watch/own_sockets.hpp"
#include "watch/probes_shadow.hpp"
#include "watch/socket_source.hpp"
#include "watch/target_watch.hpp"

namespace loadline {

/// All that watches the target over one run or one search: its sockets, by a watcher of our own,
/// by the stream of one beside the server or by a node_exporter's counts; where neither is to be
/// had, our own ends of the connections; its process, kernel counters and Redis; the probes of its
/// kubelet.
///
/// What it was made of must outlive it. For the control thread.
class TargetSide {
public:
    /// Starts what plan and options ask for; what cannot be watched is no error, but told in the
    /// result, unless it is `refused`. `zero`: the start of the run, from which the probes'
    /// instants count.
    TargetSide(const Plan& plan, const TrialOptions& options, const Observer& observer,
               TimePoint zero);
    TargetSide(const TargetSide&) = delete;
    TargetSide& operator=(const TargetSide&) = delete;

    /// The usage error of a process that was named and is not the one behind the port.
    const std::optional<Error>& refused() const { return refused_; }

    /// Where the load goes: to be called before it begins.
    void connected_to(const std::vector<TargetAddresses>& addresses);

    /// A window of load begins: what was gathered before is not its own, but that the target has
    /// ended or was restarted meanwhile is told in its first second.
    void begin_window();
    /// Fills what was seen of the target in the second that has passed.
    void look(TimelinePoint& point);

    /// Fills `result.probes`. To be called before our connections are closed.
    void end_probes(RunResult& result);
    /// Lets a time pass, or until the function says so.
    using Wait = std::function<void(Duration most, const std::function<bool()>& done)>;
    /// Lets the server settle and judges its sockets; fills `result.sockets`, `not_watched` and
    /// `socket_samples`. `closes`: how many connections we closed, per target of the plan.
    void judge_sockets(RunResult& result, const std::vector<std::uint64_t>& closes,
                       const LoadRecord& record, Duration slowest_response, const Wait& wait);

    /// What cannot be seen of the target, and what it would take.
    std::vector<std::string> not_seen() const;

private:
    bool watched_elsewhere() const;
    bool sockets_are_judged() const;
    std::optional<std::uint16_t> port_to_watch() const;
    void watch_sockets();
    void follow_stream();
    void count_sockets();
    std::optional<std::uint16_t> proxy_port() const;
    void watch_here();
    void watch_target();
    void start_probes();
    std::optional<TargetSecond> take_target();
    std::vector<bool> watched_targets() const;
    std::optional<SocketReport> look_into_mirror(std::uint64_t closes, Duration slowest_response,
                                                 const Wait& wait) const;

    const Plan& plan_;
    const TrialOptions& options_;
    const Observer& observer_;
    const TimePoint zero_;
    std::shared_ptr<OwnSockets> own_sockets_ = std::make_shared<OwnSockets>();
    std::unique_ptr<SocketSource> sockets_;  ///< null: `not_watched_` says why
    std::string not_watched_;
    std::vector<bool> of_this_machine_;  ///< per target: by the addresses it was reached at
    std::optional<Error> refused_;
    std::optional<Mirror> mirror_;         ///< where the sockets cannot be watched
    std::unique_ptr<TargetWatch> target_;  ///< asks sockets_ whose process it is
    std::optional<TargetSecond> before_;   ///< what was seen between two windows
    std::unique_ptr<ShadowProber> prober_;
    std::optional<Duration> container_start_;  ///< on the run's clock; nothing: not known
};

}  // namespace loadline

#pragma once
#include <functional>
#include <memory>
#include <string>

#include "engine/engine.hpp"
#include "result/trial_result.hpp"
#include "watch/watcher.hpp"

/// trial: one trial of a plan, and the capacity search over trials. Puts engine and
/// watcher together and returns values; prints nothing.
namespace loadline {

/// What the command line decides about a run or search, beyond the plan.
struct TrialOptions {
    unsigned threads = 1;
    std::size_t max_users = 10'000;
    std::size_t connections = 10'000;  ///< cap per target
    bool connections_capped = false;   ///< the user gave the cap (or it is the one-liner's)
    std::size_t pipeline = 1;          ///< commands in flight per Redis connection
    std::vector<std::string> sources;  ///< our own addresses to connect from
    std::uint64_t seed = 1;
    std::optional<std::uint16_t> watch_port;  ///< nothing: the plan's, or the loopback target's
    std::optional<int> watch_pid;
    std::optional<Duration> socket_tau;
    bool watch = true;
};

/// The smallest latency any clause allows; 100 ms (the default SLO's) when none has one.
Duration smallest_latency_limit(const Plan& plan);

/// Who is told what happens while it happens: live display and timeline. Called on the
/// thread that runs the trial; any may be empty.
struct Observer {
    /// A window of load begins: "bisect 374/s", or empty in a run; its length with warm-up.
    std::function<void(const std::string& label, Duration planned)> trial;
    std::function<void(const TimelinePoint&)> second;
    std::function<void(const ProbeResult&)> probe;
    std::function<void(const std::string&)> note;  ///< "logging 1000 sessions in"
};

/// The engine with its watcher, alive over one run or one search.
class TrialStage {
public:
    /// Starts the watcher first (so that sockets from before are known), then the engine.
    static Result<std::unique_ptr<TrialStage>> open(std::shared_ptr<const Plan> plan,
                                                    const TrialOptions& options, Observer observer);

    /// Makes and measures one window of load. `on_tick`, if any, sees each tick of it and ends
    /// it early by false. The observer sees its seconds, under `label`.
    TrialMeasurement measure(const std::string& label, const LoadWindow& window,
                             const Engine::OnLoad& on_tick = {});

    /// Lets a moment pass, or until a stop signal.
    void pause(Duration how_long) {
        engine_->wait(how_long, [] { return false; });
    }

    /// Closes all connections, lets the server settle and judges its sockets; fills
    /// `result.sockets`, `not_watched` and `socket_samples`.
    void judge_sockets(RunResult& result);

    const Plan& plan() const { return *plan_; }
    const std::vector<TargetAddresses>& addresses() const { return engine_->addresses(); }
    const TrialOptions& options() const { return options_; }
    const Observer& observer() const { return observer_; }

private:
    TrialStage(std::shared_ptr<const Plan> plan, const TrialOptions& options, Observer observer)
        : plan_{std::move(plan)}, options_{options}, observer_{std::move(observer)} {}
    void start_watcher();

    std::shared_ptr<const Plan> plan_;
    TrialOptions options_;
    Observer observer_;
    std::unique_ptr<Watcher> watcher_;
    std::string not_watched_;
    std::optional<std::uint16_t> watched_port_;
    std::unique_ptr<Engine> engine_;
    TimePoint opened_ = Clock::now();
    Duration slowest_{};  ///< largest response time seen; sets the detector's tau
};

/// Runs the plan's load once: warm-up, measure, drain, sockets, verdict.
Result<RunResult> run_trial(std::shared_ptr<const Plan> plan, const TrialOptions& options,
                            const Observer& observer);

}  // namespace loadline

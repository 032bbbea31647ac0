#pragma once
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "result/trial_result.hpp"
#include "trial/load_record.hpp"
#include "trial/target_side.hpp"
#include "trial/trial_options.hpp"

/// trial: one trial of a plan, and the capacity search over trials. Puts engine and
/// watcher together and returns values; prints nothing.
namespace loadline {

/// The smallest latency any clause allows; 100 ms (the default SLO's) when none has one.
Duration smallest_latency_limit(const Plan& plan);

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

    /// Ends the probes, closes all connections, lets the server settle and judges its sockets;
    /// fills `result.probes`, `sockets`, `not_watched` and `socket_samples`. A server that is not
    /// watched is SUSPECT when it leaves our own ends half closed.
    void judge_sockets(RunResult& result);

    /// What cannot be seen of the target, and what it would take.
    std::vector<std::string> not_seen() const { return target_.not_seen(); }

    const Plan& plan() const { return *plan_; }
    const std::vector<TargetAddresses>& addresses() const { return engine_->addresses(); }
    const TrialOptions& options() const { return options_; }
    const Observer& observer() const { return observer_; }

private:
    TrialStage(std::shared_ptr<const Plan> plan, const TrialOptions& options, Observer observer)
        : plan_{std::move(plan)}, options_{options}, observer_{std::move(observer)} {}

    std::shared_ptr<const Plan> plan_;
    TrialOptions options_;
    Observer observer_;
    TimePoint opened_ = Clock::now();
    TargetSide target_{*plan_, options_, observer_, opened_};
    std::unique_ptr<Engine> engine_;
    Duration slowest_{};       ///< largest response time seen; sets the detector's tau
    LoadRecord load_{*plan_};  ///< of all windows so far
};

/// Runs the plan's load once: warm-up, measure, drain, sockets, verdict.
Result<RunResult> run_trial(std::shared_ptr<const Plan> plan, const TrialOptions& options,
                            const Observer& observer);

}  // namespace loadline

#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/worker.hpp"

namespace loadline {

struct EngineOptions {
    unsigned threads = 1;
    std::size_t max_users = 10'000;    ///< cap on virtual users, over all threads
    std::size_t connections = 10'000;  ///< cap on connections per target, over all threads
    std::uint64_t seed = 1;
    Duration latency_limit = std::chrono::milliseconds{100};  ///< the smallest of the SLOs
    std::size_t pipeline = 1;          ///< commands in flight per Redis connection
    std::vector<std::string> sources;  ///< our own addresses to connect from, used in turn
    /// The same for HTTP targets on loopback, where `sources` names none: addresses of 127.x, with
    /// which ::1 is left out where 127.x answers too.
    std::vector<std::string> loopback_sources;
    bool defer_reads = true;  ///< false only to measure what deferring them adds
};

/// At most one second of load (or one tick of it), merged over the workers.
struct SecondOfLoad {
    Duration since_start{};  ///< its end, from the start of the window
    Duration length{};
    const Interval& measured;                 ///< what was due in the measured part
    const Interval& everything;               ///< also warm-up and drain: what a live display shows
    const std::vector<Duration>& worker_cpu;  ///< useful CPU of each worker
    bool last = false;
};

/// What one window of load did.
struct LoadResult {
    Interval total;                  ///< everything due in the measured part
    Duration measured{};             ///< its length: shorter than asked for when interrupted
    std::vector<double> lag_p99_ms;  ///< of send lag, one per measured second; below 100 requests
                                     ///< the second largest
    std::vector<FailureExample> examples;
    std::vector<std::uint64_t> answers;  ///< per target
    std::uint64_t cap_waits = 0;
    bool out_of_sockets = false;
    bool drained = true;  ///< nothing was under way when the drain ended
    bool interrupted = false;
    bool stopped_early = false;  ///< the observer asked for it
};

/// The workers, alive across the trials of a search: their connections and sessions stay.
/// All public functions belong to one thread, the control thread; they block it and run
/// its io_context meanwhile.
class Engine {
public:
    /// Resolves and tries every target, starts the threads, runs the set-up steps and logs
    /// the sessions in. Unreachable error when a target does not answer; usage error when a
    /// set-up step or a session start fails.
    static Result<std::unique_ptr<Engine>> start(std::shared_ptr<const Plan> plan,
                                                 const EngineOptions& options);
    ~Engine();

    using OnLoad = std::function<bool(const SecondOfLoad&)>;

    /// Makes one window of load. `window.start` is set here. `on_second` sees each second and
    /// `on_tick`, if any, each tick before its second; returning false ends the load early (it
    /// is drained and reported as usual).
    LoadResult run(LoadWindow window, const OnLoad& on_second, const OnLoad& on_tick = {});

    /// Per target of the plan.
    const std::vector<TargetAddresses>& addresses() const { return addresses_; }

    /// Closes every connection; returns how many of them we closed since the start, per target.
    std::vector<std::uint64_t> close_connections();

    /// Lets `how_long` pass, or until `done()` (asked every 50 ms) or a stop signal.
    void wait(Duration how_long, const std::function<bool()>& done);

private:
    Engine(std::shared_ptr<const Plan> plan, const EngineOptions& options);
    Result<void> prepare();
    void until(const std::function<bool()>& done);

    struct Collector;
    std::shared_ptr<const Plan> plan_;
    EngineOptions options_;
    boost::asio::io_context control_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> control_alive_ =
        boost::asio::make_work_guard(control_);
    std::unique_ptr<Collector> collector_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<TargetAddresses> addresses_;
    std::vector<std::uint64_t> closes_;
};

}  // namespace loadline

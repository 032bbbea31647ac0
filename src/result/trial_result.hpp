#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/procfs.hpp"
#include "base/rate.hpp"
#include "plan/plan.hpp"
#include "result/cause_report.hpp"
#include "result/certificate.hpp"
#include "result/selftest.hpp"
#include "result/words.hpp"
#include "stats/interval.hpp"
#include "watch/probes_report.hpp"
#include "watch/socket_report.hpp"
#include "watch/target.hpp"

/// result: what happened, as values with one JSON form. Reports print these and compute
/// nothing that another report would have to compute again.
namespace loadline {

/// One SLO clause judged.
struct ClauseResult {
    SloClause clause;
    VerdictWord word = VerdictWord::invalid;
    std::uint64_t samples = 0;
    std::optional<Duration> actual;       ///< percentile; absent when unanswered ones reach it
    std::optional<Duration> actual_over;  ///< then: the percentile is above this (the time-out)
    double actual_share = 0;              ///< errors clauses
    /// A clause over windows: how many could be judged, and broke it. The other figures are then
    /// those of the worst.
    std::uint64_t windows = 0, windows_broken = 0;
};

/// Did the generator keep its own promise?
struct GeneratorHealth {
    std::uint64_t scheduled = 0, sent = 0, dropped = 0;
    std::uint64_t lag_windows = 0,
                  lag_windows_over = 0;  ///< one-second windows; those over the bound
    Duration lag_bound{};
    Duration send_lag_p50{}, send_lag_p99{}, pool_wait_p50{}, pool_wait_p99{};
    Duration send_lag_window_p99{};     ///< p99 within 10 ms, of the median window
    double cpu_share_max = 0;           ///< useful CPU of the busiest worker, 0..1
    std::vector<double> worker_cpu;     ///< of each worker
    std::optional<double> steal_share;  ///< of all cores' time, 0..1
    std::optional<Duration> throttled;  ///< held back by the CPU quota of a cgroup
    /// The most there were at the end of any second.
    std::optional<std::uint64_t> descriptors_max, time_wait_max;
    std::uint64_t descriptor_limit = 0, connections_max = 0;
    std::vector<Reason> limits;      ///< what makes the trial INVALID; empty: innocent
    std::vector<std::string> notes;  ///< explain, never decide
};

/// Of a second of load; while the server settles after it, only its sockets are looked at.
enum class Phase : std::uint8_t { warmup, measure, drain };
const char* to_string(Phase phase);

/// The generator's own state in one second; what could not be read is absent.
struct GeneratorSecond {
    std::vector<double> worker_cpu;  ///< useful CPU of each worker, 0..1
    std::optional<double> steal_share;
    std::optional<Duration> throttled;
    std::optional<std::uint64_t> descriptors, time_wait;  ///< at its end
};

/// One second of a trial: what the live display, timeline.jsonl and the charts show.
struct TimelinePoint {
    Duration since_start{};  ///< end of this second, from the start of the run
    Duration length{};
    Phase phase = Phase::measure;
    double intended_rate = 0;  ///< arrivals per second that the load model asked for
    std::uint64_t scheduled = 0, started = 0, sent = 0, dropped = 0;
    std::uint64_t completed = 0, transactions = 0, errors = 0;
    std::array<std::uint64_t, outcome_count> outcomes{};
    Origins origins;
    std::vector<ClauseCount> clauses;  ///< per clause of the plan: of what ended in it
    Duration p50{}, p90{}, p99{}, p999{},
        max{};  ///< response time of transactions; p at 1 h: unanswered
    Duration service_p50{}, service_p99{}, send_lag_p50{}, send_lag_p99{}, pool_wait_p99{};
    std::uint64_t in_flight = 0, users = 0, connections = 0;
    std::uint64_t closes = 0;                                    ///< connections that we closed
    std::array<std::uint64_t, churn_mode_count> churn_closes{};  ///< of them, by mode
    double cpu_share_max = 0;
    GeneratorSecond generator;
    std::optional<SocketSample> sockets;       ///< the latest
    std::optional<AcceptQueue> fullest_queue;  ///< of all samples of the second
    std::optional<TargetSecond> target;        ///< its process, kernel counters and Redis
    std::vector<ProbeSecond> probes;           ///< shadow probes of the kubelet's that ended in it
};

/// The first few examples of an outcome, secrets masked.
struct OutcomeExample {
    Outcome outcome;
    std::string step;
    std::string text;  ///< "HTTP 409 {"error":"not_open"..."
};

/// The response times of one step in one second, encoded at once: a long run keeps about
/// a kilobyte of it instead of a histogram.
struct StepSecond {
    StepIndex step = 0;
    Duration since_start{}, length{};
    Duration max{};
    std::string payload;  ///< as encode_histogram
};

/// What came to its end *within* the measured window, whenever it was due: an overloaded
/// server's backlog, answered after the window, is no throughput.
struct Ended {
    std::uint64_t journeys = 0, answered = 0, ok = 0;  ///< the last two of transactions
};

/// What one trial measured, before anything is judged.
struct TrialMeasurement {
    Interval total;  ///< everything due in the measured window
    std::vector<TimelinePoint> timeline;
    std::vector<StepSecond> step_seconds;  ///< of the measured window, in order of time: the .hlog
    std::vector<OutcomeExample> examples;
    Duration measured{};  ///< length of the measured window
    Ended throughput;
    ChurnStats churn;          ///< of the whole load, with warm-up and drain
    double intended_rate = 0;  ///< journeys per second; 0: closed model
    GeneratorHealth generator;
    bool drained = true;          ///< nothing was under way when the drain ended
    bool interrupted = false;     ///< SIGINT or SIGTERM
    int signal = 0;               ///< then: which
    bool never_answered = false;  ///< not one answer from some target
    std::string unreachable;      ///< then: which address
};

/// The whole of a run or search: the one value every report prints.
struct RunResult {
    std::string command;  ///< "run" or "search"
    std::string scenario_name;
    std::string scenario_hash;  ///< of the text, hex
    std::string version;
    std::vector<std::string> arguments;
    std::uint64_t seed = 0;
    unsigned threads = 0;
    std::size_t user_cap = 0, connection_cap = 0;  ///< 0: no cap
    std::vector<std::string> sources;  ///< our own addresses; empty: the system's choice
    std::chrono::system_clock::time_point started_at{};
    Duration elapsed{};
    Machine machine;
    std::optional<Selftest> selftest;    ///< what an earlier selftest found on this machine
    bool target_shares_machine = false;  ///< every target is loopback
    std::shared_ptr<const Plan> plan;
    std::vector<TargetAddresses> addresses;  ///< per target of the plan

    TrialMeasurement measurement;  ///< the run; for a search its hold (or last passing probe)
    std::vector<ClauseResult> clauses;
    std::optional<CapacityResult> capacity;
    std::optional<SocketReport> sockets;  ///< absent: not watched
    std::string not_watched;              ///< then: why
    std::vector<SocketSample> socket_samples;
    std::vector<ProbeReport> probes;    ///< what the kubelet would have done; empty: no probes
    std::vector<std::string> not_seen;  ///< of the target; what it would take to see it
    std::optional<CauseReport>
        cause;  ///< of a FAIL; also when the target or its Redis was restarted
    Verdict verdict;
};

}  // namespace loadline

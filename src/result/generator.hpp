#pragma once
#include <optional>
#include <vector>

#include "result/trial_result.hpp"

namespace loadline {

/// What is known of the generator's own conduct during a trial.
struct GeneratorFacts {
    const Interval& total;             ///< must outlive the facts
    std::vector<double> lag_p99_ms{};  ///< send lag p99 of each measured second
    Duration latency_limit{};          ///< the smallest of the SLOs
    bool open_model = true;
    /// Waits at our own caps (users, connections) longer than latency_limit, and arrivals
    /// dropped there at once, while the server answered within it. Behind a slow server they
    /// are the server's doing.
    std::uint64_t cap_waits = 0;
    bool out_of_sockets = false;             ///< fds or ports
    bool stopped_early = false;              ///< the schedule was cut short on purpose
    double cpu_share_max = 0;                ///< useful CPU of the busiest worker, 0..1
    std::vector<GeneratorSecond> seconds{};  ///< of the measured window
    std::uint64_t descriptor_limit = 0, connections_max = 0;
};

/// Did the generator keep its promise? What proves it guilty goes into `limits`:
/// `client_limit`: fds or ports ran out, or more than 1 % of the arrivals waited or were
/// dropped at our caps;
/// `schedule`: less than 99 % of the arrivals due were started, dropped ones apart;
/// `send_lag`: p99 above max(1 ms, 5 % of the latency limit) in more than 10 % of the seconds,
/// and in two at least.
/// The last two hold for open models only. CPU (open: above 85 %; closed: above 95 %, where
/// it says who was the limit), steal above 2 % and throttling by a cgroup above 1 % of the
/// time only explain, as notes.
GeneratorHealth judge_generator(const GeneratorFacts& facts);

}  // namespace loadline

#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "base/outcome.hpp"
#include "base/time.hpp"
#include "base/timing.hpp"
#include "stats/churn_stats.hpp"
#include "stats/histogram.hpp"

namespace loadline {

/// Where answers arose that were not good: in a proxy in front of the application, or in it.
struct Origins {
    /// Of Outcome::http_5xx, those with a status that tells: 502 and 504 are what a proxy says of
    /// the application behind it, 503 what a service says of itself.
    std::uint64_t http_502 = 0, http_503 = 0, http_504 = 0;
    /// Answers beyond the latency limit whose headers told how long the application had taken:
    /// how many, their service time, and the application's part of it.
    std::uint64_t slow = 0;
    Duration slow_service{}, slow_upstream{};

    void merge(const Origins& other);
};

/// Counts and latencies of one step, or of one journey, over a stretch of time.
struct StepStats {
    std::array<std::uint64_t, outcome_count> outcomes{};
    Histogram response_time;     ///< every exchange due, unanswered ones at 1 h
    Histogram response_time_ok;  ///< the `ok` ones alone
    Histogram service_time;      ///< answered ones only
    /// Where the time went: `resolve` (where the resolver was asked), `connect` and `tls` of
    /// the exchanges that were the first on their connection, `wait` from sent to the first
    /// byte and `read` from there to the last, of the answered ones.
    Histogram resolve, connect, tls, wait, read;
    std::uint64_t bytes_in = 0, bytes_out = 0;
    std::uint64_t resends = 0;  ///< sent again because a reused connection turned out dead
    std::uint64_t sent = 0;     ///< exchanges, also those that a churn ends unmeasured
    /// Of those sent: given up by us before their answer was whole; and left in flight by a churn,
    /// which would not have waited for it. The server may still be working on both.
    std::uint64_t given_up = 0, left_in_flight = 0;
    Origins origins;

    std::uint64_t count() const;   ///< every outcome
    std::uint64_t errors() const;  ///< every outcome but ok
    void merge(const StepStats& other);
    void clear();
};

/// What one worker (or, merged, all) did over a stretch of time: plain integers and
/// histograms, mergeable in any order. Steps, journeys and targets are indexed as in the plan.
struct Interval {
    Interval() = default;
    Interval(std::size_t step_count, std::size_t journey_count, std::size_t target_count = 0)
        : steps(step_count), journeys(journey_count), closes(target_count) {}

    TimePoint start{}, end{};
    std::vector<StepStats> steps;
    std::vector<StepStats>
        journeys;  ///< response_time: arrival to last completion, think time excluded
    std::vector<std::uint64_t> closes;  ///< connections that we closed, per target

    std::uint64_t scheduled = 0;         ///< arrivals that were due
    std::uint64_t started = 0;           ///< arrivals handed to a virtual user
    std::uint64_t dropped_arrivals = 0;  ///< arrivals that never got a virtual user
    std::uint64_t connects = 0;          ///< connections opened
    ChurnStats churn;  ///< of journeys that churn; their closes are part of `closes`
    Histogram send_lag, pool_wait;
    Histogram send_lag_windows;     ///< p99 of send lag of each window of 10 ms and worker
    Duration worker_cpu{};          ///< useful CPU of the worker threads in this stretch
    Duration worker_cpu_busiest{};  ///< of the busiest single worker
    std::uint64_t in_flight = 0;    ///< at the end of the stretch
    /// Ages, at the end of the stretch, of the transactions of the measured part that have no
    /// answer yet, from their intended send time on.
    Histogram waiting_ages;
    std::uint64_t users = 0, connections = 0;  ///< in existence at the end of the stretch

    /// Adds what another worker did in the same stretch: gauges add up, the busiest stays
    /// the busiest. In any order. An interval without steps or targets takes the other's shape.
    void merge(const Interval& other);
    /// Adds the stretch that follows: gauges become those of `later`, CPU adds up.
    void append(const Interval& later);
    void clear();  ///< keeps the shape

    std::uint64_t all_closes() const;
    std::uint64_t all_sent() const;

private:
    void add_sums(const Interval& other);
};

}  // namespace loadline

#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.hpp"
#include "stats/histogram.hpp"
#include "trial/search.hpp"

namespace loadline {

/// One server with a first-come-first-served queue, and an open load, in virtual time: the
/// response times of Lindley's recursion. The backlog outlives a probe, as it does in a
/// service, less what up to five seconds of draining take away.
struct VirtualService {
    bool poisson = true;        ///< arrivals; else paced
    double service_s = 0.0025;  ///< of one request: the capacity is its inverse
    double service_noise = 0;   ///< exponential share of the service time, 0 = none (D) .. 1 (M)
    double stall_s = 0;         ///< every stall_every_s on average nothing is served for so long
    double stall_every_s = 10;
    double idle_s = 0;  ///< latency without a queue
    double error_share = 0;
    double generator_limit = HUGE_VAL;  ///< above this rate the trial is INVALID
    Duration limit = std::chrono::milliseconds{100};
    Rng rng{1};

    double now = 0, free_at = 0, next_stall = -1;  ///< seconds

    double service_time() {
        return service_s * ((1 - service_noise) + service_noise * rng.exponential());
    }

    /// Response time of a request that arrives at `at`, in seconds.
    double serve(double at) {
        if (stall_s > 0) {
            if (next_stall < 0) next_stall = stall_every_s * rng.exponential();
            while (next_stall < at) {
                free_at = std::max(free_at, next_stall) + stall_s;
                next_stall += stall_every_s * rng.exponential();
            }
        }
        free_at = std::max(free_at, at) + service_time();
        return free_at - at + idle_s;
    }

    /// Runs one trial as trial/search_trials does: p99 below the limit and at most 0.1 % errors
    /// pass; a fifth of bad responses among at least 200 ends a probe (not a hold) early.
    ProbeResult run(const TrialSpec& spec) {
        const double rate = spec.rate.per_second();
        const double begin = now, measure = begin + to_seconds(spec.settle);
        double end = measure + to_seconds(spec.length);
        Histogram times;
        std::uint64_t bad = 0, errors = 0, n = 0;
        for (double at = begin;;) {
            at = poisson ? at + rng.exponential() / rate : begin + static_cast<double>(++n) / rate;
            if (at >= end) break;
            const auto took = seconds(serve(at));
            if (at < measure) continue;
            times.record(took);
            bad += took > limit;
            errors += rng.uniform() < error_share;
            if (spec.kind != ProbeResult::Kind::hold && times.count() >= 200 &&
                5 * bad > times.count()) {
                end = at;
                break;
            }
        }
        now = std::max(end, std::min(free_at, end + 5)) + 0.1;
        free_at = std::max(now, free_at - 5);

        ProbeResult probe;
        probe.kind = spec.kind;
        probe.rate = spec.rate;
        probe.planned = spec.length;
        probe.length = seconds(end - measure);
        probe.elapsed = seconds(now - begin);
        probe.requests = times.count();
        probe.transactions_per_s = static_cast<double>(times.count()) / to_seconds(probe.length);
        probe.p50 = times.quantile(0.5);
        probe.p99 = times.quantile(0.99);
        probe.error_share = static_cast<double>(errors) /
                            static_cast<double>(std::max<std::uint64_t>(1, probe.requests));
        if (rate > generator_limit) {
            probe.why = "send lag";
        } else if (probe.requests < 100) {
            probe.why = "too few samples";
        } else if (probe.p99 > limit) {
            probe.word = VerdictWord::fail;
            probe.why = "p99 <= 100ms";
        } else if (probe.error_share > 0.001) {
            probe.word = VerdictWord::fail;
            probe.why = "errors <= 0.1%";
        } else {
            probe.word = VerdictWord::pass;
        }
        return probe;
    }
};

struct VirtualSearch {
    std::vector<ProbeResult> history;
    CapacityResult capacity;
    double probing_s = 0, holding_s = 0;  ///< without draining
};

/// A whole search in virtual time.
inline VirtualSearch search(const SearchOptions& options, VirtualService& service) {
    VirtualSearch result;
    while (const auto spec = next_probe(options, result.history)) {
        result.history.push_back(service.run(*spec));
        const auto& probe = result.history.back();
        (probe.kind == ProbeResult::Kind::hold ? result.holding_s : result.probing_s) +=
            to_seconds(spec->settle + probe.length);
        if (result.history.size() > 1000) break;  // never: the budget ends it
    }
    result.capacity = conclude(options, result.history, false);
    return result;
}

}  // namespace loadline

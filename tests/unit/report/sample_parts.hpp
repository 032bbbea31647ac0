#pragma once
#include <memory>

#include "base/rng.hpp"
#include "sample_results.hpp"

/// What the made-up results are put together from.
namespace loadline::samples {

/// The journey bet: session-check (Redis, no transaction), bet and settle; 10 s at 100/s.
std::shared_ptr<Plan> bet_plan();

/// A run of `plan` at 100 journeys/s on an innocent generator, without a single exchange.
RunResult base_run(std::shared_ptr<const Plan> plan);

void record(StepStats& stats, Duration response, Duration service, std::uint64_t count,
            Outcome outcome = Outcome::ok);
/// `count` values from `low` up, whose quantile q is `low` / (1 - q)^`tail`.
void record_curve(StepStats& stats, Duration low, double tail, std::uint64_t count);
/// Fills in the totals once every step is recorded.
void count_arrivals(RunResult& r, std::uint64_t arrivals);

SloClause percentile(const char* text, double quantile, Duration limit);
ClauseResult judged(SloClause clause, VerdictWord word, std::uint64_t samples, Duration actual);
/// Of errors < 0.1%.
ClauseResult judged_errors(VerdictWord word, std::uint64_t samples, double share);

/// One second under load: latencies spread around `p50`, 1.6 transactions a journey.
TimelinePoint second_at(int t, double rate, Duration p50, double tail, Rng& rng);
SocketSample socket_sample(Duration since_start, std::uint32_t established,
                           std::uint32_t close_wait, std::uint32_t stale);
/// The .hlog lines of the points that were measured.
void add_step_seconds(RunResult& r);

}  // namespace loadline::samples

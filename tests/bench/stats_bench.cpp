#include <benchmark/benchmark.h>

#include "stats/hlog.hpp"
#include "stats/interval.hpp"

namespace loadline {
namespace {

/// Latencies such as a service has: 0 .. 1.07 s, most buckets touched.
Histogram filled() {
    Histogram histogram;
    std::uint64_t x = 1;
    for (int i = 0; i < 100'000; ++i) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        histogram.record(Duration{x >> 34});
    }
    return histogram;
}

/// Recording one latency: the recorder's main cost for each histogram it feeds.
void record(benchmark::State& state) {
    Histogram histogram;
    std::uint64_t x = 1;
    for (auto _ : state) {
        x = x * 6364136223846793005u + 1442695040888963407u;  // visit many buckets
        histogram.record(Duration{x >> 34});                  // 0 .. 1.07 s
    }
    benchmark::DoNotOptimize(histogram.count());
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(record);

/// Merging one filled histogram: once a second per step, worker and kind of time.
void merge(benchmark::State& state) {
    const Histogram from = filled();
    Histogram into;
    for (auto _ : state) {
        into.merge(from);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(merge);

/// The six percentiles of a report row.
void quantiles(benchmark::State& state) {
    const Histogram histogram = filled();
    for (auto _ : state) {
        for (const double q : {0.5, 0.75, 0.9, 0.99, 0.999, 0.99999}) {
            benchmark::DoNotOptimize(histogram.quantile(q));
        }
    }
}
BENCHMARK(quantiles);

/// Clearing what one second touched (1 to 100 ms), as when an interval goes back to a worker.
void clear(benchmark::State& state) {
    Histogram histogram;
    for (auto _ : state) {
        histogram.record(std::chrono::milliseconds{1});
        histogram.record(std::chrono::milliseconds{100});
        histogram.clear();
        benchmark::ClobberMemory();
    }
}
BENCHMARK(clear);

/// A fresh interval of ten steps with one latency in each: what reusing intervals saves.
void fresh_interval(benchmark::State& state) {
    for (auto _ : state) {
        Interval interval{10, 1};
        for (auto& step : interval.steps) step.response_time.record(std::chrono::milliseconds{3});
        benchmark::DoNotOptimize(interval);
    }
}
BENCHMARK(fresh_interval);

/// One row of latency.hlog.
void encode(benchmark::State& state) {
    const Histogram histogram = filled();
    for (auto _ : state) benchmark::DoNotOptimize(encode_histogram(histogram));
}
BENCHMARK(encode);

}  // namespace
}  // namespace loadline

#include <benchmark/benchmark.h>

#include "simulated_service.hpp"

namespace loadline {
namespace {

/// A search of three minutes that is about to hear of its first probe of the posterior.
struct Refining {
    Refining() {
        while (search.next()->kind != ProbeResult::Kind::refine) search.add(answer());
        probe = answer();
    }
    ProbeResult answer() { return service.run(*search.next(), search.options().clauses); }

    std::vector<ServiceModel> models = known_services();
    SimulatedService service{known_service(models, "M/D/4"), 1};
    Search search{options_for(known_service(models, "M/D/4"), 180, {}, 1)};
    ProbeResult probe;
};

/// What one probe of two clauses costs the search: both posteriors learn of it, and the next rate
/// is chosen. Between two probes of seconds, 20 ms of it would be too much.
void posterior_update_and_decision(benchmark::State& state) {
    Refining refining;
    for (auto _ : state) {
        state.PauseTiming();
        auto search = refining.search;
        state.ResumeTiming();
        search.add(refining.probe);
        benchmark::DoNotOptimize(search.next());
    }
}
BENCHMARK(posterior_update_and_decision)->Unit(benchmark::kMillisecond);

/// A whole search of three minutes in virtual time, the service included.
void simulated_search(benchmark::State& state) {
    const auto models = known_services();
    const auto& model = known_service(models, "M/D/4");
    for (auto _ : state) {
        SimulatedService service{model, 1};
        benchmark::DoNotOptimize(simulate(options_for(model, 180, {}, 1), service));
    }
}
BENCHMARK(simulated_search)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace loadline

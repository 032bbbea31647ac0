// What deferring the reads adds to `done`: the engine with deferred and with immediate reads,
// in turn, at the same open-loop rate against the same server.
//
//   deferral_client PORT CONNECTIONS SECONDS PERCENT
//
// PERCENT of the rate that a closed loop reaches in one second. Prints one line of JSON: the
// p50 of the service time with either, in µs, and what deferring adds. One thread; 127.0.0.1.
#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "base/url.hpp"
#include "engine/engine.hpp"
#include "plan/one_liner.hpp"

namespace {
using namespace loadline;

constexpr int turns = 4;  // of each kind: what the machine does meanwhile hits both

[[noreturn]] void give_up(const std::string& why) {
    fmt::print(stderr, "deferral_client: {}\n", why);
    std::exit(2);
}

std::unique_ptr<Engine> started(const std::shared_ptr<const Plan>& plan, std::size_t connections,
                                bool defer_reads) {
    EngineOptions options;
    options.connections = options.max_users = connections;
    options.defer_reads = defer_reads;
    auto engine = Engine::start(plan, options);
    if (!engine) give_up(engine.error().message);
    return std::move(*engine);
}

const StepStats& step_of(const LoadResult& result) {
    const auto& step = result.total.steps.at(0);
    if (step.service_time.count() == 0) give_up("nothing was answered");
    if (step.errors() > 0) give_up(fmt::format("{} errors", step.errors()));
    return step;
}

double closed_loop_rate(Engine& engine, std::size_t users) {
    LoadWindow window;
    window.users = users;
    window.length = std::chrono::seconds{1};
    window.grace = std::chrono::seconds{1};
    const auto result = engine.run(window, [](const auto&) { return true; });
    return static_cast<double>(step_of(result).count()) / to_seconds(result.measured);
}

struct Side {
    std::unique_ptr<Engine> engine;
    Histogram service_time{};
    double p50_us() const { return 1e6 * to_seconds(service_time.quantile(0.5)); }
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) give_up("usage: deferral_client PORT CONNECTIONS SECONDS PERCENT");
    const auto connections = std::strtoul(argv[2], nullptr, 10);
    const double length = std::strtod(argv[3], nullptr) / (2 * turns);
    OneLiner one_liner;
    one_liner.url = parse_url(fmt::format("http://127.0.0.1:{}/", argv[1])).value();
    const auto plan = plan_for_url(one_liner);
    if (!plan) give_up(plan.error().message);
    Side sides[] = {{started(*plan, connections, true)}, {started(*plan, connections, false)}};
    const double rate =
        closed_loop_rate(*sides[0].engine, connections) * std::strtod(argv[4], nullptr) / 100;

    LoadWindow window;
    window.rate = Rate::per_second(rate);
    window.arrivals = Arrivals::poisson;
    window.length = seconds(length);
    window.grace = std::chrono::seconds{1};
    std::uint64_t requests = 0;
    for (int i = 0; i < 2 * turns; ++i) {
        auto& side = sides[i % 2];
        const auto result = side.engine->run(window, [](const auto&) { return true; });
        side.service_time.merge(step_of(result).service_time);
        requests += step_of(result).count();
    }
    fmt::print(R"({{"requests": {}, "rate_per_s": {:.1f}, "deferred_p50_us": {:.2f}, )"
               R"("immediate_p50_us": {:.2f}, "added_us": {:.2f}}})"
               "\n",
               requests, rate, sides[0].p50_us(), sides[1].p50_us(),
               sides[0].p50_us() - sides[1].p50_us());
}

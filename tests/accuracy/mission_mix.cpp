#include "plan/compile.hpp"
#include "truth.hpp"

// The number of threads must not show in what is measured.

namespace loadline {
namespace {

constexpr const char* mix = R"({
  "loadline": 1,
  "name": "mix",
  "targets": {"service": "http://127.0.0.1:1"},
  "journeys": {
    "bet": {"share": 60, "steps": [
      {"name": "login", "http": "POST service/login",
       "json": {"name": "viewer-${counter}", "password": "secret"},
       "expect": {"status": 200}, "capture": {"token": "/accessToken"}},
      {"name": "place_bet", "http": "POST service/missions/${random(1, 1000)}/bet",
       "headers": {"Authorization": "Bearer ${token}"},
       "json": {"amount": "${random(1, 100)}"},
       "expect": {"status": 200}, "capture": {"id": "/id"}}]},
    "look": {"share": 40, "steps": [
      {"name": "status", "http": "GET service/missions/${random(1, 1000)}",
       "expect": {"status": 200}, "capture": {"status": "/status"}}]}
  }
})";

std::shared_ptr<const Plan> mix_against(const DelayServer& server) {
    Overrides overrides;
    overrides.targets.emplace_back("service", server.url());
    return std::get<CompiledScenario>(compile_text(mix, "mix.json", overrides)).plan;
}

Observed observe_mix(unsigned threads) {
    auto server = DelayServer::start({.delay = ConstantDelay{milliseconds(50)},
                                      .body = R"({"accessToken":"abc","id":7,"status":"open"})"})
                      .value();
    TrialOptions options;
    options.threads = threads;
    LoadWindow window;
    window.length = seconds(4);
    window.rate = Rate::per_second(300);
    window.seed = 1;
    return observe(*server, mix_against(*server), options, window);
}

TEST(MissionMix, OneAndTwoThreadsGiveTheSamePercentiles) {
    hold_to_the_truth([] {
        const auto one = observe_mix(1), two = observe_mix(2);
        const auto& steps = one.loadline.total.steps;
        EXPECT_EQ(steps.size(), 3u);
        Attempt attempt{worse(one.machine, two.machine)};
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const auto& other = two.loadline.total.steps[i];
            EXPECT_GT(steps[i].count(), 100u);
            EXPECT_EQ(steps[i].errors() + other.errors(), 0u);
            for (const double q : {0.5, 0.75, 0.9, 0.99}) {
                const auto want = steps[i].response_time.quantile(q);
                attempt.expect(fmt::format("step {} with two threads", i), q,
                               other.response_time.quantile(q), want, want / 50);
            }
        }
        return attempt;
    });
}

}  // namespace
}  // namespace loadline

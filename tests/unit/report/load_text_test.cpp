#include <gtest/gtest.h>

#include "report/figures.hpp"

namespace loadline {
namespace {

using namespace std::chrono_literals;

RunResult run_of(const LoadPlan& load, double intended_rate, const char* command = "run") {
    auto plan = std::make_shared<Plan>();
    plan->load = load;
    RunResult run;
    run.command = command;
    run.plan = plan;
    run.measurement.measured = 60s;
    run.measurement.intended_rate = intended_rate;
    return run;
}

TEST(LoadText, SaysHowTheLoadCame) {
    LoadPlan load;
    load.rate = Rate::per_second(100);
    EXPECT_EQ(load_text(run_of(load, 100)), "1m at 100 journeys/s (poisson)");
    load.at_cap = AtCap::drop;
    EXPECT_EQ(load_text(run_of(load, 100)),
              "1m at 100 journeys/s (poisson), dropping what finds no free user");
}

TEST(LoadText, StagesAreTheLoadOfARunAndNotOfASearch) {
    LoadPlan load;
    load.stages = RateProfile{{{Rate{}, Rate::per_second(1000), 60s}}};
    load.warmup = 5s;
    EXPECT_EQ(load_text(run_of(load, 500)),
              "1m at 500 journeys/s on average, in stages of up to 1000/s (poisson), after 5 s of "
              "warm-up");
    EXPECT_EQ(load_text(run_of(load, 342, "search")), "1m at 342 journeys/s (poisson)");
}

TEST(LoadText, AClosedLoopSaysItsPacing) {
    LoadPlan load;
    load.users = 200;
    EXPECT_EQ(load_text(run_of(load, 0)), "1m with 200 users in a closed loop");
    load.pacing = 2s;
    EXPECT_EQ(load_text(run_of(load, 0)), "1m with 200 users in a closed loop, a journey each 2 s");
}

}  // namespace
}  // namespace loadline

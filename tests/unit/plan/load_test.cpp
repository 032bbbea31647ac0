#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan_support.hpp"

namespace loadline {
namespace {

using testing::HasSubstr;

/// A scenario of one line for the load and one for the journeys.
std::string scenario(const std::string& load, const std::string& journeys) {
    return R"({"loadline": 1, "targets": {"web": "http://h"},
"load": )" +
           load +
           R"(,
"journeys": )" +
           journeys + "}";
}

std::string journey(const std::string& name, const std::string& keys = "") {
    return "\"" + name + "\": {" + keys + R"("steps": [{"name": ")" + name +
           R"(-s", "http": "GET web/"}]})";
}

const std::string one = "{" + journey("j") + "}";
const std::string bet_and_settle =
    "{" + journey("bet") + ",\n " + journey("settle", R"("rate": "5/s", )") + "}";

TEST(CompileLoad, StagesSayRateAndLength) {
    const auto plan = plan_of(scenario(
        R"({"rate": "10/s", "stages": [{"to": "1000/s", "over": "30s"}, {"hold": "2m"}, {"to": 0, "over": "0"}]})",
        one));
    ASSERT_NE(plan, nullptr);
    ASSERT_TRUE(plan->load.stages);
    EXPECT_FALSE(plan->load.rate);
    EXPECT_TRUE(plan->load.says_load());
    const auto high = Rate::per_second(1000);
    EXPECT_EQ(plan->load.stages->stages(),
              (std::vector<RateStage>{{Rate::per_second(10), high, seconds(30)},
                                      {high, high, seconds(120)},
                                      {high, Rate{}, Duration{}}}));
    EXPECT_EQ(plan->load.duration, seconds(150));
    EXPECT_EQ(plan->load.profile()->highest(), high);
}

TEST(CompileLoad, TheWarmUpIsTheFirstPartOfTheStages) {
    const auto text = scenario(
        R"({"stages": [{"to": 50, "over": "30s"}, {"hold": "1m"}], "warmup": "30s"})", one);
    EXPECT_EQ(plan_of(text)->load.duration, seconds(60));
    EXPECT_EQ(plan_of(text)->load.warmup, seconds(30));
    Overrides flags;
    flags.warmup = seconds(40);
    EXPECT_EQ(plan_of(text, flags)->load.duration, seconds(50));
}

TEST(CompileLoad, OwnRatesArePartsOfTheWholeRate) {
    const auto plan = plan_of(scenario(R"({"rate": "45/s"})", bet_and_settle));
    ASSERT_NE(plan, nullptr);
    EXPECT_DOUBLE_EQ(plan->load.rate->per_second(), 50);
    EXPECT_FALSE(plan->journeys[0].rate_part);
    EXPECT_DOUBLE_EQ(*plan->journeys[1].rate_part, 0.1);

    const auto all_own = plan_of(scenario("{}", "{" + journey("a", R"("rate": "30/m", )") + "," +
                                                    journey("b", R"("rate": 1.5, )") + "}"));
    ASSERT_NE(all_own, nullptr);
    EXPECT_DOUBLE_EQ(all_own->load.rate->per_second(), 2);
    EXPECT_DOUBLE_EQ(*all_own->journeys[0].rate_part, 0.25);
    EXPECT_DOUBLE_EQ(*all_own->journeys[1].rate_part, 0.75);
}

TEST(CompileLoad, TheRateFlagMeansAllJourneysAndKeepsTheProportions) {
    Overrides flags;
    flags.rate = Rate::per_second(200);
    const auto text = scenario(R"({"rate": "45/s"})", bet_and_settle);
    const auto compiled = compile_text(text, "s.json", flags);
    ASSERT_TRUE(std::holds_alternative<CompiledScenario>(compiled));
    const auto& [as_run, plan] = std::get<CompiledScenario>(compiled);
    EXPECT_DOUBLE_EQ(plan->load.rate->per_second(), 200);
    EXPECT_DOUBLE_EQ(*plan->journeys[1].rate_part, 0.1);
    EXPECT_EQ(as_run.json["load"]["rate"], "180/s");
    EXPECT_EQ(as_run.json["journeys"]["settle"]["rate"], "20/s");

    const auto again = plan_of(as_run.json.dump());
    EXPECT_DOUBLE_EQ(again->load.rate->per_second(), 200) << "as run it says the same";
    EXPECT_DOUBLE_EQ(*again->journeys[1].rate_part, 0.1);
}

TEST(CompileLoad, TheRateFlagScalesAScenarioWithoutALoad) {
    Overrides flags;
    flags.rate = Rate::per_second(8);
    const auto text = R"({"loadline": 1, "targets": {"web": "http://h"}, "journeys": {)" +
                      journey("a", R"("rate": 1, )") + "," + journey("b", R"("rate": 3, )") + "}}";
    const auto compiled = compile_text(text, "s.json", flags);
    ASSERT_TRUE(std::holds_alternative<CompiledScenario>(compiled));
    const auto& json = std::get<CompiledScenario>(compiled).scenario.json;
    EXPECT_FALSE(json.contains("load"));
    EXPECT_EQ(json["journeys"]["b"]["rate"], "6/s");
}

TEST(CompileLoad, PacingIsOfTheClosedLoopAndGoesWithIt) {
    const auto text = scenario(R"({"users": 200, "pacing": "2s"})", one);
    EXPECT_EQ(plan_of(text)->load.pacing, seconds(2));
    Overrides flags;
    flags.rate = Rate::per_second(5);
    const auto compiled = compile_text(text, "s.json", flags);
    ASSERT_TRUE(std::holds_alternative<CompiledScenario>(compiled));
    const auto& [as_run, plan] = std::get<CompiledScenario>(compiled);
    EXPECT_EQ(plan->load.pacing, Duration{});
    EXPECT_EQ(as_run.json["load"].dump(), R"({"rate":"5/s"})");
}

TEST(CompileLoad, AnArrivalAtTheCapIsQueuedUnlessItIsToBeDropped) {
    EXPECT_EQ(plan_of(scenario(R"({"rate": 5})", one))->load.at_cap, AtCap::queue);
    EXPECT_EQ(plan_of(scenario(R"({"rate": 5, "at_cap": "queue"})", one))->load.at_cap,
              AtCap::queue);
    EXPECT_EQ(plan_of(scenario(R"({"rate": 5, "at_cap": "drop"})", one))->load.at_cap, AtCap::drop);
}

/// What cannot go together is refused at the key that is too much.
TEST(CompileLoad, SaysWhatCannotGoTogether) {
    const struct {
        std::string load, journeys;
        const char* want;
    } rows[] = {
        {R"({"stages": [{"hold": "1s"}], "rate": 5, "duration": "1s"})", one,
         R"(s.json:2:49: error: the stages say how long the load lasts
    2 | "load": {"stages": [{"hold": "1s"}], "rate": 5, "duration": "1s"},
      |                                                 ^~~~~~~~~~
   hint: leave "duration" out, and change the stages
1 error; nothing was sent
)"},
        {R"({"stages": [{"hold": "1s"}], "rate": 5, "users": 5})", one,
         R"(s.json:2:49: error: "stages" and "users" are two kinds of load
    2 | "load": {"stages": [{"hold": "1s"}], "rate": 5, "users": 5},
      |                                                 ^~~~~~~
   hint: keep "stages" (arrivals) or "users" (a closed loop)
1 error; nothing was sent
)"},
        {R"({"rate": 5, "pacing": "2s"})", one,
         R"(s.json:2:21: error: "pacing" is for a closed loop of "users"
    2 | "load": {"rate": 5, "pacing": "2s"},
      |                     ^~~~~~~~
   hint: leave it out: arrivals come when "rate" says
1 error; nothing was sent
)"},
        {R"({"users": 5, "at_cap": "drop"})", one,
         R"(s.json:2:22: error: a closed loop of "users" has no arrivals to queue or drop
    2 | "load": {"users": 5, "at_cap": "drop"},
      |                      ^~~~~~~~
   hint: leave "at_cap" out
1 error; nothing was sent
)"},
        {R"({"rate": 5, "at_cap": "dorp"})", one,
         R"(s.json:2:31: error: at_cap "dorp" is not known
    2 | "load": {"rate": 5, "at_cap": "dorp"},
      |                               ^~~~~~
   hint: did you mean "drop"?
1 error; nothing was sent
)"},
        {R"({"stages": []})", one,
         R"(s.json:2:20: error: there is no stage
    2 | "load": {"stages": []},
      |                    ^
   hint: add one: {"to": "500/s", "over": "30s"} or {"hold": "2m"}
1 error; nothing was sent
)"},
        {R"({"stages": [{"hold": "1s"}, {"to": 5, "over": "0"}]})", one,
         R"(s.json:2:20: error: the stages never send anything
    2 | "load": {"stages": [{"hold": "1s"}, {"to": 5, "over": "0"}]},
      |                    ^
   hint: let one of them rise above zero, and last
1 error; nothing was sent
)"},
        {R"({"stages": [{"hold": "9000h"}], "rate": 5})", one,
         R"(s.json:2:21: error: the stages together last longer than a year
    2 | "load": {"stages": [{"hold": "9000h"}], "rate": 5},
      |                     ^
1 error; nothing was sent
)"},
        {R"({"stages": [{"to": 5, "over": "9s"}], "warmup": "9s"})", one,
         R"(s.json:2:57: error: the warm-up takes all 9s of the stages, so nothing is left to measure
    2 | "load": {"stages": [{"to": 5, "over": "9s"}], "warmup": "9s"},
      |                                                         ^~~~
   hint: shorten it, or add a stage
1 error; nothing was sent
)"},
        {"{}", "{" + journey("j", R"("rate": 5, "share": 2, )") + "}",
         R"(s.json:3:20: error: journey "j" has a rate of its own and a share of the others'
    3 | "journeys": {"j": {"rate": 5, "share": 2, "steps": [{"name": "j-s", "http": "GET web/"}]}}}
      |                    ^~~~~~
   hint: keep "rate" or "share"
1 error; nothing was sent
)"},
        {R"({"users": 5})", "{" + journey("j", R"("rate": 5, )") + "}",
         R"(s.json:3:20: error: journey "j" has a rate of its own, but a closed loop of "users" has no arrivals
    3 | "journeys": {"j": {"rate": 5, "steps": [{"name": "j-s", "http": "GET web/"}]}}}
      |                    ^~~~~~
   hint: leave its "rate" out, or replace "users" by "rate"
1 error; nothing was sent
)"},
        {R"({"stages": [{"to": 5, "over": "9s"}]})", "{" + journey("j", R"("rate": 5, )") + "}",
         R"(s.json:3:20: error: journey "j" has a rate of its own, but "stages" are for all journeys together
    3 | "journeys": {"j": {"rate": 5, "steps": [{"name": "j-s", "http": "GET web/"}]}}}
      |                    ^~~~~~
   hint: give it a "share" of the stages
1 error; nothing was sent
)"},
        {R"({"rate": 5})", "{" + journey("j", R"("rate": 5, )") + "}",
         R"(s.json:2:10: error: every journey has a rate of its own, so nothing is left for this one
    2 | "load": {"rate": 5},
      |          ^~~~~~
   hint: leave it out; --rate scales them all
1 error; nothing was sent
)"},
        {"{}", bet_and_settle,
         R"(s.json:3:14: error: journey "bet" has no rate, and "load" gives none to share
    3 | "journeys": {"bet": {"steps": [{"name": "bet-s", "http": "GET web/"}]},
      |              ^~~~~
   hint: add "rate" to "load", or to the journey
1 error; nothing was sent
)"},
    };
    for (const auto& [load, journeys, want] : rows) {
        SCOPED_TRACE(load + " " + journeys);
        EXPECT_EQ(diagnose(scenario(load, journeys)), want);
    }
}

TEST(CompileLoad, StagesAreNotChangedByFlags) {
    Overrides flags;
    flags.rate = Rate::per_second(5);
    flags.duration = seconds(5);
    flags.warmup = seconds(9);
    EXPECT_EQ(diagnose(scenario(R"({"stages": [{"to": 5, "over": "9s"}]})", one), flags),
              R"(error: --rate: the scenario's load has stages, which say their own rates
   hint: change the stages, or replace them by "rate"
error: --duration: the scenario's load has stages, which say how long it is
   hint: change the stages, or replace them by "rate"
error: --warmup: the warm-up takes all 9s of the stages, so nothing is left to measure
3 errors; nothing was sent
)");
}

TEST(CompileLoad, AStageIsOneOfTwoForms) {
    const auto printed = diagnose(scenario(
        R"({"stages": [{"to": "fast", "over": "1s"}, {"to": 5}, {"hold": "1s", "to": 5}, {}, 7, {"too": 1, "over": "1s"}]})",
        one));
    for (const char* part : {
             "error: rate \"fast\" is not like 500, 500/s or 30/m",
             "error: \"over\" is missing in a stage that changes the rate",
             "error: a stage that holds the rate has no key \"to\"",
             "error: this stage says nothing to do",
             "error: a stage must be an object, not a number",
             "hint: a stage is {\"to\": \"500/s\", \"over\": \"30s\"} or {\"hold\": \"2m\"}",
             "error: a stage that changes the rate has no key \"too\"",
         }) {
        EXPECT_THAT(printed, HasSubstr(part));
    }
}

/// Any value of a load replaced by any other kind of value: an error perhaps, never a crash,
/// and never a plan whose rates make no sense.
TEST(CompileLoad, EveryValueMayBeOfAnyKind) {
    const std::string texts[] = {
        scenario(R"({"rate": 1, "stages": [{"to": "9/s", "over": "1s"}, {"hold": "1s"}], )"
                 R"("warmup": "1s", "at_cap": "drop"})",
                 one),
        scenario(R"({"rate": 5})", bet_and_settle),
        scenario(R"({"users": 5, "pacing": "1s"})", one),
    };
    for (const auto& text : texts) {
        ASSERT_EQ(diagnose(text), "valid");
        const auto valid = nlohmann::ordered_json::parse(text);
        const auto flat = valid.flatten();
        for (const auto& [pointer, ignored] : flat.items()) {
            for (const char* other : {"null", "true", "-1", "0", "1e300", "\"\"", "\"0\"", "[]",
                                      "[null]", "{}", "\"99999h\""}) {
                auto changed = valid;
                changed[nlohmann::ordered_json::json_pointer{pointer}] =
                    nlohmann::ordered_json::parse(other);
                const auto compiled = compile_text(changed.dump(), "s.json");
                const auto* found = std::get_if<CompiledScenario>(&compiled);
                if (found == nullptr) continue;
                SCOPED_TRACE(pointer + " = " + other);
                const auto& load = found->plan->load;
                EXPECT_EQ(load.rate.has_value() + load.stages.has_value() + load.users.has_value(),
                          load.says_load());
                EXPECT_GT(load.duration, Duration{});
                if (load.says_load() && !load.users) {
                    EXPECT_GT(load.profile()->highest().per_second(), 0);
                }
            }
        }
    }
}

}  // namespace
}  // namespace loadline

#include <gtest/gtest.h>

#include "plan_support.hpp"

namespace loadline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A scenario of one journey, with this "churn" on its second line.
std::string with_churn(const std::string& churn, const std::string& url = "http://127.0.0.1:80",
                       const std::string& step = R"({"name": "look", "http": "GET service/"})") {
    return "{\"loadline\": 1, \"targets\": {\"service\": \"" + url +
           "\", \"cache\": \"redis://127.0.0.1\"},\n\"churn\": " + churn +
           ",\n\"journeys\": {\"visit\": {\"steps\": [" + step + "]}}}";
}

TEST(CompileChurn, ReadsShareWeightsAndSettings) {
    const auto plan = plan_of(with_churn(
        R"({"share": "5%", "fin-idle": 60, "fin-inflight": 20, "half": 20, "inflight-after": "5ms"})"));
    ASSERT_TRUE(plan);
    const auto& churn = plan->churn;
    EXPECT_DOUBLE_EQ(churn.share, 0.05);
    EXPECT_DOUBLE_EQ(churn.share_of(ChurnMode::fin_idle), 0.03);
    EXPECT_DOUBLE_EQ(churn.share_of(ChurnMode::half), 0.01);
    EXPECT_DOUBLE_EQ(churn.share_of(ChurnMode::open), 0);
    EXPECT_EQ(churn.inflight_after, milliseconds{5});
    EXPECT_EQ(churn.doubt(seconds{30}), "");
    ASSERT_TRUE(plan->journeys[0].churn);
    EXPECT_EQ(plan->journeys[0].churn->action, 0u);
}

TEST(CompileChurn, EveryModeAndSettingIsServed) {
    std::string modes;
    for (const auto name : churn_mode_names) modes += "\"" + std::string{name} + "\": 1, ";
    const auto plan =
        plan_of(with_churn("{" + modes +
                           R"("timeout-after": "2s", "slow-rate": "2k", "idle-timeout": "60s",
            "idle-jitter": "0", "burst-size": 50, "inflight-after": "0"})"));
    ASSERT_TRUE(plan);
    const auto& churn = plan->churn;
    EXPECT_DOUBLE_EQ(churn.share, 1) << "all journeys, when left out";
    for (const auto weight : churn.weights) EXPECT_EQ(weight, 1);
    EXPECT_EQ(churn.timeout_after, seconds{2});
    EXPECT_EQ(churn.slow_rate, 2000);
    EXPECT_EQ(churn.idle_timeout, seconds{60});
    EXPECT_EQ(churn.idle_jitter, Duration{});
    EXPECT_EQ(churn.burst_size, 50u);
}

TEST(CompileChurn, AJourneyEndsItsConnectionWithItsLastHttpStep) {
    const auto plan = plan_of(with_churn(
        R"({"half": 1})", "http://127.0.0.1:80",
        R"({"name": "a", "http": "GET service/"}, {"think": "1s"}, {"name": "b", "http": "POST service/"},
           {"name": "c", "redis": ["GET", "k"], "on": "cache"})"));
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->journeys[0].churn->action, 2u);
}

TEST(CompileChurn, SaysWhereWhatAndHowToMend) {
    const struct {
        std::string scenario;
        const char* want;
    } rows[] = {
        {with_churn(R"({"share": "5%", "fin-idel": 1})"),
         R"(s.json:2:1: error: "churn" names no mode
    2 | "churn": {"share": "5%", "fin-idel": 1},
      | ^~~~~~~
   hint: add one with its weight, such as "fin-idle": 1; the modes are fin-idle, fin-inflight, timeout, half, rst-idle, rst-inflight, open, partial, slow-read, reuse-race, burst-end
s.json:2:26: error: "churn" has no key "fin-idel"
    2 | "churn": {"share": "5%", "fin-idel": 1},
      |                          ^~~~~~~~~~
   hint: did you mean "fin-idle"?
2 errors; nothing was sent
)"},
        {with_churn(R"({"share": "0", "half": 0})"),
         R"(s.json:2:20: error: this share must be above zero
    2 | "churn": {"share": "0", "half": 0},
      |                    ^~~
   hint: leave "churn" out where no journey churns
s.json:2:33: error: a weight must be above zero
    2 | "churn": {"share": "0", "half": 0},
      |                                 ^
2 errors; nothing was sent
)"},
        {with_churn(R"({"share": "5", "half": "2"})"),
         R"(s.json:2:20: error: share "5" is not like 5% or 0.05
    2 | "churn": {"share": "5", "half": "2"},
      |                    ^~~
s.json:2:33: error: "half" must be a weight such as 60, not a text
    2 | "churn": {"share": "5", "half": "2"},
      |                                 ^~~
2 errors; nothing was sent
)"},
        {with_churn(R"({"half": 1, "slow-rate": 0, "timeout-after": "1s"})"),
         R"(s.json:2:22: error: this is for "slow-read", which has no weight
    2 | "churn": {"half": 1, "slow-rate": 0, "timeout-after": "1s"},
      |                      ^~~~~~~~~~~
   hint: leave it out, or add "slow-read": 10
s.json:2:38: error: this is for "timeout", which has no weight
    2 | "churn": {"half": 1, "slow-rate": 0, "timeout-after": "1s"},
      |                                      ^~~~~~~~~~~~~~~
   hint: leave it out, or add "timeout": 10
2 errors; nothing was sent
)"},
        {with_churn(R"({"slow-read": 1, "slow-rate": 0})"),
         R"(s.json:2:40: error: this must be a whole number above zero
    2 | "churn": {"slow-read": 1, "slow-rate": 0},
      |                                        ^
1 error; nothing was sent
)"},
        {with_churn(R"({"slow-read": 1, "slow-rate": "2M"})"),
         R"(s.json:2:40: error: "slow-read" keeps at most 1M bytes per second
    2 | "churn": {"slow-read": 1, "slow-rate": "2M"},
      |                                        ^~~~
   hint: give "slow-rate" less: faster clients are not slow
1 error; nothing was sent
)"},
        {with_churn(R"({"reuse-race": 1})"),
         R"(s.json:2:11: error: "reuse-race" needs the time after which the server closes an idle connection
    2 | "churn": {"reuse-race": 1},
      |           ^~~~~~~~~~~~
   hint: add "idle-timeout": "60s", as the server has it
1 error; nothing was sent
)"},
        {with_churn(R"({"reuse-race": 1, "idle-timeout": "1s", "idle-jitter": "2s"})"),
         R"(s.json:2:65: error: the jitter of 2s is longer than "idle-timeout"
    2 | "churn": {"reuse-race": 1, "idle-timeout": "1s", "idle-jitter": "2s"},
      |                                                                 ^~~~
   hint: give "idle-jitter" less
1 error; nothing was sent
)"},
        {with_churn(R"({"reuse-race": 1, "idle-timeout": "50ms"})"),
         R"(s.json:2:44: error: the jitter of 100ms is longer than "idle-timeout"
    2 | "churn": {"reuse-race": 1, "idle-timeout": "50ms"},
      |                                            ^~~~~~
   hint: give "idle-jitter" less
1 error; nothing was sent
)"},
        {with_churn(R"({"reuse-race": 1, "idle-timeout": "1s"})", "http://127.0.0.1:80",
                    R"({"name": "bet", "http": "POST service/"})"),
         R"(s.json:2:11: error: "reuse-race" sends the last HTTP request of a journey twice, but step "bet" of journey "visit" may not be repeated
    2 | "churn": {"reuse-race": 1, "idle-timeout": "1s"},
      |           ^~~~~~~~~~~~
   hint: end the journey with a GET, or leave "reuse-race" out
1 error; nothing was sent
)"},
        {with_churn(R"({"rst-idle": 1})", "unix:/tmp/s"),
         R"(s.json:2:11: error: journey "visit" ends at a Unix socket, which cannot be reset
    2 | "churn": {"rst-idle": 1},
      |           ^~~~~~~~~~
   hint: leave this mode out
1 error; nothing was sent
)"},
        {with_churn(R"({"half": 1})", "http://127.0.0.1:80",
                    R"({"name": "get", "redis": ["GET", "k"], "on": "cache"})"),
         R"(s.json:2:1: error: no journey has an HTTP step, so none can churn
    2 | "churn": {"half": 1},
      | ^~~~~~~
   hint: leave "churn" out
1 error; nothing was sent
)"},
    };
    for (const auto& [scenario, want] : rows) {
        SCOPED_TRACE(scenario);
        EXPECT_EQ(diagnose(scenario), want);
    }
}

TEST(ChurnPlan, PicksByWeightWithinItsShare) {
    ChurnPlan churn;
    churn.share = 0.5;
    churn.weights[static_cast<std::size_t>(ChurnMode::fin_idle)] = 3;
    churn.weights[static_cast<std::size_t>(ChurnMode::burst_end)] = 1;
    const struct {
        double u;
        std::optional<ChurnMode> want;
    } rows[] = {{0, ChurnMode::fin_idle},
                {0.374, ChurnMode::fin_idle},
                {0.376, ChurnMode::burst_end},
                {0.4999, ChurnMode::burst_end},
                {0.5, {}},
                {0.999, {}}};
    for (const auto& [u, want] : rows) EXPECT_EQ(churn.pick(u), want) << u;
    churn.share = 1;
    EXPECT_EQ(churn.pick(0x1.fffffffffffffp-1), ChurnMode::burst_end) << "rounding leaves no gap";
}

TEST(ChurnPlan, DoubtsAChurnOfResetsAlone) {
    const auto doubt =
        plan_of(with_churn(R"({"rst-idle": 1, "rst-inflight": 2})"))->churn.doubt(seconds{30});
    EXPECT_EQ(
        doubt,
        "churn ends connections with RST alone, which hides CLOSE_WAIT: a server that forgets "
        "to close would look healthy; give a FIN mode weight, too");
    EXPECT_EQ(plan_of(with_churn(R"({"rst-idle": 1, "open": 1})"))->churn.doubt(seconds{30}), "");
}

TEST(ChurnPlan, DoubtsARaceThatTheLoadDoesNotLiveToSee) {
    const auto plan = plan_of(with_churn(R"({"reuse-race": 1, "idle-timeout": "60s"})"));
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->churn.doubt(seconds{30}),
              "\"reuse-race\" races after an idle time of 1m, and the load ends after 30s: no "
              "connection gets to its race; give the load more time, or the server's idle time-out "
              "less");
    EXPECT_NE(plan->churn.doubt(milliseconds{59'900}), "") << "the jitter is 100 ms";
    EXPECT_EQ(plan->churn.doubt(milliseconds{59'901}), "");
}

}  // namespace
}  // namespace loadline

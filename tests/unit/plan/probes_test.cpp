// watch.probes: what becomes of them, and each error with its place.
#include <gmock/gmock.h>

#include "plan_support.hpp"

namespace loadline {
namespace {

using namespace std::chrono_literals;
using Kind = KubeletProbeKind;

/// A scenario with this "watch" on its second line.
std::string scenario_with(const std::string& watch) {
    return R"({"loadline": 1, "targets": {"web": "http://h:81/app/", "cache": "redis://:pw@h"},
"watch": )" +
           watch + R"(,
"journeys": {"j": {"steps": [{"name": "a", "http": "GET web/"}]}}})";
}

TEST(CompileProbes, TakesThePathAloneWithTheDefaultsOfKubernetes) {
    const auto plan = plan_of(scenario_with(
        R"({"probes": {"readiness": "web/healthz?deep=1", "liveness": "web", "startup": "web?a=b://c"}})"));
    ASSERT_TRUE(plan);
    ASSERT_EQ(plan->probes.size(), 3u);
    const auto& [startup, liveness, readiness] =
        std::tie(plan->probes[0], plan->probes[1], plan->probes[2]);
    EXPECT_EQ(startup.kind, Kind::startup);
    EXPECT_EQ(liveness.kind, Kind::liveness);
    EXPECT_EQ(liveness.text(), "GET http://h:81/app/");
    EXPECT_EQ(startup.text(), "GET http://h:81/app/?a=b://c");
    EXPECT_EQ(readiness.text(), "GET http://h:81/app/healthz?deep=1");
    EXPECT_FALSE(readiness.tcp);
    EXPECT_EQ(readiness.period, 10s);
    EXPECT_EQ(readiness.timeout, 1s);
    EXPECT_EQ(readiness.initial_delay, 0s);
    EXPECT_EQ(readiness.failure_threshold, 3);
    EXPECT_EQ(readiness.success_threshold, 1);
    EXPECT_FALSE(plan->watch_port);
}

TEST(CompileProbes, TakesThePodsOwnNames) {
    const auto plan = plan_of(scenario_with(R"({"port": 81, "probes": {
        "readiness": {"httpGet": "web/ready", "periodSeconds": 5, "timeoutSeconds": 7,
                      "failureThreshold": 4, "successThreshold": 2, "initialDelaySeconds": 30},
        "liveness": {"tcpSocket": "cache"}}})"));
    ASSERT_TRUE(plan);
    const auto& readiness = plan->probes.at(1);
    EXPECT_EQ(readiness.period, 5s);
    EXPECT_EQ(readiness.timeout, 7s);
    EXPECT_EQ(readiness.initial_delay, 30s);
    EXPECT_EQ(readiness.failure_threshold, 4);
    EXPECT_EQ(readiness.success_threshold, 2);
    EXPECT_TRUE(plan->probes.at(0).tcp);
    EXPECT_EQ(plan->probes.at(0).text(), "TCP h:6379") << "no password";
    EXPECT_EQ(plan->watch_port, 81);
}

TEST(CompileProbes, FollowATargetThatAFlagMoves) {
    Overrides flags;
    flags.targets = {{"web", "http://127.0.0.1:4711"}};
    const auto plan = plan_of(scenario_with(R"({"probes": {"liveness": "web/live"}})"), flags);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->probes.at(0).text(), "GET http://127.0.0.1:4711/live");
}

/// The lines that say what is wrong and how to mend it: of `watch`, which has one error.
std::string wrong(const std::string& watch) {
    auto text = diagnose(scenario_with(watch));
    EXPECT_TRUE(text.ends_with("1 error; nothing was sent\n")) << text;
    std::string found;
    for (std::size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1) {
        const auto line = text.substr(at, end - at);
        if (line.starts_with("s.json:") || line.starts_with("   hint: ")) found += line + "\n";
    }
    return found;
}

TEST(CompileProbes, SayWhatIsWrongWhere) {
    const struct {
        const char* watch;
        const char* want;
    } rows[] = {
        {R"({"probes": {"liveness": {"httpGet": "web/", "successThreshold": 2}}})",
         "s.json:2:74: error: successThreshold must be 1 for liveness\n"
         "   hint: Kubernetes refuses any other; readiness may have more\n"},
        {R"({"probes": {"startup": {"httpGet": "web/", "successThreshold": 2}}})",
         "s.json:2:73: error: successThreshold must be 1 for startup\n"
         "   hint: Kubernetes refuses any other; readiness may have more\n"},
        {R"({"probes": {"liveness": {"httpGet": "web/", "periodSeconds": 0}}})",
         "s.json:2:71: error: periodSeconds 0 is not a whole number between 1 and 3600\n"},
        {R"({"probes": {"liveness": {"httpGet": "web/", "timeoutSeconds": 0.5}}})",
         "s.json:2:72: error: timeoutSeconds 0.5 is not a whole number between 1 and 300\n"},
        {R"({"probes": {"liveness": {"httpGet": "web/", "failureThreshold": -1}}})",
         "s.json:2:74: error: failureThreshold -1 is not a whole number between 1 and 1000\n"},
        {R"({"probes": {"liveness": {"httpGet": "web/", "periodSeconds": "10s"}}})",
         "s.json:2:71: error: \"periodSeconds\" must be a number of seconds such as 10, not a "
         "text\n"},
        {R"({"probes": {"liveness": {"periodSeconds": 10}}})",
         "s.json:2:34: error: this probe says nothing to ask\n"
         "   hint: write \"service/healthz/live\", or {\"httpGet\": \"service/healthz/live\", "
         "\"periodSeconds\": 5}\n"},
        {R"({"probes": {"liveness": {"httpGet": "web/", "tcpSocket": "web"}}})",
         "s.json:2:54: error: a probe is either \"httpGet\" or \"tcpSocket\"\n"
         "   hint: keep one of them\n"},
        {R"({"probes": {"liveness": {"exec": "cat /tmp/healthy"}}})",
         "s.json:2:35: error: key \"exec\" is not served by this version of loadline\n"
         "   hint: leave it out; nothing would be done with it\n"},
        {R"({"probes": {"liveness": {"httpGet": "web/", "periodSecond": 1}}})",
         "s.json:2:54: error: a probe has no key \"periodSecond\"\n"
         "   hint: did you mean \"periodSeconds\"?\n"},
        {R"({"probes": {"livenes": "web/"}})",
         "s.json:2:22: error: \"probes\" has no key \"livenes\"\n"
         "   hint: did you mean \"liveness\"?\n"},
        {R"({"probes": {"liveness": "wbe/"}})",
         "s.json:2:35: error: there is no target \"wbe\"\n   hint: did you mean \"web\"?\n"},
        {R"({"probes": {"liveness": {"tcpSocket": "wbe"}}})",
         "s.json:2:49: error: there is no target \"wbe\"\n   hint: did you mean \"web\"?\n"},
        {R"({"probes": {"liveness": "cache/"}})",
         "s.json:2:35: error: target \"cache\" is redis://, but an HTTP probe speaks HTTP\n"
         "   hint: probe its port alone: {\"tcpSocket\": \"cache\"}\n"},
        {R"({"probes": {"liveness": {"tcpSocket": "web/live"}}})",
         "s.json:2:48: error: a TCP probe only connects, and has no path\n"
         "   hint: write the name of a target alone\n"},
        {R"({"probes": {"liveness": "GET web/live"}})",
         "s.json:2:34: error: \"GET web/live\" is not like \"service/path\"\n"
         "   hint: write the target and the path; the method is always GET\n"},
        {R"({"probes": {"liveness": "http://h/live"}})",
         "s.json:2:34: error: a probe names an address instead of a target\n"
         "   hint: name the address under \"targets\", and write \"service/path\"\n"},
        {R"({"probes": {"liveness": "web/${id}"}})",
         "s.json:2:34: error: a probe's path is fixed: it knows no variables\n"
         "   hint: write the path as the pod's specification has it\n"},
        {R"({"probes": {"liveness": 5}})",
         "s.json:2:34: error: \"liveness\" must be \"target/path\", or an object such as "
         "{\"tcpSocket\": \"target\"}, not a number\n"},
        {R"({"probes": {}})",
         "s.json:2:21: error: there is no probe\n"
         "   hint: add one: \"liveness\": \"service/healthz/live\"\n"},
        {R"({"close_wait": false})",
         "s.json:2:11: error: \"close_wait\" is about the sockets of a port\n"
         "   hint: add \"port\": 8080\n"},
        {R"({})",
         "s.json:2:10: error: \"watch\" names nothing to watch\n"
         "   hint: add \"port\": 8080, or \"probes\": {\"liveness\": \"service/healthz/live\"}\n"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.watch);
        EXPECT_EQ(wrong(row.watch), row.want);
    }
}

}  // namespace
}  // namespace loadline

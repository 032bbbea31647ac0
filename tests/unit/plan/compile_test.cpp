#include "plan/compile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "plan_support.hpp"

namespace loadline {
namespace {

using testing::ElementsAre;

/// A scenario around one journey "j" with these steps and these further members.
std::string around(const std::string& steps, const std::string& more = "") {
    return R"({"loadline": 1, "targets": {"web": "http://127.0.0.1:8080", "cache": "redis://127.0.0.1"},)" +
           more + R"("journeys": {"j": {"steps": [)" + steps + "]}}}";
}

/// What step 0 sends when every variable is set.
std::string rendered(const Plan& plan, std::vector<Value> values = {}, std::size_t step = 0) {
    values.resize(std::max(values.size(), plan.variable_count));
    Rendering rendering{std::move(values)};
    std::string scratch, out;
    render_request(plan.steps[step], rendering.context, scratch, out);
    return out;
}

std::string request_of(const std::string& step, const std::string& more = "") {
    const auto plan = plan_of(around(step, more));
    return plan == nullptr ? "" : rendered(*plan);
}

TEST(Compile, RendersHttpRequests) {
    const std::string start = R"({"name": "s", )";
    const std::string hosts = "Host: 127.0.0.1:8080\r\nUser-Agent: loadline/0.1\r\n";
    const struct {
        const char* name;
        std::string step;
        std::string want;
    } rows[] = {
        {"GET", R"("http": "GET web/a?b=c d"})", "GET /a?b=c%20d HTTP/1.1\r\n" + hosts + "\r\n"},
        {"no path", R"("http": "GET web"})", "GET / HTTP/1.1\r\n" + hosts + "\r\n"},
        {"query only", R"("http": "DELETE web?x=1"})",
         "DELETE /?x=1 HTTP/1.1\r\n" + hosts + "\r\n"},
        {"POST without a body", R"("http": "POST web/a"})",
         "POST /a HTTP/1.1\r\n" + hosts + "Content-Length: 0\r\n\r\n"},
        {"JSON",
         R"("http": "PUT web/a", "json": {"t": "a\"b", "n": [1, 2.5, null, true], "e": {}, "l": []}})",
         "PUT /a HTTP/1.1\r\n" + hosts +
             "Content-Type: application/json\r\nContent-Length: 48\r\n\r\n"
             R"({"t":"a\"b","n":[1,2.5,null,true],"e":{},"l":[]})"},
        {"raw body", R"("http": "POST web/a", "body": "x=${user.index}"})",
         "POST /a HTTP/1.1\r\n" + hosts + "Content-Length: 3\r\n\r\nx=0"},
        {"form", R"("http": "POST web/a", "form": {"a b": "c&d", "n": 5, "t": true}})",
         "POST /a HTTP/1.1\r\n" + hosts +
             "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 20\r\n\r\n"
             "a+b=c%26d&n=5&t=true"},
        {"own headers win",
         R"("http": "POST web/a", "headers": {"host": "h", "user-agent": "u", "content-type": "t"}, "json": 1})",
         "POST /a HTTP/1.1\r\nhost: h\r\nuser-agent: u\r\ncontent-type: t\r\nContent-Length: "
         "1\r\n\r\n1"},
    };
    for (const auto& [name, step, want] : rows) {
        SCOPED_TRACE(name);
        EXPECT_EQ(request_of(start + step), want);
    }
}

TEST(Compile, PutsThePathAndThePasswordOfTheUrlIntoTheRequest) {
    const auto plan = plan_of(R"({"loadline": 1, "targets": {"api": "http://joe:s3cret@h/api/v1/"},
        "journeys": {"j": {"steps": [{"name": "s", "http": "GET api/users"}]}}})");
    ASSERT_NE(plan, nullptr);
    EXPECT_EQ(rendered(*plan),
              "GET /api/v1/users HTTP/1.1\r\nHost: h\r\nUser-Agent: loadline/0.1\r\n"
              "Authorization: Basic am9lOnMzY3JldA==\r\n\r\n");
    EXPECT_THAT(plan->secrets, ElementsAre("s3cret"));
}

TEST(Compile, RendersRedisCommands) {
    EXPECT_EQ(
        request_of(R"({"name": "s", "redis": ["SET", "k:${user.index}", 5, ""], "on": "cache"})"),
        "*4\r\n$3\r\nSET\r\n$3\r\nk:0\r\n$1\r\n5\r\n$0\r\n\r\n");
}

/// A JSON text that is exactly one numeric template is a number; any other one is a text.
TEST(Compile, NumbersInJsonAreSentAsNumbers) {
    const auto plan = plan_of(around(R"({"set": {"a": "${random(5, 5)}", "b": 7, "c": "7"}},
        {"name": "s", "http": "POST web/", "json": {"a": "${a}", "b": "${b}", "c": "${c}", "d": "${a}!", "u${b}": "${user.index}"}})"));
    ASSERT_NE(plan, nullptr);
    Rendering rendering{std::vector<Value>(plan->variable_count)};
    std::string scratch, out;
    for (const auto& action : plan->journeys[0].actions) {
        if (const auto* set = std::get_if<SetAction>(&action))
            apply_set(*set, rendering.context, scratch);
    }
    render_request(plan->steps[0], rendering.context, scratch, out);
    EXPECT_EQ(out.substr(out.find("\r\n\r\n") + 4), R"({"a":5,"b":7,"c":"7","d":"5!","u7":0})");
}

TEST(Compile, ASetMayReadTheVariableItSets) {
    const auto plan = plan_of(around(
        R"({"set": {"a": "x"}}, {"set": {"a": "${a}${a}"}}, {"name": "s", "http": "GET web/${a}"})"));
    ASSERT_NE(plan, nullptr);
    Rendering rendering{std::vector<Value>(plan->variable_count)};
    std::string scratch;
    for (const auto& action : plan->journeys[0].actions) {
        if (const auto* set = std::get_if<SetAction>(&action))
            apply_set(*set, rendering.context, scratch);
    }
    EXPECT_EQ(rendering.variables[0].text, "xx");
}

TEST(Compile, FillsInTheDefaults) {
    const auto plan = plan_of(around(R"({"name": "s", "http": "GET web/"})"));
    ASSERT_NE(plan, nullptr);
    EXPECT_EQ(plan->name, "s");  // the file's
    EXPECT_EQ(plan->load.arrivals, Arrivals::poisson);
    EXPECT_EQ(plan->load.duration, seconds(30));
    EXPECT_EQ(plan->load.warmup, Duration{});
    EXPECT_EQ(plan->load.drain, seconds(5));
    EXPECT_FALSE(plan->load.rate || plan->load.users || plan->watch_port);
    EXPECT_EQ(plan->connections, ConnectionMode::pool);
    ASSERT_EQ(plan->slos.size(), 2u);
    EXPECT_EQ(plan->slos[0].text, "p99 <= 100ms");
    EXPECT_EQ(plan->slos[1].text, "errors <= 0.1%");
    EXPECT_EQ(plan->steps[0].timeout, seconds(10));
    EXPECT_FALSE(plan->steps[0].keeps_body);
    EXPECT_EQ(plan->journeys[0].share, 1);
}

TEST(Compile, ReadsTheLoad) {
    const auto plan =
        plan_of(around(R"({"name": "s", "http": "GET web/", "timeout": "2s"})", R"("name": "n",
        "load": {"rate": "30/m", "arrivals": "paced", "duration": "1m30s", "warmup": "5s", "drain": "0"},
        "slo": ["p99(s) < 1s", "p50(journey:j) < 1s"], "connections": "per-request",
        "watch": {"port": 8080},)"));
    ASSERT_NE(plan, nullptr);
    EXPECT_EQ(plan->name, "n");
    EXPECT_DOUBLE_EQ(plan->load.rate->per_second(), 0.5);
    EXPECT_EQ(plan->load.arrivals, Arrivals::paced);
    EXPECT_EQ(plan->load.duration, seconds(90));
    EXPECT_EQ(plan->load.warmup, seconds(5));
    EXPECT_EQ(plan->load.drain, Duration{});
    EXPECT_EQ(plan->slos[0].index, 0u);
    EXPECT_EQ(plan->slos[1].index, 0u);
    EXPECT_EQ(plan->connections, ConnectionMode::per_request);
    EXPECT_EQ(plan->watch_port, 8080);
    EXPECT_EQ(plan->steps[0].timeout, seconds(2));
    EXPECT_EQ(plan->find_step("s"), 0u);
    EXPECT_FALSE(plan->find_step("j"));
}

TEST(Compile, ReadsUsersAsNumberAndAsCount) {
    const std::string step = R"({"name": "s", "http": "GET web/"})";
    EXPECT_EQ(plan_of(around(step, R"("load": {"users": 20},)"))->load.users, 20u);
    EXPECT_EQ(plan_of(around(step, R"("load": {"users": "2k"},)"))->load.users, 2000u);
    EXPECT_DOUBLE_EQ(plan_of(around(step, R"("load": {"rate": 2.5},)"))->load.rate->per_second(),
                     2.5);
}

TEST(Compile, WatchWithoutCloseWaitKeepsThePortAndWatchesNoSockets) {
    const auto plan = plan_of(around(R"({"name": "s", "http": "GET web/"})",
                                     R"("watch": {"port": 8080, "close_wait": false},)"));
    EXPECT_EQ(plan->watch_port, 8080);  // for a --watch-pid, which is stronger
    EXPECT_FALSE(plan->judge_sockets);
    EXPECT_TRUE(plan_of(around(R"({"name": "s", "http": "GET web/"})"))->judge_sockets);
}

TEST(Compile, FlagsWin) {
    Overrides flags;
    flags.targets = {{"web", "http://10.0.0.1:81"}};
    flags.slos = {"p90 < 1s"};
    flags.rate = Rate::per_second(5);
    flags.arrivals = Arrivals::paced;
    flags.duration = seconds(3);
    flags.warmup = seconds(1);
    const auto plan =
        plan_of(around(R"({"name": "s", "http": "GET web/"})",
                       R"("load": {"users": 3, "duration": "1m"}, "slo": ["p99 < 1s"],)"),
                flags);
    ASSERT_NE(plan, nullptr);
    EXPECT_EQ(plan->targets[0].url.endpoint(), "10.0.0.1:81");
    EXPECT_THAT(rendered(*plan), testing::HasSubstr("Host: 10.0.0.1:81\r\n"));
    ASSERT_EQ(plan->slos.size(), 1u);
    EXPECT_EQ(plan->slos[0].text, "p90 < 1s");
    EXPECT_DOUBLE_EQ(plan->load.rate->per_second(), 5);
    EXPECT_FALSE(plan->load.users);
    EXPECT_EQ(plan->load.arrivals, Arrivals::paced);
    EXPECT_EQ(plan->load.duration, seconds(3));
    EXPECT_EQ(plan->load.warmup, seconds(1));
}

TEST(Compile, TheScenarioAsRunHasTheFlagsInIt) {
    Overrides flags;
    flags.targets = {{"web", "http://10.0.0.1:81"}};
    flags.slos = {"p90 < 1s"};
    flags.rate = Rate::per_second(0.5);
    flags.arrivals = Arrivals::paced;
    flags.duration = seconds(90);
    flags.warmup = std::chrono::milliseconds{1500};
    const auto compiled = compile_text(
        around(R"({"name": "s", "http": "GET web/"})", R"("load": {"users": 3, "drain": "1s"},)"),
        "s.json", flags);
    ASSERT_TRUE(std::holds_alternative<CompiledScenario>(compiled));
    const auto& json = std::get<CompiledScenario>(compiled).scenario.json;
    EXPECT_EQ(json["targets"].dump(),
              R"({"web":"http://10.0.0.1:81","cache":"redis://127.0.0.1"})");
    EXPECT_EQ(json["slo"].dump(), R"(["p90 < 1s"])");
    EXPECT_EQ(json["load"].dump(), R"({"drain":"1s","rate":"0.5/s","arrivals":"paced",)"
                                   R"("duration":"1m30s","warmup":"1s500ms"})");
}

TEST(Compile, AFlagReplacesATargetThatCouldNotBeRead) {
    ::unsetenv("LOADLINE_TEST_NONE");
    Overrides flags;
    flags.targets = {{"web", "http://10.0.0.1"}};
    const auto plan =
        plan_of(R"({"loadline": 1, "targets": {"web": "http://${env.LOADLINE_TEST_NONE}"},
      "journeys": {"j": {"steps": [{"name": "s", "http": "GET web/"}]}}})",
                flags);
    ASSERT_NE(plan, nullptr);
    EXPECT_EQ(plan->targets[0].url.host, "10.0.0.1");
}

TEST(Compile, MarksTransactions) {
    const std::string http = R"({"name": "h", "http": "GET web/")",
                      redis = R"({"name": "r", "redis": ["PING"], "on": "cache")";
    const struct {
        const char* name;
        std::string steps;
        std::vector<bool> marks;
    } rows[] = {
        {"every HTTP step", http + "}, " + redis + "}", {true, false}},
        {"every step where none is HTTP", redis + "}", {true}},
        {"only the marked ones", http + "}, " + redis + R"(, "transaction": true})", {false, true}},
        {"all but the unmarked",
         http + R"(, "transaction": false}, {"name": "x", "http": "GET web/"})",
         {false, true}},
    };
    for (const auto& [name, steps, marks] : rows) {
        SCOPED_TRACE(name);
        const auto plan = plan_of(around(steps));
        ASSERT_NE(plan, nullptr);
        std::vector<bool> seen;
        for (const auto& step : plan->steps) seen.push_back(step.transaction);
        EXPECT_EQ(seen, marks);
    }
}

TEST(Compile, CompilesChecksAndCaptures) {
    const auto plan =
        plan_of(around(R"({"name": "s", "http": "GET web/", "expect": {"bodyContains": "$${x}",
        "headers": {"A": "b"}, "json": {"/a": "t", "/n": 1.0}, "status": [201, "4xx"]},
        "capture": {"id": "/id", "at": "header:Location"}},
        {"name": "r", "redis": ["GET", "${id}"], "on": "cache", "expect": {"equals": null}, "capture": {"v": ""}})"));
    ASSERT_NE(plan, nullptr);
    const auto& checks = plan->steps[0].checks;
    ASSERT_EQ(checks.size(), 5u);
    EXPECT_EQ(std::get<StatusCheck>(checks[0]).allowed[1].high, 499);
    EXPECT_EQ(std::get<BodyContainsCheck>(checks[1]).text, "${x}");
    EXPECT_EQ(std::get<JsonCheck>(checks[3]).value, "\"t\"");
    EXPECT_TRUE(plan->steps[0].keeps_body);
    EXPECT_EQ(plan->steps[0].captures.size(), 2u);
    EXPECT_TRUE(std::get<ReplyNullCheck>(plan->steps[1].checks[0]).null);
    EXPECT_TRUE(plan->steps[1].redis);
    EXPECT_EQ(plan->steps[1].target, 1u);
    EXPECT_THAT(plan->variable_names, ElementsAre("id", "at", "v"));
}

/// A journey takes one record of each source it uses; a borrowed session keeps its own.
TEST(Compile, FeedsOncePerJourneyAndOncePerSession) {
    const TemporaryFolder folder;
    folder.write("users.csv", users_csv(5));
    Overrides flags;
    flags.data_dir = folder.path;
    const auto plan = plan_of(R"({"loadline": 1, "targets": {"web": "http://h"},
      "data": {"users": {"csv": "users.csv", "pick": "unique"}, "hot": {"numbers": [1, 9]}, "idle": {"numbers": [1, 2]}},
      "sessions": {"viewer": {"count": 5, "data": "users", "start": [
        {"name": "in", "http": "POST web/in", "json": {"n": "${users.name}"}, "capture": {"token": "/t"}}]}},
      "setup": [{"name": "prepare", "http": "GET web/setup", "capture": {"base": "/base"}}],
      "journeys": {
        "bet": {"as": "viewer", "steps": [{"think": "1s..2s"},
           {"name": "bet", "http": "GET web/${hot}/${hot}/${users.name}/${token}/${base}"}]},
        "look": {"share": 3, "steps": [{"name": "look", "http": "GET web/${users.name}"}]}}})",
                              flags);
    ASSERT_NE(plan, nullptr);
    const auto feeds = [&](const std::vector<Action>& actions) {
        std::vector<std::string> names;
        for (const auto& action : actions) {
            if (const auto* feed = std::get_if<FeedAction>(&action))
                names.push_back(plan->feeders[feed->feeder]->name);
        }
        return names;
    };
    EXPECT_THAT(feeds(plan->journeys[0].actions), ElementsAre("hot"));
    EXPECT_THAT(feeds(plan->journeys[1].actions), ElementsAre("users"));
    EXPECT_THAT(feeds(plan->session_pools[0].start), ElementsAre("users"));
    EXPECT_TRUE(std::holds_alternative<FeedAction>(plan->journeys[0].actions.front()));
    const auto& think = std::get<ThinkAction>(plan->journeys[0].actions[1]);
    EXPECT_EQ(think.low, seconds(1));
    EXPECT_EQ(think.high, seconds(2));
    EXPECT_EQ(plan->journeys[0].sessions, 0u);
    EXPECT_EQ(plan->journeys[1].share, 3);
    EXPECT_EQ(plan->session_pools[0].count, 5u);
    EXPECT_EQ(plan->steps.size(), 4u);
    EXPECT_EQ(plan->steps[2].name, "in");
    EXPECT_EQ(plan->steps[3].name, "prepare");
    EXPECT_FALSE(plan->steps[2].transaction || plan->steps[3].transaction);
    EXPECT_EQ(plan->feeders[0]->rows.size(), 5u);
    EXPECT_EQ(std::get<ExchangeAction>(plan->setup[0]).step, 3u);
}

TEST(Compile, DataFilesAreTriedInTheDataFolderFirst) {
    const TemporaryFolder data, home;
    home.write("users.csv", users_csv(2));
    const auto scenario = around(R"({"name": "s", "http": "GET web/${u.name}"})",
                                 R"("data": {"u": {"csv": "users.csv"}},)");
    Overrides flags;
    flags.data_dir = data.path;
    EXPECT_EQ(plan_of(scenario, flags, home / "s.json")->feeders[0]->size(), 2u);
    data.write("users.csv", users_csv(3));
    EXPECT_EQ(plan_of(scenario, flags, home / "s.json")->feeders[0]->size(), 3u);
}

TEST(Compile, TakesSecretsFromTheEnvironment) {
    ::setenv("LOADLINE_TEST_PASSWORD", "p@ss/w:rd", 1);
    ::setenv("LOADLINE_TEST_TOKEN", "tok", 1);
    const auto plan = plan_of(R"({"loadline": 1,
      "targets": {"cache": "redis://:${env.LOADLINE_TEST_PASSWORD}@127.0.0.1:7000/3", "web": "http://h"},
      "journeys": {"j": {"steps": [{"name": "s", "http": "GET web/", "headers": {"Authorization": "Bearer ${env.LOADLINE_TEST_TOKEN}"}},
                                   {"name": "r", "redis": ["PING"], "on": "cache"}]}}})");
    ASSERT_NE(plan, nullptr);
    const auto& url = plan->targets[0].url;
    EXPECT_EQ(url.password, "p@ss/w:rd");
    EXPECT_EQ(url.endpoint(), "127.0.0.1:7000");
    EXPECT_EQ(url.path, "/3");
    EXPECT_THAT(rendered(*plan), testing::HasSubstr("Authorization: Bearer tok\r\n"));
    EXPECT_THAT(plan->secrets, ElementsAre("p@ss/w:rd", "tok"));
}

TEST(Compile, ThePasswordOfAUrlIsASecretAsWrittenAndDecoded) {
    const auto plan =
        plan_of(R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://:p%40ss@h"},
      "journeys": {"j": {"steps": [{"name": "s", "http": "GET web/"}]}}})");
    ASSERT_NE(plan, nullptr);
    EXPECT_EQ(plan->targets[1].url.password, "p@ss");
    EXPECT_THAT(plan->secrets, ElementsAre("p%40ss", "p@ss"));
}

/// The scenarios that are shipped compile against the files that the service seeds.
TEST(Compile, TakesEveryShippedScenario) {
    const TemporaryFolder folder;
    for (const char* name : {"viewers.csv", "newcomers.csv"}) folder.write(name, users_csv(1000));
    folder.write("streamers.csv", users_csv(50));
    Overrides flags;
    flags.data_dir = folder.path;
    for (const char* name : {"login", "bet", "settlement", "bet-day", "close-wait"}) {
        SCOPED_TRACE(name);
        const auto file =
            std::filesystem::path{TEST_DATA} / "../../../scenarios" / (std::string{name} + ".json");
        std::ifstream stream{file};
        const std::string text{std::istreambuf_iterator<char>{stream},
                               std::istreambuf_iterator<char>{}};
        const auto plan = plan_of(text, flags, file);
        ASSERT_NE(plan, nullptr);
        EXPECT_EQ(plan->name, name);
        EXPECT_TRUE(plan->load.rate);
        EXPECT_EQ(plan->watch_port, 8080);
        EXPECT_TRUE(text.starts_with("// "));
    }
}

TEST(Compile, TransportIsReadAndFlagsWin) {
    Overrides flags;
    flags.transport.insecure = true;
    flags.transport.connect_timeout = seconds(1);
    const auto compiled = compile_text(
        around(
            R"({"name": "s", "http": "GET web/"}, {"name": "own", "http": "PUT web/", "timeout": "3s"})",
            R"("tls": {"ca": "ca.pem", "cert": "c.pem", "key": "sub/k.pem", "resume": false},
                  "timeouts": {"resolve": "2s", "connect": "4s", "tls": "6s", "firstByte": "1s", "whole": "8s"},
                  "dns": {"ttl": "0s"},)"),
        "folder/s.json", flags);
    ASSERT_TRUE(std::holds_alternative<CompiledScenario>(compiled));
    const auto& plan = *std::get<CompiledScenario>(compiled).plan;
    EXPECT_EQ(plan.tls.ca, "folder/ca.pem");
    EXPECT_EQ(plan.tls.certificate, "folder/c.pem");
    EXPECT_EQ(plan.tls.key, "folder/sub/k.pem");
    EXPECT_FALSE(plan.tls.resume);
    EXPECT_FALSE(plan.tls.verify);
    EXPECT_EQ(plan.timeouts.resolve, seconds(2));
    EXPECT_EQ(plan.timeouts.connect, seconds(1));
    EXPECT_EQ(plan.timeouts.tls, seconds(6));
    EXPECT_EQ(plan.timeouts.first_byte, seconds(1));
    EXPECT_EQ(plan.timeouts.dns_ttl, seconds(0));
    EXPECT_EQ(plan.steps[0].timeout, seconds(8));
    EXPECT_EQ(plan.steps[1].timeout, seconds(3));
    const auto& json = std::get<CompiledScenario>(compiled).scenario.json;
    EXPECT_EQ(json["tls"]["verify"], false);
    EXPECT_EQ(json["timeouts"]["connect"], "1s");
}

TEST(Compile, OnlyIdempotentRequestsMayBeSentAgain) {
    const auto compiled = compile_text(
        around(R"({"name": "a", "http": "GET web/"}, {"name": "b", "http": "POST web/"},
                  {"name": "c", "http": "DELETE web/"}, {"name": "d", "redis": ["GET", "x"], "on": "cache"})"),
        "s.json", {});
    ASSERT_TRUE(std::holds_alternative<CompiledScenario>(compiled));
    const auto& steps = std::get<CompiledScenario>(compiled).plan->steps;
    EXPECT_TRUE(steps[0].idempotent);
    EXPECT_FALSE(steps[1].idempotent);
    EXPECT_TRUE(steps[2].idempotent);
    EXPECT_FALSE(steps[3].idempotent);
}

TEST(Compile, ARequestInWhichNothingVariesIsRenderedBeforehand) {
    const auto compiled =
        compile_text(around(R"({"name": "a", "http": "POST web/x", "json": {"n": 1}},
                  {"name": "b", "http": "GET web/${counter}"},
                  {"name": "c", "redis": ["SET", "k", "v"], "on": "cache"},
                  {"name": "d", "redis": ["SET", "k", "${uuid}"], "on": "cache"})"),
                     "s.json", {});
    ASSERT_TRUE(std::holds_alternative<CompiledScenario>(compiled));
    auto steps = std::get<CompiledScenario>(compiled).plan->steps;
    EXPECT_THAT(steps[0].fixed_request, testing::EndsWith("Content-Length: 7\r\n\r\n{\"n\":1}"));
    EXPECT_EQ(steps[1].fixed_request, "");
    EXPECT_EQ(steps[2].fixed_request, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
    EXPECT_EQ(steps[3].fixed_request, "");
}

}  // namespace
}  // namespace loadline

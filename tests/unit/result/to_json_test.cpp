#include "result/to_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "result/timeline_json.hpp"
#include "sample_plan.hpp"
#include "schema_check.hpp"
#include "stats/hlog.hpp"

namespace loadline {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Json = nlohmann::json;

SchemaCheck schema() {
    std::ifstream file{TEST_DATA "/../../../docs/summary.schema.json"};
    return SchemaCheck{Json::parse(file)};
}

/// A run in which everything happened that a run can report.
RunResult full_run() {
    RunResult run;
    run.command = "run";
    run.scenario_name = "bet-day";
    run.scenario_hash = "00ff";
    run.version = "0.1.0";
    run.seed = 7;
    run.threads = 2;
    run.user_cap = 10'000;
    run.started_at = std::chrono::system_clock::time_point{seconds{1'760'000'000}};
    run.elapsed = milliseconds{12'500};
    run.machine.kernel = "Linux 6.18.0";
    run.machine.cores = 2;
    run.machine.port_low = 32768;
    run.machine.port_high = 60999;
    auto plan = sample_plan();
    plan.slos = {percentile(0.99, milliseconds{100}), errors(0.01), percentile(0.999, seconds{1})};
    plan.churn.share = 0.05;
    plan.churn.weights.fill(1);
    run.sources = {"127.0.0.1", "127.0.0.2"};
    run.plan = std::make_shared<const Plan>(std::move(plan));

    auto& m = run.measurement;
    m = sample_measurement();
    for (auto& mode : m.churn.modes) mode = {5, 4, 3, 2, 1};
    m.churn.fin_to_eof.record(milliseconds{3}, 2);
    m.churn.fin_to_eof.record(Histogram::unanswered, 3);
    add(m.total.steps[0], 1990, microseconds{1234});
    add(m.total.steps[0], 10, Histogram::unanswered);
    add(m.total.steps[1], 200, milliseconds{3});
    add(m.total.journeys[0], 150, milliseconds{8});
    for (std::size_t i = 0; i < outcome_count; ++i) {  // the schema knows every one
        m.total.steps[1].outcomes[i] += 1;
        m.examples.push_back({static_cast<Outcome>(i), "bet", "as seen"});
    }
    m.generator.scheduled = 2200;
    m.generator.sent = 2200;
    m.generator.send_lag_p99 = microseconds{21};
    m.generator.steal_share = 0.01;
    m.generator.limits = {{"send_lag", "late"}};
    m.generator.notes = {"the busiest worker used 90 % of a core"};
    run.clauses.resize(3);
    run.clauses[0] = {run.plan->slos[0], VerdictWord::pass, 2200, milliseconds{3}, {}, 0};
    run.clauses[1] = {run.plan->slos[1], VerdictWord::pass, 2200, {}, {}, 0.005};
    run.clauses[2] = {run.plan->slos[2], VerdictWord::fail, 2200, {}, seconds{10}, 0};
    run.probes.resize(2);
    run.probes[0].probe.url = {"http", "user", "secret", "127.0.0.1", 8080, "/live"};
    run.probes[0].restart = ProbeEpisode{milliseconds{12'345}, seconds{20}, 4};
    run.probes[0].phases = 10;
    run.probes[0].slowest = milliseconds{3};
    run.probes[1].probe.kind = KubeletProbeKind::readiness;
    run.probes[1].out = {{seconds{5}, seconds{6}, 1}, {seconds{9}, {}, 10}};
    auto& sockets = run.sockets.emplace();
    sockets.word = SocketWord::leak_confirmed;
    sockets.text = "2 sockets stayed in CLOSE_WAIT";
    sockets.port = 8080;
    sockets.pid = 4711;
    sockets.command = "missiond";
    sockets.leaked = 2;
    sockets.closes = 100;
    sockets.leak_fraction = 0.02;
    sockets.leak_fraction_interval = {0.006, 0.07};
    sockets.flags = {"FD_EXHAUSTED: 97 of 100 file descriptors in use"};
    sockets.classes = {1, 1, 0, 0, 0};
    sockets.leaked_per_1000_requests = 0.9;
    sockets.dwell = Dwell{3, Duration{}, milliseconds{250}, seconds{1}};
    sockets.trend = StaleTrend{3.7, 0.2, {0.1, 0.3}, 0, 2, 2};
    sockets.old_gone_per_s = 0.01;
    sockets.fd_eta = seconds{600};
    sockets.accept_queue_max = 2;
    sockets.backlog = 128;
    sockets.oldest = {{"127.0.0.1:40000", seconds{3}, seconds{4}, 1, 99}};
    sockets.oldest[0].keep_alive = seconds{7197};
    auto& cause = run.cause.emplace();
    cause.findings = {{"cpu_quota", "the CPU quota was used up", seconds{3}, 120.0},
                      {"http_5xx", "5 of 100 requests", {}, {}}};
    cause.good = {seconds{0}, seconds{2}, 50};
    cause.bad = {seconds{2}, seconds{8}, 0};
    run.not_seen = {"the descriptors of process 4711: needs its user, or CAP_SYS_PTRACE"};
    run.verdict = {VerdictWord::fail, {{"leak", sockets.text}}};
    return run;
}

RunResult full_search() {
    auto run = full_run();
    run.command = "search";
    run.sockets.reset();
    run.not_watched = "--no-watch";
    auto& capacity = run.capacity.emplace();
    capacity.word = "CONFIRMED";
    capacity.text = "377 journeys/s keep the SLO";
    capacity.advice = "plan with less";
    capacity.confirmed_rate = capacity.confirmed_tps = 377;
    capacity.estimate_rate = capacity.estimate_tps = 380;
    capacity.safe_rate = capacity.safe_tps = 370;
    capacity.interval = RateQuantiles{370, 375, 380, 384, 389};
    capacity.binding_clause = "p99 < 100ms";
    capacity.failed_first = "p99 < 100ms: 250 ms";
    capacity.hold = HoldFacts{377, seconds{60}, true, "p99 < 100ms", 0.6, 0.9, seconds{12}, 0.95};
    capacity.curve = {{50, milliseconds{3}, milliseconds{9}}};
    capacity.knee = 0;
    capacity.current_rate = 190;
    capacity.headroom = 0.5;
    capacity.pods = 2;
    capacity.tps_per_pod = 188.5;
    capacity.topology = {true, false, "same machine, cores of its own"};
    capacity.budget = seconds{180};
    capacity.spent = seconds{175};
    capacity.notes = {"short"};
    ProbeResult probe;
    probe.kind = ProbeResult::Kind::hold;
    probe.rate = Rate::per_second(377);
    probe.length = seconds{20};
    probe.planned = seconds{60};
    probe.requests = 7540;
    probe.p99 = milliseconds{90};
    probe.p999 = Histogram::unanswered;
    probe.word = VerdictWord::pass;
    probe.clauses = {{7540, 40, 0.001, 0.009, seconds{12}}};
    probe.aborted_by = 0;
    capacity.probes = {ProbeResult{}, probe};
    return run;
}

TEST(SummaryJson, FollowsItsPublishedSchema) {
    auto check = schema();
    RunResult empty;
    empty.command = "run";
    empty.plan = std::make_shared<const Plan>(sample_plan());
    for (const auto& result : {full_run(), full_search(), empty}) {
        EXPECT_THAT(check(Json(summary_json(result))), testing::IsEmpty());
    }
}

/// The config of a run of this load.
Json config_of(const LoadPlan& load, std::optional<double> rate_part = {}) {
    RunResult run;
    run.command = "run";
    auto plan = sample_plan();
    plan.load = load;
    plan.journeys[0].rate_part = rate_part;
    run.plan = std::make_shared<const Plan>(std::move(plan));
    const Json summary = summary_json(run);
    EXPECT_THAT(schema()(summary), testing::IsEmpty());
    return summary.at("config");
}

TEST(SummaryJson, TheConfigSaysWhichLoadItWas) {
    LoadPlan staged;
    staged.stages = RateProfile{{{Rate{}, Rate::per_second(100), seconds{3}}}};
    staged.at_cap = AtCap::drop;
    auto config = config_of(staged);
    EXPECT_EQ(config["load_model"], "open");
    EXPECT_EQ(config["at_cap"], "drop");
    EXPECT_EQ(config["stages"].dump(), R"([{"from_per_s":0.0,"over_s":3.0,"to_per_s":100.0}])");
    EXPECT_FALSE(config.contains("rate_per_s"));

    LoadPlan constant;
    constant.rate = Rate::per_second(50);
    config = config_of(constant, 0.1);
    EXPECT_EQ(config["rate_per_s"], 50);
    EXPECT_EQ(config["own_rates_per_s"].size(), 1U);
    EXPECT_EQ(config["own_rates_per_s"].front(), 5);
    EXPECT_EQ(config["at_cap"], "queue");

    LoadPlan closed;
    closed.users = 200;
    closed.pacing = seconds{2};
    config = config_of(closed);
    EXPECT_EQ(config["load_model"], "closed");
    EXPECT_EQ(config["pacing_s"], 2);
    EXPECT_FALSE(config.contains("at_cap"));
}

TEST(SummaryJson, CountsTheChurnByMode) {
    auto run = full_run();
    auto plan = *run.plan;
    plan.churn.weights = {3, 0, 0, 1};  // fin-idle and half
    run.plan = std::make_shared<const Plan>(plan);
    auto& modes = run.measurement.churn.modes;
    modes = {};
    modes[0].closes = 60;
    modes[3] = {20, 21, 0, 1, 2, 4};
    const Json summary = summary_json(run);
    const auto& churn = summary["results"]["churn"];
    EXPECT_EQ(churn["closes"], 80);
    EXPECT_EQ(churn["unmeasured"], 21);
    EXPECT_EQ(churn["modes"].size(), 2u) << "those with a weight";
    EXPECT_EQ(churn["modes"]["fin-idle"]["closes"], 60);
    EXPECT_EQ(churn["modes"]["half"]["server_first"], 1);
    EXPECT_EQ(churn["modes"]["half"]["failed"], 2);
    EXPECT_EQ(churn["modes"]["half"]["not_kept"], 4);
    EXPECT_EQ(churn["fin_to_eof_ms"].dump(), R"({"count":5,"max":3.0,"none":3,"p50":null})")
        << "too few for a p99";
    EXPECT_FALSE(churn.contains("note"));
    EXPECT_EQ(summary["config"]["churn"].dump(),
              R"({"share":0.05,"weights":{"fin-idle":3.0,"half":1.0}})");
    EXPECT_EQ(summary["config"]["sources"].dump(), R"(["127.0.0.1","127.0.0.2"])");

    plan.churn.weights = {0, 0, 0, 0, 1};
    run.plan = std::make_shared<const Plan>(plan);
    EXPECT_TRUE(Json(summary_json(run))["results"]["churn"].contains("note")) << "RST alone";
    plan.churn = {};
    run.plan = std::make_shared<const Plan>(plan);
    const Json without = summary_json(run);
    EXPECT_FALSE(without["results"].contains("churn"));
    EXPECT_FALSE(without["config"].contains("churn"));
}

TEST(SummaryJson, TheCheckItselfFindsWhatIsWrong) {
    auto check = schema();
    Json document = summary_json(full_run());
    document["verdict"].erase("word");
    document["results"]["total"]["requests"] = "many";
    document["results"]["steps"]["bet"]["outcomes"]["lost"] = 1;
    document["results"]["sockets"]["leak_fraction_interval"] = Json::array({1});
    document["metadata"]["command"] = "guess";
    EXPECT_THAT(check(document),
                testing::UnorderedElementsAre(
                    "/verdict: key \"word\" is missing",
                    "/results/total/requests: is \"many\", not \"integer\"",
                    "/results/steps/bet/outcomes: key \"lost\" is not in the schema",
                    "/results/sockets/leak_fraction_interval: has 1 items",
                    "/metadata/command: \"guess\" is none of [\"run\",\"search\"]"));
}

TEST(SummaryJson, HasTheKeysThatScriptsRelyOn) {
    const Json run = summary_json(full_run()), search = summary_json(full_search());
    for (const char* path : {"/version",
                             "/metadata",
                             "/config",
                             "/verdict/word",
                             "/verdict/reasons/0/code",
                             "/verdict/reasons/0/text",
                             "/results/total/requests",
                             "/results/total/errors",
                             "/results/total/rate_per_s",
                             "/results/total/outcomes/ok",
                             "/results/steps/bet/response_time_ms/p50",
                             "/results/steps/bet/response_time_ms/p90",
                             "/results/steps/bet/response_time_ms/p99",
                             "/results/steps/bet/response_time_ms/p999",
                             "/results/steps/bet/response_time_ms/max",
                             "/results/steps/bet/response_time_ms/mean",
                             "/results/steps/bet/service_time_ms/p99",
                             "/results/generator/scheduled",
                             "/results/generator/sent",
                             "/results/generator/dropped",
                             "/results/generator/send_lag_ms/p50",
                             "/results/generator/send_lag_ms/p99",
                             "/results/generator/pool_wait_ms/p99",
                             "/results/generator/cpu_share_max",
                             "/results/generator/limits/0/code",
                             "/results/sockets/word",
                             "/results/sockets/flags",
                             "/results/sockets/leaked",
                             "/results/sockets/leak_fraction",
                             "/results/sockets/leak_fraction_interval/1"}) {
        EXPECT_TRUE(run.contains(Json::json_pointer{path})) << path;
    }
    for (const char* path :
         {"/results/capacity/word", "/results/capacity/confirmed_tps",
          "/results/capacity/estimate_tps", "/results/capacity/binding_clause",
          "/results/capacity/interval_per_s/q05", "/results/capacity/safe_tps",
          "/results/capacity/hold/chance_to_repeat", "/results/capacity/curve/0/p50_ms",
          "/results/capacity/headroom", "/results/capacity/tps_per_pod",
          "/results/capacity/topology/cores_shared",
          "/results/capacity/probes/1/clauses/0/bad_share", "/results/capacity/probes/0"}) {
        EXPECT_TRUE(search.contains(Json::json_pointer{path})) << path;
    }
}

TEST(SummaryJson, APercentileThatUnansweredOnesReachIsNullAndSaysAboveWhat) {
    const Json latencies = summary_json(full_run())["results"]["steps"]["bet"]["response_time_ms"];
    EXPECT_EQ(latencies["p99"], 1.235);  // the upper edge of the bucket, in whole microseconds
    EXPECT_EQ(latencies["p999"], nullptr);
    EXPECT_EQ(latencies["p999_over_ms"], 10'000);
    EXPECT_FALSE(latencies.contains("p99_over_ms"));
    EXPECT_EQ(latencies["max"], 1.235) << "max and mean cover the answered ones";
}

TEST(SummaryJson, WhatWasNotMeasuredIsAbsentAndNeverZero) {
    auto run = full_run();
    run.measurement = sample_measurement();
    add(run.measurement.total.steps[0], 50, Histogram::unanswered);
    run.sockets->leak_fraction.reset();
    const Json results = summary_json(run)["results"];
    EXPECT_EQ(results["total"]["response_time_ms"], Json({{"p50", nullptr},
                                                          {"p50_over_ms", 10'000},
                                                          {"p90", nullptr},
                                                          {"p90_over_ms", 10'000}}));
    EXPECT_EQ(results["total"]["service_time_ms"], Json::object());
    EXPECT_FALSE(results["steps"].contains("settle"));
    EXPECT_FALSE(results["generator"].contains("send_lag_ms"));
    EXPECT_FALSE(results["generator"].contains("steal_share"));
    EXPECT_FALSE(results["sockets"].contains("leak_fraction"));
    EXPECT_FALSE(results.contains("capacity"));
}

TEST(SummaryJson, CarriesTheHistogramsThemselves) {
    const auto run = full_run();
    const Json step = summary_json(run)["results"]["steps"]["bet"];
    const auto read = decode_histogram(step["response_time_hdr"].get<std::string>());
    ASSERT_TRUE(read.has_value());
    EXPECT_THAT(read->counts(),
                testing::ElementsAreArray(run.measurement.total.steps[0].response_time.counts()));
}

TEST(SummaryJson, SurvivesTextThatIsNoUtf8) {
    auto run = full_run();
    run.measurement.examples[0].text = "HTTP 500 \xff\xfe caf\xc3\xa9";
    run.sockets->command = "\x80";
    run.verdict.reasons[0].text = "\xc3";
    const Json document = Json::parse(summary_json(run).dump());
    EXPECT_EQ(document["results"]["examples"][0]["text"],
              "HTTP 500 \xef\xbf\xbd\xef\xbf\xbd caf\xc3\xa9");
}

TEST(SummaryJson, NamesTargetsWithoutTheirCredentials) {
    const std::string text = summary_json(full_run()).dump();
    EXPECT_THAT(text, testing::HasSubstr("\"targets\":{\"service\":\"http://127.0.0.1:8080\"}"));
    EXPECT_THAT(text, testing::Not(testing::HasSubstr("secret")));
}

TEST(TimelineJson, IsOneSecond) {
    TimelinePoint point;
    point.since_start = seconds{3};
    point.length = seconds{1};
    point.intended_rate = 100;
    point.completed = point.transactions = 99;
    point.errors = 1;
    point.outcomes[ok] = 98;
    point.outcomes[timed_out] = 1;
    point.p50 = milliseconds{2};
    point.p999 = Histogram::unanswered;
    point.max = milliseconds{4};
    point.closes = 7;
    point.churn_closes[static_cast<std::size_t>(ChurnMode::half)] = 2;
    auto& sockets = point.sockets.emplace();
    sockets.states[1] = 5;
    sockets.close_wait = 2;
    sockets.fds = 17;
    point.fullest_queue = AcceptQueue{9, 128};
    const Json line = timeline_json(point);
    EXPECT_EQ(line["t_s"], 3);
    EXPECT_EQ(line["phase"], "measure");
    EXPECT_EQ(line["p50_ms"], 2);
    EXPECT_EQ(line["p999_ms"], nullptr);
    EXPECT_FALSE(line.contains("service_p50_ms")) << "nothing was answered: absent, not 0";
    EXPECT_EQ(line["outcomes"], Json({{"ok", 98}, {"timeout", 1}}));
    EXPECT_EQ(line["sockets"]["states"], Json({{"ESTABLISHED", 5}}));
    EXPECT_EQ(line["sockets"]["fds"], 17);
    EXPECT_EQ(line["sockets"]["accept_queue"], 0);
    EXPECT_EQ(line["sockets"]["accept_queue_max"], 9);
    EXPECT_EQ(line["closes"], 7);
    EXPECT_EQ(line["churn_closes"], Json({{"half", 2}}));
    EXPECT_FALSE(line["sockets"].contains("fd_limit"));
}

TEST(SummaryJson, SaysWhetherTheKernelReapsASocket) {
    auto run = full_run();
    const auto oldest = [&] { return Json(summary_json(run)["results"]["sockets"]["oldest"][0]); };
    EXPECT_EQ(oldest()["keep_alive"], true);
    EXPECT_EQ(oldest()["keep_alive_s"], 7197);
    run.sockets->oldest[0].keep_alive.reset();
    EXPECT_EQ(oldest()["keep_alive"], false);
    EXPECT_FALSE(oldest().contains("keep_alive_s"));
}

TEST(SummaryJson, NamesTheCauseOrSaysThatItIsUnknown) {
    auto run = full_run();
    const Json known = summary_json(run)["results"]["cause"];
    EXPECT_EQ(known["text"], "the CPU quota was used up");
    EXPECT_EQ(known["findings"][0]["since_s"], 3);
    EXPECT_EQ(known["findings"][0]["rate_per_s"], 120);
    EXPECT_FALSE(known["findings"][1].contains("since_s"));
    EXPECT_EQ(known["good"], Json({{"from_s", 0}, {"length_s", 2}, {"rate_per_s", 50}}));
    EXPECT_FALSE(known["bad"].contains("rate_per_s")) << "a closed model";
    run.cause->findings.clear();
    const Json unknown = summary_json(run)["results"]["cause"];
    EXPECT_EQ(unknown["text"], unknown_text(*run.cause));
    EXPECT_TRUE(unknown["findings"].empty());
    run.cause.reset();
    EXPECT_FALSE(summary_json(run)["results"].contains("cause"));
}

TEST(SummaryJson, NamesTheProbesThatASearchCompared) {
    auto run = full_run();
    run.cause->bad->probe = "refine";
    run.cause->silent = CauseStretch{seconds{9}, seconds{1}, 90, "bracket"};
    run.cause->alike = CauseStretch{seconds{7}, seconds{1}, 80, "refine"};
    run.cause->findings[0].since.reset();
    const Json summary = summary_json(run);
    EXPECT_THAT(schema()(summary), testing::IsEmpty());
    const Json& cause = summary["results"]["cause"];
    EXPECT_EQ(cause["bad"]["probe"], "refine");
    EXPECT_FALSE(cause["good"].contains("probe"));
    EXPECT_EQ(cause["silent"]["rate_per_s"], 90);
    EXPECT_EQ(cause["alike"]["rate_per_s"], 80);
    EXPECT_EQ(cause["findings"][0]["rate_per_s"], 120);
    EXPECT_FALSE(cause["findings"][0].contains("since_s"));
}

TEST(TimelineJson, TellsWhereFailuresAndSlowAnswersArose) {
    TimelinePoint point;
    EXPECT_FALSE(timeline_json(point).contains("http_5xx_status"));
    EXPECT_FALSE(timeline_json(point).contains("slow_answers"));
    point.origins = {7, 0, 2, 3, milliseconds{900}, milliseconds{850}};
    const Json line = timeline_json(point);
    EXPECT_EQ(line["http_5xx_status"], Json({{"502", 7}, {"504", 2}}));
    EXPECT_EQ(line["slow_answers"],
              Json({{"count", 3}, {"service_ms", 900}, {"upstream_ms", 850}}));
}

TEST(TimelineJson, HasWhatIsKnownOfTheTargetAndNothingElse) {
    TimelinePoint point;
    auto& target = point.target.emplace();
    auto& process = target.process.emplace();
    process.pid = 77;
    process.cores_used = 0.25;
    process.cores = 0.5;
    process.quota = true;
    target.redis.emplace().ping = milliseconds{2};
    const Json line = timeline_json(point)["target"];
    EXPECT_EQ(line["process"], Json({{"pid", 77}, {"cores_used", 0.25}, {"quota_cores", 0.5}}));
    EXPECT_EQ(line["redis"], Json({{"slow_commands", 0}, {"ping_ms", 2}}));
    EXPECT_FALSE(line.contains("kernel"));
}

TEST(SummaryJson, SaysWhatTheKubeletWouldHaveDone) {
    const auto results = summary_json(full_run())["results"];
    const auto& liveness = results["probes"]["liveness"];
    EXPECT_EQ(liveness["probe"], "GET http://127.0.0.1:8080/live") << "no credentials";
    EXPECT_EQ(liveness["restart"].dump(), R"({"from_s":12.345,"to_s":20.0,"phases":4})");
    EXPECT_EQ(liveness["phases"], 10);
    EXPECT_EQ(liveness["slowest_ms"], 3);
    EXPECT_FALSE(liveness.contains("out_of_service"));
    const auto& readiness = results["probes"]["readiness"];
    EXPECT_EQ(readiness["out_of_service"].dump(),
              R"([{"from_s":5.0,"to_s":6.0,"phases":1},{"from_s":9.0,"phases":10}])");
    EXPECT_FALSE(readiness.contains("restart"));
    EXPECT_FALSE(readiness.contains("slowest_ms"));
}

TEST(SummaryJson, SaysWhichRateTheLoadAskedForWhenTheKubeletWouldHaveActed) {
    auto run = full_run();
    auto& then = run.measurement.timeline.emplace_back();
    then.since_start = seconds{13};
    then.length = seconds{1};
    then.intended_rate = 725;
    const auto probes = summary_json(run)["results"]["probes"];
    EXPECT_EQ(probes["liveness"]["restart"]["rate_per_s"], 725);
    EXPECT_FALSE(probes["readiness"]["out_of_service"][1].contains("rate_per_s")) << "not known";
}

TEST(TimelineJson, HasTheShadowProbesOfTheSecond) {
    TimelinePoint point;
    EXPECT_FALSE(timeline_json(point).contains("probes"));
    point.probes = {{KubeletProbeKind::liveness, 1, 0, 0, milliseconds{2}},
                    {KubeletProbeKind::readiness, 0, 1, 2, seconds{1}}};
    EXPECT_EQ(timeline_json(point)["probes"].dump(),
              R"({"liveness":{"succeeded":1,"failed":0,"slowest_ms":2.0},)"
              R"("readiness":{"succeeded":0,"failed":1,"discarded":2,"slowest_ms":1000.0}})");
}

TEST(TimelineJson, AnEmptySecondHasNoLatencies) {
    const Json line = timeline_json(TimelinePoint{});
    for (const auto& [key, value] : line.items()) {
        EXPECT_THAT(key, testing::Not(testing::EndsWith("_ms")));
    }
    EXPECT_FALSE(line.contains("sockets"));
    EXPECT_FALSE(line.contains("target"));
}

}  // namespace
}  // namespace loadline

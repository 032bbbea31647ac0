#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/units.hpp"
#include "engine_case.hpp"
#include "net/http_server.hpp"
#include "plan/compile.hpp"
#include "trial/trial.hpp"

// The load models against a real server: what is started when, and what becomes of an
// arrival that finds no free user.
namespace loadline {
namespace {

using std::chrono::milliseconds;

/// A server of one thread that answers each request after the same time.
class Server {
public:
    explicit Server(Duration takes)
        : server_{{}, [takes](const HttpRequest&, HttpResponder responder) {
                      responder.not_before(Clock::now() + takes);
                      responder.send({});
                  }} {
        const auto port = server_.listen();
        if (!port) throw std::runtime_error{port.error().message};
        port_ = *port;
        server_.start();
    }
    std::uint16_t port() const { return port_; }
    HttpServerCounts counts() const { return server_.counts(); }

private:
    HttpServer server_;
    std::uint16_t port_ = 0;
};

const std::string one_request = R"({"j": {"steps": [{"name": "s", "http": "GET web/"}]}})";

std::shared_ptr<const Plan> plan_for(const Server& server, const std::string& load,
                                     const std::string& journeys = one_request,
                                     const std::string& slo = R"(["p90 <= 100ms"])") {
    const auto text = R"({"loadline": 1, "targets": {"web": "http://127.0.0.1:)" +
                      std::to_string(server.port()) + R"("}, "slo": )" + slo + R"(, "load": )" +
                      load + R"(, "journeys": )" + journeys + "}";
    auto compiled = compile_text(text, "s.json");
    if (const auto* problems = std::get_if<std::vector<Diagnostic>>(&compiled)) {
        throw std::runtime_error{format_diagnostics(text, "s.json", *problems)};
    }
    return std::get<CompiledScenario>(compiled).plan;
}

RunResult run(std::shared_ptr<const Plan> plan, std::size_t max_users = 10'000,
              unsigned threads = 1) {
    TrialOptions options;
    options.threads = threads;
    options.max_users = max_users;
    options.watch = false;
    auto result = run_trial(std::move(plan), options, {});
    if (!result) throw std::runtime_error{result.error().message};
    return std::move(*result);
}

std::uint64_t outcomes(const RunResult& result, Outcome outcome) {
    return result.measurement.total.steps[0].outcomes[static_cast<std::size_t>(outcome)];
}

std::vector<std::string> reason_codes(const RunResult& result) {
    std::vector<std::string> codes;
    for (const auto& reason : result.verdict.reasons) codes.push_back(reason.code);
    return codes;
}

TEST(LoadModels, ARampOpensAFewConnectionsAndKeepsThem) {
    // Arrivals that a stall has made late come at once, and open more.
    with_patience(milliseconds{40}, []() -> std::string {
        const Server server{Duration{}};
        const auto plan = plan_for(server, R"({"rate": "10/s", "arrivals": "paced",
            "stages": [{"to": "500/s", "over": "3s"}]})");
        std::uint64_t open_most = 0;
        Observer observer;
        observer.second = [&](const TimelinePoint& point) {
            open_most = std::max(open_most, point.connections);
        };
        TrialOptions options;
        options.watch = false;
        const auto result = run_trial(plan, options, observer);
        if (!result) throw std::runtime_error{result.error().message};
        const auto& total = result->measurement.total;
        const auto accepted = server.counts().accepted - 1;  // one only tried whether it answers
        EXPECT_EQ(total.scheduled, 765U);
        EXPECT_EQ(outcomes(*result, Outcome::ok), 765U);
        EXPECT_EQ(accepted, open_most) << "each was opened once, and was still open at the end";
        EXPECT_EQ(total.all_closes(), 0U);
        return accepted <= 25 ? "" : fmt::format("{} connections for 765 arrivals", accepted);
    });
}

TEST(LoadModels, TheIntendedRateOfTheTimelineFollowsTheStages) {
    const Server server{Duration{}};
    const auto result = run(plan_for(server, R"({"arrivals": "paced", "warmup": "1s",
        "stages": [{"to": "100/s", "over": "1s"}, {"hold": "1s"}, {"to": 0, "over": "1s"}]})"));
    std::vector<double> intended;
    for (const auto& point : result.measurement.timeline) {
        if (point.phase == Phase::drain) continue;
        intended.push_back(std::round(point.intended_rate));
    }
    EXPECT_THAT(intended, testing::ElementsAre(50, 100, 50));
    EXPECT_NEAR(result.measurement.intended_rate, 75, 1e-6) << "of the measured part";
    EXPECT_EQ(result.measurement.total.scheduled, 150U);
}

TEST(LoadModels, ASecondTellsWhatEachClauseJudgesOfItBeItOfAJourneyOrAStep) {
    Server server{milliseconds{100}};
    const auto plan = plan_for(
        server, R"({"users": 2, "duration": "3s"})",
        R"({"buy": {"steps": [{"name": "a", "http": "GET web/"}, {"name": "b", "http": "GET web/"},
            {"name": "c", "http": "GET web/", "transaction": false, "expect": {"status": 404}}]}})",
        R"(["p90 < 2s", "p90(journey:buy) < 250ms", "errors < 1%", "p90(c) < 50ms"])");
    const auto result = run(plan);
    ASSERT_EQ(result.clauses.size(), 4u);
    EXPECT_EQ(result.clauses[1].word, VerdictWord::fail);
    std::vector<ClauseCount> sums(4);
    for (const auto& point : result.measurement.timeline) {
        ASSERT_EQ(point.clauses.size(), 4u);
        for (std::size_t i = 0; i < 4; ++i) {
            sums[i].requests += point.clauses[i].requests;
            sums[i].bad += point.clauses[i].bad;
        }
    }
    const auto& total = result.measurement.total;
    EXPECT_EQ(sums[0].requests, total.steps[0].count() + total.steps[1].count());
    EXPECT_EQ(sums[0].bad, 0u);
    EXPECT_EQ(sums[1].requests, total.journeys[0].count());
    EXPECT_EQ(sums[1].bad, total.journeys[0].count()) << "though each step is fast enough";
    EXPECT_EQ(sums[2].bad, 0u) << "what fails is no transaction";
    EXPECT_EQ(sums[3].bad, total.steps[2].count());
    ASSERT_TRUE(result.cause && result.cause->bad) << "something was compared";
}

TEST(LoadModels, AJourneyWithItsOwnRateGetsIt) {
    const Server server{Duration{}};
    const auto plan = plan_for(server, R"({"rate": "80/s", "arrivals": "paced", "duration": "1s"})",
                               R"({"bet": {"steps": [{"name": "b", "http": "GET web/"}]},
                                   "settle": {"rate": "20/s", "steps": [{"name": "s", "http": "GET web/"}]}})");
    for (const unsigned threads : {1U, 2U}) {
        const auto result = run(plan, 10'000, threads);
        EXPECT_EQ(result.measurement.total.journeys[0].count(), 80U);
        EXPECT_EQ(result.measurement.total.journeys[1].count(), 20U);
        EXPECT_DOUBLE_EQ(result.measurement.intended_rate, 100);
    }
}

TEST(LoadModels, PacedUsersStartAJourneyEachPeriod) {
    with_patience(milliseconds{100}, []() -> std::string {
        const Server server{Duration{}};
        const auto result =
            run(plan_for(server, R"({"users": 10, "pacing": "200ms", "duration": "1s"})"));
        const auto scheduled = result.measurement.total.scheduled;
        EXPECT_LE(scheduled, 50U);
        EXPECT_EQ(outcomes(result, Outcome::ok), scheduled);
        return scheduled == 50 ? "" : fmt::format("{} journeys", scheduled);  // five periods of 10
    });
}

TEST(LoadModels, APacedUserThatTookLongerStartsTheNextJourneyAtOnce) {
    with_patience(milliseconds{10}, []() -> std::string {
        const Server server{milliseconds{300}};
        const auto result =
            run(plan_for(server, R"({"users": 10, "pacing": "200ms", "duration": "1s"})"));
        const auto& total = result.measurement.total;
        // Begun at 0 .. 180 ms, a user starts again after 300, 600 and 900 ms: 3 or 4 journeys.
        EXPECT_LE(total.scheduled, 38U);
        EXPECT_LT(total.steps[0].response_time.quantile(0.5), milliseconds{400})
            << "a journey is due when it starts, not a period after the last";
        return total.scheduled >= 34 ? "" : fmt::format("{} journeys", total.scheduled);
    });
}

// --- at the cap

/// Two users against 300 ms: 7 of 20 arrivals find one free, or a few more or fewer.
constexpr const char* paced_second = R"({"rate": "20/s", "arrivals": "paced", "duration": "1s",
    "drain": "20s", "at_cap": )";

TEST(LoadModels, AtTheCapASlowServerFailsAndQueuedArrivalsCountTheirWait) {
    const Server server{milliseconds{300}};
    const auto result = run(plan_for(server, std::string{paced_second} + R"("queue"})"), 2);
    const auto& total = result.measurement.total;
    EXPECT_EQ(total.scheduled, 20U);
    EXPECT_EQ(total.dropped_arrivals, 0U);
    EXPECT_EQ(outcomes(result, Outcome::ok), 20U);
    // Two at a time: the last of twenty ends after 3 s, and was due after 950 ms.
    EXPECT_GT(total.steps[0].response_time.max(), milliseconds{1900});
    EXPECT_GT(total.pool_wait.max(), milliseconds{1600});
    EXPECT_LT(total.steps[0].service_time.quantile(0.5), milliseconds{600});
    EXPECT_EQ(result.verdict.word, VerdictWord::fail);
    EXPECT_THAT(reason_codes(result), testing::Not(testing::Contains("client_limit")));
}

TEST(LoadModels, AtTheCapASlowServerFailsAndDroppedArrivalsAreCountedAsErrors) {
    const Server server{milliseconds{300}};
    const auto result = run(plan_for(server, std::string{paced_second} + R"("drop"})"), 2);
    const auto& total = result.measurement.total;
    EXPECT_EQ(total.scheduled, 20U);
    EXPECT_GE(total.dropped_arrivals, 12U);
    EXPECT_EQ(total.started + total.dropped_arrivals, 20U);
    EXPECT_EQ(outcomes(result, Outcome::dropped), total.dropped_arrivals);
    EXPECT_EQ(total.steps[0].errors(), total.dropped_arrivals);
    EXPECT_EQ(total.steps[0].count(), 20U);
    EXPECT_EQ(total.steps[0].response_time.unanswered_count(), total.dropped_arrivals);
    EXPECT_EQ(result.measurement.generator.dropped, total.dropped_arrivals);
    EXPECT_LT(total.pool_wait.quantile(0.5), milliseconds{100}) << "what was started did not wait";
    EXPECT_EQ(result.verdict.word, VerdictWord::fail);
    EXPECT_THAT(reason_codes(result), testing::Not(testing::Contains("client_limit")));
}

/// Users are busy because they think: the server cannot help it.
TEST(LoadModels, AtTheCapAQuickServerIsInnocentWhetherArrivalsQueueOrAreDropped) {
    for (const std::string at_cap : {"\"queue\"}", "\"drop\"}"}) {
        SCOPED_TRACE(at_cap);
        with_patience(milliseconds{40}, [&]() -> std::string {
            const Server server{Duration{}};
            const auto plan = plan_for(server, paced_second + at_cap,
                                       R"({"j": {"steps": [{"name": "s", "http": "GET web/"},
                    {"think": "300ms"}, {"name": "t", "http": "GET web/"}]}})");
            const auto result = run(plan, 2);
            const auto& total = result.measurement.total;
            const auto slowest =
                std::max(total.steps[0].service_time.max(), total.steps[1].service_time.max());
            if (slowest > milliseconds{100}) return "it took " + format_duration(slowest);
            EXPECT_EQ(total.dropped_arrivals > 0, at_cap == "\"drop\"}");
            EXPECT_EQ(result.verdict.word, VerdictWord::invalid);
            EXPECT_THAT(reason_codes(result), testing::Contains("client_limit"));
            return "";
        });
    }
}

}  // namespace
}  // namespace loadline

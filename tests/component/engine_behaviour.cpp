// The engine alone, against servers whose every step is known: waiting, caps, closes, stops.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <set>

#include "engine_case.hpp"
#include "result/generator.hpp"
#include "scripted_server.hpp"

namespace loadline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A journey of one step of POST, which no client may repeat by itself.
std::string one_step(const ScriptedServer& server, const std::string& of_step = {},
                     const std::string& of_scenario = {}) {
    return fmt::format(R"({{"loadline": 1, "targets": {{"service": "{}"}} {},
        "journeys": {{"ask": {{"steps": [{{"name": "ask", "http": "POST service/" {}}}]}}}}}})",
                       server.url(), of_scenario, of_step);
}

/// Requests pass it while it is open.
class Gate {
public:
    void set(bool open) {
        const std::lock_guard lock{mutex_};
        open_ = open;
        changed_.notify_all();
    }
    void pass() {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return open_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = true;
};

ScriptedServer::Script answers_after(Duration pause) {
    return [pause](Peer& peer) {
        while (peer.read_request()) {
            std::this_thread::sleep_for(pause);
            if (!peer.send(http_reply("ok"))) return;
        }
    };
}

/// What the generator has to answer for after this load.
GeneratorHealth health_of(const LoadResult& result) {
    GeneratorFacts facts{result.total};
    facts.latency_limit = milliseconds{100};
    facts.cap_waits = result.cap_waits;
    facts.out_of_sockets = result.out_of_sockets;
    facts.stopped_early = result.stopped_early;
    return judge_generator(facts);
}

bool has_limit(const GeneratorHealth& health, std::string_view name) {
    return std::any_of(health.limits.begin(), health.limits.end(),
                       [&](const auto& limit) { return limit.code == name; });
}

/// Every arrival ended somehow, and is counted once.
void expect_all_counted(const Interval& total) {
    EXPECT_EQ(exchanges(total), total.scheduled);
    EXPECT_EQ(total.steps[0].response_time.count(), total.scheduled);
    EXPECT_EQ(total.started + total.dropped_arrivals, total.scheduled);
}

TEST(Engine, BehindAStalledServerTheWaitIsTheServersDoing) {
    Gate gate;
    ScriptedServer server{[&](Peer& peer) {
        while (peer.read_request()) {
            gate.pass();
            if (!peer.send(http_reply("ok"))) return;
        }
    }};
    EngineOptions options;
    options.connections = 2;
    const auto engine = started(plan_of_text(one_step(server)), options);
    ASSERT_TRUE(engine);
    std::thread stall{[&] {
        std::this_thread::sleep_for(milliseconds{300});
        gate.set(false);
        std::this_thread::sleep_for(milliseconds{600});
        gate.set(true);
    }};
    const auto result = run_window(*engine, open_load(100, milliseconds{1500}));
    stall.join();
    EXPECT_EQ(outcomes(result.total), "ok 150");
    expect_all_counted(result.total);
    // 150 arrivals at 100/s, of which those of 600 ms had to wait, 300 ms in the mean.
    EXPECT_GE(result.total.pool_wait.max(), milliseconds{450});
    EXPECT_GE(result.total.steps[0].response_time.max(), milliseconds{550});
    EXPECT_GE(result.total.pool_wait.share_above(milliseconds{100}), 0.2);
    EXPECT_EQ(result.cap_waits, 0u);
    EXPECT_FALSE(has_limit(health_of(result), "client_limit"));
}

TEST(Engine, WaitsAtATooSmallCapBeforeAQuickServerAreOurOwn) {
    // Stalls of 80 ms in all make the server look slow, and the wait its doing.
    with_patience(milliseconds{40}, []() -> std::string {
        ScriptedServer server{answers_after(milliseconds{20})};
        EngineOptions options;
        options.connections = 1;  // 50/s at most
        const auto engine = started(plan_of_text(one_step(server)), options);
        const auto result = run_window(*engine, open_load(100, seconds{1}));
        EXPECT_EQ(outcomes(result.total), "ok 100");
        EXPECT_EQ(server.used_connections(), 1);
        if (result.cap_waits < 50) return fmt::format("{} cap waits", result.cap_waits);
        EXPECT_TRUE(has_limit(health_of(result), "client_limit"));
        return "";
    });
}

TEST(Engine, WaitsForATooSmallNumberOfUsersAreOurOwn) {
    with_patience(milliseconds{40}, []() -> std::string {  // as above
        ScriptedServer server{answers_after(milliseconds{20})};
        EngineOptions options;
        options.max_users = 1;
        const auto engine = started(plan_of_text(one_step(server)), options);
        const auto result = run_window(*engine, open_load(100, seconds{1}));
        EXPECT_EQ(outcomes(result.total), "ok 100");
        EXPECT_EQ(server.used_connections(), 1);
        return result.cap_waits >= 50 ? "" : fmt::format("{} cap waits", result.cap_waits);
    });
}

TEST(Engine, ArrivalsThatWaitBeyondTheTimeOutAreDroppedAndCounted) {
    ScriptedServer server{answers_after(milliseconds{150})};
    EngineOptions options;
    options.max_users = 1;
    const auto engine = started(plan_of_text(one_step(server, R"(, "timeout": "400ms")")), options);
    ASSERT_TRUE(engine);
    const auto result = run_window(*engine, open_load(50, seconds{1}));
    expect_all_counted(result.total);
    EXPECT_EQ(result.total.scheduled, 50u);
    const auto dropped = count(result.total, Outcome::dropped);
    EXPECT_GE(dropped, 30u);
    EXPECT_EQ(result.total.dropped_arrivals, dropped);
    EXPECT_GE(result.total.steps[0].response_time.unanswered_count(), dropped);
    EXPECT_EQ(result.cap_waits, 0u) << "the server held the only user longer than the SLO allows";
}

TEST(Engine, WhatIsUnansweredAtTheEndIsAbortedAndCountsAsInfinite) {
    std::atomic<bool> silent = true;
    ScriptedServer server{[&](Peer& peer) {
        while (peer.read_request()) {
            if (!silent && !peer.send(http_reply("ok"))) return;
        }
    }};
    const auto engine = started(plan_of_text(one_step(server, R"(, "timeout": "40s")")), {});
    ASSERT_TRUE(engine);
    const auto begin = Clock::now();
    auto result = run_window(*engine, open_load(50, milliseconds{400}, milliseconds{200}));
    EXPECT_LT(Clock::now() - begin, seconds{5});
    EXPECT_EQ(outcomes(result.total), "aborted 20");
    expect_all_counted(result.total);
    const auto& stats = result.total.steps[0];
    EXPECT_EQ(stats.response_time.unanswered_count(), 20u);
    EXPECT_EQ(stats.response_time.quantile(0.01), Histogram::unanswered);
    EXPECT_EQ(stats.service_time.count(), 0u);
    EXPECT_EQ(result.total.journeys[0].response_time.unanswered_count(), 20u);
    EXPECT_THAT(result.answers, testing::ElementsAre(0u));

    silent = false;  // nothing of the last window leaks into the next
    result = run_window(*engine, open_load(50, milliseconds{400}));
    EXPECT_EQ(outcomes(result.total), "ok 20");
    EXPECT_THAT(result.answers, testing::ElementsAre(20u));
}

TEST(Engine, ConnectionsPerRequestAreClosedByUsAndCounted) {
    std::atomic<int> ended = 0;
    ScriptedServer server{[&](Peer& peer) {
        if (!peer.read_request()) return;
        peer.send(http_reply("ok"));
        if (!peer.read_request()) ++ended;  // the client's FIN, and no second request
    }};
    const auto engine =
        started(plan_of_text(one_step(server, "", R"(, "connections": "per-request")")), {});
    ASSERT_TRUE(engine);
    const auto total = run_window(*engine, open_load(100, milliseconds{400})).total;
    EXPECT_EQ(outcomes(total), "ok 40");
    EXPECT_EQ(server.used_connections(), 40);
    EXPECT_THAT(engine->close_connections(), testing::ElementsAre(40u));
    for (int i = 0; ended < 40 && i < 500; ++i) std::this_thread::sleep_for(milliseconds{10});
    EXPECT_EQ(ended, 40);
}

TEST(Engine, ConnectionCloseIsTheServersCloseAndWeConnectAnew) {
    ScriptedServer server{[](Peer& peer) {
        if (!peer.read_request()) return;
        peer.send(http_reply("ok", "Connection: close\r\n"));
        peer.close();
    }};
    const auto engine = started(plan_of_text(one_step(server)), {});
    ASSERT_TRUE(engine);
    const auto total = run_window(*engine, open_load(100, milliseconds{400})).total;
    EXPECT_EQ(outcomes(total), "ok 40");
    EXPECT_EQ(server.used_connections(), 40);
    EXPECT_EQ(total.all_closes(), 0u);
    EXPECT_THAT(engine->close_connections(), testing::ElementsAre(0u));
}

TEST(Engine, APortThatDiesInMidRunIsRefusedAndThenRecovers) {
    // Those under way when it dies are few, as each takes far less than 10 ms, and 50 come while
    // nobody listens; 20 arrivals more or less are a stall of 200 ms, or two of 100 ms.
    with_patience(milliseconds{100}, []() -> std::string {
        ScriptedServer server{answers_with(http_reply("ok"))};
        const auto engine = started(plan_of_text(one_step(server)), {});
        std::thread restart{[&] {
            std::this_thread::sleep_for(milliseconds{300});
            server.stop_listening();
            std::this_thread::sleep_for(milliseconds{500});
            server.listen_again();
        }};
        const auto result = run_window(*engine, open_load(100, milliseconds{1500}));
        restart.join();
        const auto& total = result.total;
        expect_all_counted(total);
        EXPECT_EQ(total.scheduled, 150u);
        const auto refused = count(total, Outcome::connect_refused);
        const auto cut = count(total, Outcome::reset) + count(total, Outcome::closed_early);
        EXPECT_EQ(count(total, Outcome::ok) + refused + cut, 150u) << outcomes(total);
        EXPECT_FALSE(result.out_of_sockets);

        const auto after = run_window(*engine, open_load(100, milliseconds{200})).total;
        EXPECT_EQ(outcomes(after), "ok 20");
        return refused >= 30 && cut <= 20 ? "" : outcomes(total);
    });
}

TEST(Engine, TheObserverEndsTheLoadEarlyAndItIsDrained) {
    ScriptedServer server{answers_after(milliseconds{30})};
    const auto engine = started(plan_of_text(one_step(server)), {});
    ASSERT_TRUE(engine);
    int seen = 0;
    const auto begin = Clock::now();
    const auto result = engine->run(open_load(100, seconds{60}), [&](const SecondOfLoad&) {
        ++seen;
        return false;
    });
    EXPECT_LT(Clock::now() - begin, seconds{20});
    EXPECT_TRUE(result.stopped_early);
    EXPECT_FALSE(result.interrupted);
    EXPECT_GE(seen, 1);
    EXPECT_GE(result.measured, seconds{1});
    EXPECT_LT(result.measured, seconds{15});
    EXPECT_EQ(count(result.total, Outcome::ok), result.total.scheduled) << outcomes(result.total);
    EXPECT_NEAR(static_cast<double>(result.total.scheduled), 100 * to_ms(result.measured) / 1000,
                3);
}

TEST(Engine, TwoWindowsInARowShareTheirConnections) {
    ScriptedServer server{answers_with(http_reply("ok"))};
    const auto engine = started(plan_of_text(one_step(server)), {});
    ASSERT_TRUE(engine);
    const auto first = run_window(*engine, closed_load(8, milliseconds{200})).total;
    const int connections = server.used_connections();
    const auto second = run_window(*engine, closed_load(8, milliseconds{200})).total;
    EXPECT_EQ(count(first, Outcome::ok), exchanges(first));
    EXPECT_EQ(count(second, Outcome::ok), exchanges(second));
    EXPECT_GE(first.connects, 1u);
    EXPECT_LE(connections, 8);
    EXPECT_EQ(second.connects, 0u);
    EXPECT_EQ(server.used_connections(), connections);
    EXPECT_THAT(engine->close_connections(),
                testing::ElementsAre(static_cast<std::uint64_t>(connections)));
}

/// Counts requests by their path, and hands out tokens to those that log in.
class Service {
public:
    ScriptedServer::Script script() {
        return [this](Peer& peer) {
            while (const auto request = peer.read_request()) {
                if (!peer.send(answer(*request))) return;
            }
        };
    }
    int count(const std::string& path) {
        const std::lock_guard lock{mutex_};
        return paths_[path];
    }
    int wrong = 0;                   ///< requests without what they must carry
    int shared = 0;                  ///< a token that two had at the same time
    std::set<std::string> in_use{};  ///< tokens
    std::set<std::string> seen{};

private:
    std::string answer(const std::string& request) {
        std::unique_lock lock{mutex_};
        const auto path = request.substr(5, request.find(' ', 5) - 5);
        const int n = ++paths_[path];
        if (path == "/setup") return http_reply(R"({"event": "e-77"})");
        const bool of_event = request.find("X-Event: e-77\r\n") != request.npos;
        if (!of_event) ++wrong;
        if (path == "/login") return http_reply(fmt::format(R"({{"token": "t-{}"}})", n));
        const auto at = request.find("Bearer t-");
        if (at == request.npos) return ++wrong, http_reply("no token", "", 401);
        const auto token = request.substr(at + 7, request.find("\r\n", at) - at - 7);
        seen.insert(token);
        if (!in_use.insert(token).second) ++shared;
        lock.unlock();
        std::this_thread::sleep_for(milliseconds{10});
        lock.lock();
        in_use.erase(token);
        return http_reply("ok");
    }

    std::mutex mutex_;
    std::map<std::string, int> paths_;
};

std::string with_sessions(const ScriptedServer& server) {
    return fmt::format(R"({{"loadline": 1, "targets": {{"service": "{}"}},
        "setup": [{{"name": "prepare", "http": "POST service/setup", "capture": {{"event": "/event"}}}}],
        "sessions": {{"viewer": {{"count": 5, "start": [
            {{"name": "sign-in", "http": "POST service/login", "headers": {{"X-Event": "${{event}}"}},
              "capture": {{"token": "/token"}}}}]}}}},
        "journeys": {{"bet": {{"as": "viewer", "steps": [
            {{"name": "bet", "http": "POST service/bet",
              "headers": {{"X-Event": "${{event}}", "Authorization": "Bearer ${{token}}"}}}}]}}}}}})",
                       server.url());
}

TEST(Engine, JourneysBorrowSessionsThatSetUpAndLoginPrepared) {
    for (const unsigned threads : {1u, 3u}) {
        SCOPED_TRACE(threads);
        Service service;
        ScriptedServer server{service.script()};
        EngineOptions options;
        options.threads = threads;
        auto engine = started(plan_of_text(with_sessions(server)), options);
        ASSERT_TRUE(engine);
        EXPECT_EQ(service.count("/setup"), 1);
        EXPECT_EQ(service.count("/login"), 5);
        const auto total = run_window(*engine, open_load(300, milliseconds{500})).total;
        EXPECT_EQ(count(total, Outcome::ok), total.scheduled) << outcomes(total);
        EXPECT_EQ(total.scheduled, 150u);
        EXPECT_EQ(service.count("/bet"), 150);
        EXPECT_EQ(service.count("/setup"), 1) << "once, not once a thread";
        const auto crowd = run_window(*engine, closed_load(9, milliseconds{300})).total;
        EXPECT_EQ(count(crowd, Outcome::ok), exchanges(crowd)) << outcomes(crowd);
        engine.reset();
        EXPECT_EQ(service.wrong, 0);
        EXPECT_EQ(service.shared, 0) << "a session has one journey at a time";
        EXPECT_EQ(service.seen.size(), 5u) << "nine users share the five sessions";
    }
}

TEST(Engine, ASetUpOrLoginThatFailsIsAUsageErrorThatNamesTheStep) {
    const struct {
        const char *path, *message;
    } rows[] = {
        {"/setup", R"(step "prepare" ended with http_5xx: HTTP 503 closed today)"},
        {"/login", R"(step "sign-in" ended with http_5xx: HTTP 503 closed today)"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.path);
        ScriptedServer server{[&](Peer& peer) {
            while (const auto request = peer.read_request()) {
                const bool broken = request->find(row.path) != request->npos;
                peer.send(broken ? http_reply("closed today", "", 503)
                                 : http_reply(R"({"event": "e-77", "token": "t"})"));
            }
        }};
        const auto engine = Engine::start(plan_of_text(with_sessions(server)), {});
        ASSERT_FALSE(engine.has_value());
        EXPECT_EQ(engine.error().kind, ErrorKind::usage);
        EXPECT_THAT(engine.error().message, testing::HasSubstr(row.message));
    }
}

TEST(Engine, ThinkTimeIsWaitedAndCountedInNoLatency) {
    ScriptedServer server{answers_with(http_reply("ok"))};
    const auto text = fmt::format(R"({{"loadline": 1, "targets": {{"service": "{}"}},
        "journeys": {{"look": {{"steps": [{{"name": "a", "http": "POST service/a"}}, {{"think": "150ms"}},
            {{"name": "b", "http": "POST service/b"}}]}}}}}})",
                                  server.url());
    // Stalls of 100 ms in all are seen in the latencies.
    with_patience(milliseconds{50}, [&]() -> std::string {
        const auto engine = started(plan_of_text(text), {});
        const auto begin = Clock::now();
        const auto total = run_window(*engine, open_load(50, milliseconds{400})).total;
        EXPECT_GE(Clock::now() - begin, milliseconds{380 + 150}) << "the last one thinks as well";
        EXPECT_EQ(count(total, Outcome::ok), exchanges(total));
        EXPECT_EQ(total.steps[0].count(), 20u);
        EXPECT_EQ(total.journeys[0].count(), 20u);
        // Who comes after 250 ms has its second step due beyond the measured part.
        EXPECT_LE(total.steps[1].count(), 13u);
        if (total.steps[1].count() < 10) return "the second steps were late";
        const auto slowest =
            std::max(total.steps[1].response_time.max(), total.journeys[0].response_time.max());
        return slowest < milliseconds{100} ? "" : fmt::format("{} ms", to_ms(slowest));
    });
}

TEST(Engine, UsersOfAClosedLoadThinkBetweenTheirSteps) {
    ScriptedServer server{answers_with(http_reply("ok"))};
    const auto text = fmt::format(R"({{"loadline": 1, "targets": {{"service": "{}"}},
        "journeys": {{"look": {{"steps": [{{"name": "a", "http": "POST service/a"}}, {{"think": "50ms"}}]}}}}}})",
                                  server.url());
    const auto engine = started(plan_of_text(text), {});
    ASSERT_TRUE(engine);
    const auto total = run_window(*engine, closed_load(4, seconds{1})).total;
    EXPECT_EQ(count(total, Outcome::ok), exchanges(total));
    EXPECT_LE(exchanges(total), 4u * 20) << "none thinks less than 50 ms";
    EXPECT_GE(exchanges(total), 4u * 5);
    EXPECT_LE(server.used_connections(), 4);
}

TEST(Engine, SeveralThreadsAddUp) {
    std::atomic<std::uint64_t> requests = 0;
    ScriptedServer server{[&](Peer& peer) {
        while (peer.read_request()) {
            ++requests;
            if (!peer.send(http_reply("ok"))) return;
        }
    }};
    EngineOptions options;
    options.threads = 3;
    const auto engine = started(plan_of_text(one_step(server)), options);
    ASSERT_TRUE(engine);
    std::uint64_t seconds_sum = 0, at_end = 0;
    auto result = engine->run(open_load(500, seconds{2}), [&](const SecondOfLoad& second) {
        seconds_sum += exchanges(second.measured);
        at_end += second.last;
        return true;
    });
    EXPECT_EQ(outcomes(result.total), "ok 1000");
    expect_all_counted(result.total);
    EXPECT_EQ(seconds_sum, 1000u) << "the seconds add up to the total";
    EXPECT_EQ(at_end, 1u);
    EXPECT_EQ(result.total.all_sent(), 1000u);
    EXPECT_EQ(requests, 1000u);
    EXPECT_THAT(result.answers, testing::ElementsAre(1000u));

    requests = 0;
    result = run_window(*engine, closed_load(7, milliseconds{300}));
    EXPECT_EQ(count(result.total, Outcome::ok), exchanges(result.total));
    EXPECT_EQ(requests, exchanges(result.total));
    EXPECT_GE(result.total.users, 7u) << "2 or 3 of the 7 users on each thread";
}

}  // namespace
}  // namespace loadline

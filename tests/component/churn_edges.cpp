// Churn where something is in its way: servers that misbehave, caps, and the end of the load.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <latch>

#include "churn_case.hpp"

namespace loadline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string of_mode(const Witness& server, std::string_view mode, const std::string& more = {}) {
    return scenario(server.url(), fmt::format(R"("{}": 1{})", mode, more));
}

/// 1536 bytes fill the buffer of a connection, of which the parser uses none.
TEST(ChurnEdges, HalfEndsAtAnAnswerThatIsNoHttp) {
    const struct {
        const char* what;
        std::string answer;
    } rows[] = {
        {"a full buffer", std::string(1536, 'x')},
        {"less than that", std::string(1535, 'x')},
        {"a status line", "HTTP/1.1 twohundred\r\n\r\n"},
        {"a long header", http_reply("ok", "X-Long: " + std::string(100'000, 'x') + "\r\n")},
    };
    for (const auto& [what, answer] : rows) {
        SCOPED_TRACE(what);
        Witness server{answer};
        const auto result = run(of_mode(server, "half"));
        EXPECT_EQ(result.all.started, journeys);
        EXPECT_TRUE(result.result.drained);
        EXPECT_EQ(result.of(ChurnMode::half).closes, journeys) << "our FINs";
        EXPECT_EQ(result.of(ChurnMode::half).server_first, journeys);
        EXPECT_EQ(result.all.churn.fin_to_eof.count(), 0u);
        EXPECT_EQ(result.all.all_closes(), journeys);
        EXPECT_EQ(result.result.answers[0], 0u);
    }
}

/// Users that wait for a connection when the window ends must not get one that was just closed.
TEST(ChurnEdges, UsersThatWaitAtTheEndAreAbortedAndTheNextWindowIsClean) {
    for (const char* churn : {R"("fin-idle": 1)", R"("fin-idle": 1, "open": 1)"}) {
        for (const char* mode : {"pool", "per-session"}) {
            SCOPED_TRACE(fmt::format("{} {}", churn, mode));
            std::atomic<bool> silent = true;
            Witness server{[&](Peer& peer) {
                if (!silent) peer.send(http_reply("ok"));
            }};
            auto text = scenario(server.url(), churn);
            text.insert(1, fmt::format(R"("connections": "{}", )", mode));
            EngineOptions options;
            options.connections = 5;
            const auto plan = plan_of_text(text);
            const auto engine = started(plan, options);
            ASSERT_TRUE(engine);
            Interval all{plan->steps.size(), plan->journeys.size()};
            const auto collect = [&](const SecondOfLoad& part) {
                all.append(part.everything);
                return true;
            };
            auto result =
                engine->run(open_load(100, milliseconds{200}, milliseconds{150}), collect);
            EXPECT_EQ(all.started, journeys);
            const auto churned = all.churn.sum();
            EXPECT_EQ(count(all, Outcome::aborted) + churned.unmeasured + churned.failed, journeys);
            EXPECT_FALSE(result.drained);

            silent = false;
            const auto begin = Clock::now();
            all.clear();
            result = engine->run(open_load(100, milliseconds{200}), collect);
            EXPECT_LT(Clock::now() - begin, seconds{3}) << "nothing is left to wait for";
            EXPECT_TRUE(result.drained);
            EXPECT_EQ(all.started, journeys);
            EXPECT_EQ(count(all, Outcome::ok), exchanges(all)) << outcomes(all);
            EXPECT_EQ(exchanges(all) + all.churn.sum().unmeasured, journeys);
            EXPECT_EQ(all.all_sent(), exchanges(all));
        }
    }
}

/// A journey that reads slowly keeps others from a connection: our own doing.
TEST(ChurnEdges, ConnectionsThatAreLeavingFillTheCap) {
    with_patience(milliseconds{40}, []() -> std::string {
        Witness server{[](Peer& peer) {
            std::this_thread::sleep_for(milliseconds{20});
            peer.send(http_reply(std::string(300, 'x')));
        }};
        EngineOptions options;
        options.connections = 4;
        const auto result =
            run(scenario(server.url(), R"("share": "60%", "slow-read": 1, "slow-rate": 300)"),
                options, open_load(50, seconds{1}, seconds{1}));
        EXPECT_LT(count(result.all, Outcome::ok), 30u);
        const auto waits = result.result.cap_waits;
        return waits >= 10 ? "" : fmt::format("{} cap waits", waits);
    });
}

TEST(ChurnEdges, WaitsOfJourneysThatChurnAtATooSmallCapAreOurOwn) {
    with_patience(milliseconds{40}, []() -> std::string {
        Witness server{[](Peer& peer) {
            std::this_thread::sleep_for(milliseconds{20});
            peer.send(http_reply("ok"));
        }};
        EngineOptions options;
        options.connections = 1;  // less than 50/s
        const auto result = run(of_mode(server, "fin-idle"), options, open_load(100, seconds{1}));
        EXPECT_EQ(outcomes(result.all), "ok 100");
        const auto waits = result.result.cap_waits;
        return waits >= 50 ? "" : fmt::format("{} cap waits", waits);
    });
}

/// One slow answer excuses those who wait then, and nobody later.
TEST(ChurnEdges, ASlowAnswerExcusesOnlyTheQueueThatItMade) {
    with_patience(milliseconds{40}, []() -> std::string {
        std::atomic<int> asked = 0;
        Witness server{[&](Peer& peer) {
            std::this_thread::sleep_for(milliseconds{asked++ == 0 ? 250 : 20});
            peer.send(http_reply("ok"));
        }};
        EngineOptions options;
        options.connections = 1;
        const auto plan = plan_of_text(of_mode(server, "fin-idle"));
        const auto engine = started(plan, options);
        EXPECT_EQ(run_window(*engine, open_load(20, milliseconds{200})).cap_waits, 0u);
        const auto waits = run_window(*engine, open_load(100, seconds{1})).cap_waits;
        return waits >= 50 ? "" : fmt::format("{} cap waits", waits);
    });
}

/// The slowest servers of all: the load is over before the step's time-out.
TEST(ChurnEdges, HalfCountsTheConnectionsThatWereCutOff) {
    std::latch over{1};
    Witness server{[&](Peer& peer) {
        peer.send(http_reply("ok"));
        EXPECT_EQ(peer.read_some(), "");
        peer.wait_until_gone();
        over.wait();
    }};
    const auto result =
        run(of_mode(server, "half"), {}, open_load(100, milliseconds{200}, seconds{1}));
    over.count_down();
    EXPECT_EQ(result.of(ChurnMode::half).closes, journeys);
    EXPECT_EQ(result.all.churn.fin_to_eof.count(), journeys);
    EXPECT_EQ(result.all.churn.fin_to_eof.unanswered_count(), journeys);
    EXPECT_EQ(result.all.all_closes(), journeys);
}

/// A server that takes nothing: the request is never out, so there was no FIN to wait for.
TEST(ChurnEdges, HalfWithoutAFinIsNoWaitForAnEndOfStream) {
    ScriptedServer deaf{[](Peer& peer) {
        peer.read_some(1);
        std::this_thread::sleep_for(milliseconds{900});
    }};
    const auto steps = fmt::format(
        R"({{"name": "put", "http": "POST service/", "body": "{}", "timeout": "200ms"}})",
        std::string(8'000'000, 'x'));
    const auto result = run(scenario(deaf.url(), R"("half": 1)", steps), {},
                            open_load(10, milliseconds{200}, milliseconds{600}));
    EXPECT_EQ(result.of(ChurnMode::half).closes, 2u);
    EXPECT_EQ(result.all.churn.fin_to_eof.count(), 0u);
    EXPECT_EQ(result.all.all_closes(), 2u);
}

/// The user cap drops arrivals that nobody would have measured: no errors of the server.
TEST(ChurnEdges, ArrivalsThatNobodyMeasuresAreDroppedUnmeasured) {
    const struct {
        const char* what;
        AtCap at_cap;
        const char* mode;
    } rows[] = {{"at once", AtCap::drop, "fin-inflight"},
                {"at once", AtCap::drop, "open"},
                {"after the time-out", AtCap::queue, "fin-inflight"}};
    for (const auto& [what, at_cap, mode] : rows) {
        SCOPED_TRACE(fmt::format("{} {}", what, mode));
        Witness server{[](Peer&) {}};
        // The one user thinks before it leaves: the others find none.
        EngineOptions options;
        options.max_users = 1;
        auto window = open_load(100, milliseconds{400}, milliseconds{400});
        window.at_cap = at_cap;
        const auto result = run(
            scenario(
                server.url(), fmt::format(R"("{}": 1)", mode),
                R"({"think": "300ms"}, {"name": "look", "http": "GET service/", "timeout": "100ms"})"),
            options, window);
        EXPECT_EQ(outcomes(result.all), "");
        EXPECT_EQ(result.all.journeys[0].count(), 0u);
        EXPECT_EQ(result.all.scheduled, 40u);
        EXPECT_GE(result.all.dropped_arrivals, 30u);
        EXPECT_EQ(result.all.churn.sum().failed, result.all.dropped_arrivals);
        EXPECT_EQ(result.all.churn.sum().unmeasured, result.all.started);
        EXPECT_EQ(result.all.waiting_ages.count(), 0u);
    }
}

/// An earlier step of the journey would have been measured: its drop is an error as any other.
TEST(ChurnEdges, ArrivalsWithAStepThatIsMeasuredAreDroppedAsAny) {
    Witness server;
    EngineOptions options;
    options.max_users = 1;
    auto window = open_load(100, milliseconds{400});
    window.at_cap = AtCap::drop;
    const auto result = run(
        scenario(
            server.url(), R"("fin-inflight": 1)",
            R"({"name": "a", "http": "GET service/a"}, {"think": "300ms"}, {"name": "b", "http": "GET service/b"})"),
        options, window);
    EXPECT_GE(count(result.all, Outcome::dropped), 30u);
    EXPECT_EQ(count(result.all, Outcome::dropped), result.all.dropped_arrivals);
    EXPECT_EQ(result.all.churn.sum().failed, 0u);
}

TEST(ChurnEdges, HalfTakesAResetForNoEndOfStream) {
    Witness server{[](Peer& peer) {
        EXPECT_EQ(peer.read_some(), "");
        peer.reset();
    }};
    const auto result = run(of_mode(server, "half"));
    EXPECT_EQ(result.of(ChurnMode::half).closes, journeys);
    EXPECT_EQ(result.of(ChurnMode::half).server_first, journeys);
    EXPECT_EQ(result.all.churn.fin_to_eof.count(), 0u);
}

/// 17 bytes at 6 a second, in whole bytes.
TEST(ChurnEdges, SlowReadKeepsARateBelowTenBytesPerSecond) {
    Witness server{"HTTP/1.1 204 \r\n\r\n"};
    const auto result = run(of_mode(server, "slow-read", R"(, "slow-rate": 6)"));
    EXPECT_EQ(result.of(ChurnMode::slow_read).closes, journeys);
    for (const auto& connection : server.seen(journeys)) {
        EXPECT_GE(connection.ended - connection.answered, milliseconds{2500});
    }
}

/// A megabyte at 1 MB/s takes a second; the kernel's buffers hold a part of it back.
TEST(ChurnEdges, SlowReadKeepsALargeRate) {
    with_patience(milliseconds{100}, []() -> std::string {
        Witness server{http_reply(std::string(1'000'000, 'x'))};
        const auto result = run(of_mode(server, "slow-read", R"(, "slow-rate": "1M")"), {},
                                open_load(10, milliseconds{200}));
        EXPECT_EQ(result.of(ChurnMode::slow_read).closes, 2u);
        Duration shortest = seconds{9}, longest{};
        for (const auto& connection : server.seen(2)) {
            shortest = std::min(shortest, connection.ended - connection.asked);
            longest = std::max(longest, connection.ended - connection.asked);
        }
        EXPECT_GE(shortest, milliseconds{800});
        return longest <= milliseconds{1300} ? "" : "it took " + format_duration(longest);
    });
}

/// Half of the cap is kept, and the load may end before the race: neither is a close of the mode.
TEST(ChurnEdges, ConnectionsThatNeverRacedAreCounted) {
    Witness server;
    EngineOptions options;
    options.connections = 20;
    const auto result = run(of_mode(server, "reuse-race", R"(, "idle-timeout": "60s")"), options);
    EXPECT_EQ(outcomes(result.all), "ok 20");
    const auto& counts = result.of(ChurnMode::reuse_race);
    EXPECT_EQ(counts.not_kept, journeys);
    EXPECT_EQ(counts.closes, 0u);
    EXPECT_EQ(result.all.all_closes(), journeys);
}

/// An answer that is no HTTP came from the server, and not as the mode has it.
TEST(ChurnEdges, AnswersThatAreNoHttpHaveTheirOwnColumn) {
    for (const char* mode : {"fin-inflight", "timeout", "slow-read"}) {
        SCOPED_TRACE(mode);
        Witness server{std::string{"what?\r\n\r\n"}};
        const auto more =
            std::string_view{mode} == "fin-inflight" ? R"(, "inflight-after": "1s")" : "";
        const auto result = run(of_mode(server, mode, more));
        const auto sum = result.all.churn.sum();
        EXPECT_EQ(sum.server_first, journeys);
        EXPECT_EQ(sum.answered_first, 0u);
        EXPECT_EQ(sum.closes, 0u);
        EXPECT_EQ(result.all.all_closes(), journeys) << "we closed, and the server should see it";
        EXPECT_EQ(result.result.answers[0], 0u);
    }
}

}  // namespace
}  // namespace loadline

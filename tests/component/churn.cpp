// How clients end their connections: what the server sees of each mode, and what is counted.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include <latch>
#include <mutex>
#include <thread>

#include "churn_case.hpp"

namespace loadline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The journeys' last exchanges count as transactions, or nowhere.
void expect_measured(const Run& run, ChurnMode mode) {
    EXPECT_EQ(outcomes(run.all), fmt::format("ok {}", journeys));
    EXPECT_EQ(run.all.journeys[0].count(), journeys);
    EXPECT_EQ(run.of(mode).unmeasured, 0u);
    EXPECT_EQ(run.all.all_sent(), journeys);
}

void expect_unmeasured(const Run& run, ChurnMode mode) {
    EXPECT_EQ(outcomes(run.all), "");
    EXPECT_EQ(run.all.steps[0].response_time.count(), 0u);
    EXPECT_EQ(run.all.journeys[0].count(), 0u);
    EXPECT_EQ(run.all.started, journeys);
    EXPECT_EQ(run.of(mode).unmeasured, journeys);
    EXPECT_EQ(run.all.all_sent(), mode == ChurnMode::open ? 0 : journeys);
    EXPECT_TRUE(run.result.drained);
}

/// All connections ended in this mode, by us, and nothing else was closed.
void expect_closes(const Run& run, ChurnMode mode, std::uint64_t n = journeys) {
    EXPECT_EQ(run.of(mode).closes, n);
    EXPECT_EQ(run.all.churn.sum().closes, n);
    EXPECT_EQ(run.all.all_closes(), n);
    EXPECT_EQ(run.all.churn.sum().server_first, 0u);
    EXPECT_EQ(run.all.churn.sum().failed, 0u);
}

/// What the server saw of each of the journeys' connections: one request was answered, and then
/// the client left.
std::vector<Seen> seen_after_the_answer(ChurnMode mode) {
    Witness server;
    const auto result = run(scenario(server.url(), fmt::format(R"("{}": 1)", to_string(mode))));
    expect_measured(result, mode);
    expect_closes(result, mode);
    auto seen = server.seen(journeys);
    EXPECT_EQ(seen.size(), journeys);
    for (const auto& connection : seen) EXPECT_EQ(connection.requests, 1u);
    return seen;
}

TEST(Churn, FinIdleReadsTheAnswerAndCloses) {
    for (const auto& connection : seen_after_the_answer(ChurnMode::fin_idle)) {
        EXPECT_EQ(connection.rest, "");
        EXPECT_FALSE(connection.reset);
        EXPECT_EQ(connection.state, TCP_CLOSE_WAIT);
    }
}

TEST(Churn, RstIdleReadsTheAnswerAndResets) {
    for (const auto& connection : seen_after_the_answer(ChurnMode::rst_idle)) {
        EXPECT_TRUE(connection.reset);
        EXPECT_EQ(connection.state, TCP_CLOSE) << "a reset leaves no CLOSE_WAIT";
    }
}

/// The server answers only when the client has left: it was still at work then.
TEST(Churn, InFlightEndsBeforeTheAnswer) {
    for (const auto mode : {ChurnMode::fin_inflight, ChurnMode::rst_inflight}) {
        SCOPED_TRACE(to_string(mode));
        Witness server{[](Peer&) {}};
        const auto result = run(scenario(server.url(), fmt::format(R"("{}": 1)", to_string(mode))));
        expect_unmeasured(result, mode);
        expect_closes(result, mode);
        const auto seen = server.seen(journeys);
        EXPECT_EQ(seen.size(), journeys);
        for (const auto& connection : seen) {
            // A reset behind the request may overtake it.
            if (mode == ChurnMode::fin_inflight) {
                EXPECT_EQ(connection.requests, 1u);
                EXPECT_EQ(connection.state, TCP_CLOSE_WAIT);
            }
            EXPECT_EQ(connection.reset, mode == ChurnMode::rst_inflight);
        }
    }
}

/// Empty, or how far from 400 ms behind their requests the connections ended. A server that looks
/// late at a request takes the pause for shorter, one that looks late at a FIN for longer.
std::string not_after_400_ms(const std::vector<Seen>& seen) {
    Duration shortest = seconds{9}, longest{};
    for (const auto& connection : seen) {
        shortest = std::min(shortest, connection.ended - connection.asked);
        longest = std::max(longest, connection.ended - connection.asked);
    }
    if (shortest >= milliseconds{390} && longest <= milliseconds{500}) return "";
    return fmt::format("{} to {}", format_duration(shortest), format_duration(longest));
}

TEST(Churn, InFlightLeavesWhenInflightAfterSays) {
    with_patience(milliseconds{5}, []() -> std::string {
        Witness server{[](Peer&) {}};
        const auto result =
            run(scenario(server.url(), R"("fin-inflight": 1, "inflight-after": "400ms")"));
        expect_unmeasured(result, ChurnMode::fin_inflight);
        expect_closes(result, ChurnMode::fin_inflight);
        const auto seen = server.seen(journeys);
        for (const auto& connection : seen) EXPECT_FALSE(connection.reset);
        return not_after_400_ms(seen);
    });
}

/// Nothing is measured however fast the server is: else only its quick answers would count.
TEST(Churn, InFlightIsNotMeasuredWhenTheAnswerComesFirst) {
    for (const auto mode : {ChurnMode::fin_inflight, ChurnMode::rst_inflight}) {
        SCOPED_TRACE(to_string(mode));
        Witness server;
        const auto result = run(scenario(
            server.url(), fmt::format(R"("{}": 1, "inflight-after": "1s")", to_string(mode))));
        expect_unmeasured(result, mode);
        EXPECT_EQ(result.of(mode).answered_first, journeys);
        EXPECT_EQ(result.of(mode).closes, 0u);
        EXPECT_EQ(result.all.all_closes(), journeys);
        for (const auto& connection : server.seen(journeys)) {
            EXPECT_EQ(connection.reset, mode == ChurnMode::rst_inflight);
        }
    }
}

TEST(Churn, TimeoutGivesUpAndCloses) {
    with_patience(milliseconds{5}, []() -> std::string {
        Witness server{[](Peer&) {}};
        const auto result =
            run(scenario(server.url(), R"("timeout": 1, "timeout-after": "400ms")"));
        expect_unmeasured(result, ChurnMode::timeout);
        expect_closes(result, ChurnMode::timeout);
        const auto seen = server.seen(journeys);
        for (const auto& connection : seen) {
            EXPECT_FALSE(connection.reset);
            EXPECT_EQ(connection.state, TCP_CLOSE_WAIT);
        }
        return not_after_400_ms(seen);
    });
}

/// The answer comes after the FIN, over the half that is still open; then the server closes.
TEST(Churn, HalfReadsToTheEndOfStream) {
    Witness server{[](Peer& peer) {
        EXPECT_EQ(peer.read_some(), "");  // its FIN
        EXPECT_FALSE(peer.was_reset());
        EXPECT_EQ(peer.tcp_state(), TCP_CLOSE_WAIT);
        peer.send(http_reply("late"));
        std::this_thread::sleep_for(milliseconds{60});
        EXPECT_EQ(peer.tcp_state(), TCP_CLOSE_WAIT) << "the client did not mind the answer";
    }};
    const auto result = run(scenario(server.url(), R"("half": 1)"));
    expect_unmeasured(result, ChurnMode::half);
    expect_closes(result, ChurnMode::half);
    EXPECT_EQ(result.result.answers[0], journeys);
    const auto& times = result.all.churn.fin_to_eof;
    EXPECT_EQ(times.count(), journeys);
    EXPECT_EQ(times.unanswered_count(), 0u);
    EXPECT_GE(times.min(), milliseconds{55});
    EXPECT_LT(times.quantile(0.5), milliseconds{500});
    EXPECT_EQ(server.seen(journeys).size(), journeys);
}

/// A server that forgets to close: the client waits as long as the step's time-out, no longer.
TEST(Churn, HalfSaysThatNoEndOfStreamCame) {
    Witness server{[](Peer& peer) {
        peer.send(http_reply("ok"));
        EXPECT_EQ(peer.read_some(), "");
        std::this_thread::sleep_for(milliseconds{600});
    }};
    const auto result =
        run(scenario(server.url(), R"("half": 1)",
                     R"({"name": "look", "http": "GET service/", "timeout": "200ms"})"));
    expect_unmeasured(result, ChurnMode::half);
    expect_closes(result, ChurnMode::half);
    EXPECT_EQ(result.all.churn.fin_to_eof.unanswered_count(), journeys);
}

TEST(Churn, OpenSendsNothing) {
    Witness server;
    const auto result = run(scenario(server.url(), R"("open": 1)"));
    expect_unmeasured(result, ChurnMode::open);
    expect_closes(result, ChurnMode::open);
    const auto seen = server.seen(journeys);
    EXPECT_EQ(seen.size(), journeys);
    for (const auto& connection : seen) {
        EXPECT_EQ(connection.requests, 0u);
        EXPECT_EQ(connection.rest, "");
        EXPECT_FALSE(connection.reset);
    }
}

TEST(Churn, PartialSendsHalfOfTheHeadOrOfTheBody) {
    const struct {
        const char* step;
        const char* ends_with;
        bool whole_head;
    } rows[] = {
        {R"({"name": "look", "http": "GET service/a-path-that-is-longer-than-all-the-headers-that-stand-behind-it-here"})",
         "", false},
        {R"({"name": "put", "http": "POST service/", "body": "0123456789"})", "\r\n\r\n01234",
         true},
    };
    for (const auto& [step, ends_with, whole_head] : rows) {
        SCOPED_TRACE(step);
        Witness server;
        const auto result = run(scenario(server.url(), R"("partial": 1)", step));
        expect_unmeasured(result, ChurnMode::partial);
        expect_closes(result, ChurnMode::partial);
        const auto seen = server.seen(journeys);
        EXPECT_EQ(seen.size(), journeys);
        for (const auto& connection : seen) {
            EXPECT_EQ(connection.requests, 0u);
            EXPECT_EQ(connection.rest.find("\r\n\r\n") != std::string::npos, whole_head);
            EXPECT_THAT(connection.rest, testing::EndsWith(ends_with));
            EXPECT_THAT(connection.rest, testing::AnyOf(testing::StartsWith("GET /a-path"),
                                                        testing::StartsWith("POST / ")));
            EXPECT_FALSE(connection.reset);
        }
    }
}

/// 5000 bytes at 10 kB/s take half a second.
TEST(Churn, SlowReadTakesItsTime) {
    Witness server{http_reply(std::string(5000, 'x'))};
    const auto result = run(scenario(server.url(), R"("slow-read": 1, "slow-rate": "10k")"));
    expect_unmeasured(result, ChurnMode::slow_read);
    expect_closes(result, ChurnMode::slow_read);
    for (const auto& connection : server.seen(journeys)) {
        EXPECT_GE(connection.ended - connection.answered, milliseconds{400});
        EXPECT_FALSE(connection.reset);
    }
}

/// What does not fit into the client's small buffers stays with the server, which must wait.
TEST(Churn, SlowReadHoldsALargeAnswerBack) {
    Witness server{[](Peer& peer) {
        const auto began = Clock::now();
        peer.send(http_reply(std::string(4'000'000, 'x')));  // ends when the client leaves
        EXPECT_GE(Clock::now() - began, milliseconds{300});
    }};
    const auto result =
        run(scenario(server.url(), R"("slow-read": 1)",
                     R"({"name": "look", "http": "GET service/", "timeout": "800ms"})"));
    expect_unmeasured(result, ChurnMode::slow_read);
    expect_closes(result, ChurnMode::slow_read);
}

TEST(Churn, ReuseRaceSendsAgainAtTheIdleTimeOut) {
    std::mutex mutex;
    std::vector<Duration> pauses;
    Witness server{[&](Peer& peer) {
        const auto answered = Clock::now();  // at the latest: the client's pause is no longer
        peer.send(http_reply("ok"));
        if (!peer.read_request()) return;
        peer.send(http_reply("ok"));
        const std::lock_guard lock{mutex};
        pauses.push_back(Clock::now() - answered);
    }};
    const auto result =
        run(scenario(server.url(),
                     R"("reuse-race": 1, "idle-timeout": "150ms", "idle-jitter": "50ms")"),
            {}, open_load(100, seconds{2}));
    // Those that are answered by 1.8 s race within the load; the others are closed after it.
    EXPECT_EQ(outcomes(result.all), "ok 200");
    const auto& counts = result.of(ChurnMode::reuse_race);
    EXPECT_GE(counts.closes, 130u);
    EXPECT_EQ(counts.closes, counts.unmeasured);
    EXPECT_EQ(counts.server_first, 0u);
    EXPECT_EQ(counts.closes + counts.not_kept, 200u);
    EXPECT_EQ(result.all.all_closes(), 200u);
    const std::lock_guard lock{mutex};
    ASSERT_GE(pauses.size(), 130u);
    EXPECT_GE(*std::min_element(pauses.begin(), pauses.end()), milliseconds{100});
    EXPECT_LT(*std::min_element(pauses.begin(), pauses.end()), milliseconds{150});
    EXPECT_GT(*std::max_element(pauses.begin(), pauses.end()), milliseconds{160});
}

/// A server that closes just before: the request meets a closed connection, and is no error.
TEST(Churn, ReuseRaceCountsTheRacesItLost) {
    ScriptedServer server{[](Peer& peer) {
        if (!peer.read_request() || !peer.send(http_reply("ok"))) return;
        std::this_thread::sleep_for(milliseconds{100});  // then it ends
    }};
    const auto result = run(
        scenario(server.url(), R"("reuse-race": 1, "idle-timeout": "150ms", "idle-jitter": "0")"),
        {}, open_load(100, seconds{2}));
    EXPECT_EQ(outcomes(result.all), "ok 200");
    EXPECT_GE(result.of(ChurnMode::reuse_race).server_first, 130u);
    EXPECT_EQ(result.of(ChurnMode::reuse_race).closes, 0u);
}

TEST(Churn, BurstEndClosesAllAtOnceAtTheEnd) {
    // The last is answered 10 ms before the burst: a stall makes one of the two.
    with_patience(milliseconds{5}, []() -> std::string {
        Witness server;
        const auto result = run(scenario(server.url(), R"("burst-end": 1, "burst-size": 15)"));
        expect_measured(result, ChurnMode::burst_end);
        const auto& counts = result.of(ChurnMode::burst_end);
        EXPECT_EQ(counts.closes + counts.not_kept, journeys);
        EXPECT_EQ(result.all.all_closes(), journeys) << "those beyond the size are closed at once";
        const auto seen = server.seen(journeys);
        EXPECT_EQ(seen.size(), journeys);
        TimePoint last_answer{};
        for (const auto& connection : seen) {
            EXPECT_FALSE(connection.reset);
            last_answer = std::max(last_answer, connection.answered);
        }
        const auto at_the_end = std::count_if(seen.begin(), seen.end(), [&](const Seen& c) {
            return c.ended > last_answer + milliseconds{2};
        });
        if (counts.closes == 15 && at_the_end >= 14) return "";
        return fmt::format("{} closed by the burst, {} seen after the last answer", counts.closes,
                           at_the_end);
    });
}

/// A journey keeps its one connection, and only the last exchange on it is abandoned.
TEST(Churn, OfAJourneyOfSeveralStepsEndsTheLast) {
    Witness server;
    const auto steps =
        R"({"name": "a", "http": "GET service/a"}, {"name": "b", "http": "POST service/b"},
                          {"name": "c", "http": "GET service/c"})";
    const auto result = run(scenario(server.url(), R"("half": 1)", steps));
    EXPECT_EQ(outcomes(result.all), "ok 40");
    EXPECT_EQ(result.all.steps[2].count(), 0u);
    EXPECT_EQ(result.all.journeys[0].count(), 0u);
    EXPECT_EQ(result.of(ChurnMode::half).unmeasured, journeys);
    expect_closes(result, ChurnMode::half);
    const auto seen = server.seen(journeys);
    EXPECT_EQ(seen.size(), journeys);
    for (const auto& connection : seen) EXPECT_EQ(connection.requests, 3u);
}

/// An earlier step fails: the journey ends there, and its connection as any other.
TEST(Churn, OfAJourneyThatFailsBeforeIsNoCloseOfTheMode) {
    Witness server{http_reply("no", "", 503)};
    const auto steps =
        R"({"name": "a", "http": "GET service/a"}, {"name": "b", "http": "GET service/b"})";
    const auto result = run(scenario(server.url(), R"("rst-inflight": 1)", steps));
    EXPECT_EQ(outcomes(result.all), "http_5xx 20");
    EXPECT_EQ(result.all.churn.sum().closes, 0u);
    EXPECT_EQ(result.all.all_closes(), journeys);
    for (const auto& connection : server.seen(journeys)) EXPECT_FALSE(connection.reset);
}

TEST(Churn, WithoutAConnectionIsCountedApartWhereNothingIsMeasured) {
    Witness server;
    const auto plan = plan_of_text(scenario(server.url(), R"("fin-inflight": 1, "open": 1)"));
    const auto engine = started(plan, {});
    ASSERT_TRUE(engine);
    server.server().stop_listening();
    const auto result = run_window(*engine, open_load(100, milliseconds{200}));
    EXPECT_EQ(outcomes(result.total), "");
    EXPECT_EQ(result.total.churn.sum().failed, journeys);
    EXPECT_EQ(result.total.churn.sum().closes, 0u);
    ASSERT_FALSE(result.examples.empty());
    EXPECT_EQ(result.examples[0].outcome, Outcome::connect_refused);
}

constexpr const char* impatient = R"({"name": "look", "http": "GET service/", "timeout": "100ms"})";

/// What the server may still be working on when we have left: by each mode, and by whom it is known
/// that an answer was awaited.
TEST(Churn, RequestsWithoutAnAnswerAreCountedByTheirStep) {
    struct {
        ChurnMode mode;
        std::uint64_t given_up, left_in_flight;
    } constexpr rows[] = {
        {ChurnMode::fin_idle, journeys, 0},  {ChurnMode::half, journeys, 0},
        {ChurnMode::slow_read, journeys, 0}, {ChurnMode::fin_inflight, 0, journeys},
        {ChurnMode::timeout, 0, journeys},   {ChurnMode::rst_inflight, 0, 0},
        {ChurnMode::partial, 0, 0},          {ChurnMode::open, 0, 0},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(to_string(row.mode));
        const auto more = row.mode == ChurnMode::timeout ? R"(, "timeout-after": "20ms")" : "";
        const auto churn = fmt::format(R"("{}": 1{})", to_string(row.mode), more);
        std::latch all_have_left{1};  // until then the server is at work, however long they take
        Witness at_work{[&](Peer&) { all_have_left.wait(); }};
        const auto step = run(scenario(at_work.url(), churn, impatient)).all.steps[0];
        all_have_left.count_down();
        EXPECT_EQ(step.given_up, row.given_up);
        EXPECT_EQ(step.left_in_flight, row.left_in_flight);
    }
    for (const auto mode : {ChurnMode::fin_idle, ChurnMode::half, ChurnMode::slow_read}) {
        SCOPED_TRACE(to_string(mode));
        Witness quick;
        const auto churn = fmt::format(R"("{}": 1)", to_string(mode));
        const auto step = run(scenario(quick.url(), churn)).all.steps[0];
        EXPECT_EQ(step.sent, journeys);
        EXPECT_EQ(step.given_up + step.left_in_flight, 0u);
    }
}

/// Who waits for a connection to the end has sent nothing that the server could work on.
TEST(Churn, WhatWasNeverSentIsNotWithoutAnAnswer) {
    Witness silent{[](Peer&) {}};
    EngineOptions options;
    options.connections = 1;
    const auto& all = run(scenario(silent.url(), R"("share": "1%", "fin-idle": 1)"), options).all;
    EXPECT_EQ(outcomes(all), "aborted 20");
    EXPECT_LT(all.all_sent(), journeys);
    EXPECT_EQ(all.steps[0].given_up, all.all_sent());
}

/// Each journey draws its mode from a stream of its own: chi-squared over 4000 of them, and the
/// very same again with the same seed.
TEST(Churn, ModesFollowTheirWeightsAndTheSeed) {
    Witness server;
    const auto text = scenario(
        server.url(), R"("share": "50%", "fin-idle": 60, "rst-idle": 10, "half": 20, "open": 10)");
    const auto counts = [&](std::uint64_t seed, unsigned threads) {
        EngineOptions options;
        options.threads = threads;
        auto window = open_load(2000, seconds{2});
        window.seed = seed;
        const auto result = run(text, options, window);
        std::vector<std::uint64_t> closes;
        for (const auto mode :
             {ChurnMode::fin_idle, ChurnMode::rst_idle, ChurnMode::half, ChurnMode::open}) {
            closes.push_back(result.of(mode).closes);
        }
        const auto sum = result.all.churn.sum();
        EXPECT_EQ(sum.failed + sum.server_first, 0u);
        EXPECT_EQ(exchanges(result.all) + sum.unmeasured, 4000u) << outcomes(result.all);
        closes.push_back(4000 - sum.closes);
        return closes;
    };
    const auto first = counts(7, 1);
    const double expected[] = {1200, 200, 400, 200, 2000};
    double chi = 0;
    for (std::size_t i = 0; i < first.size(); ++i) {
        const double off = static_cast<double>(first[i]) - expected[i];
        chi += off * off / expected[i];
    }
    EXPECT_LT(chi, 18.5) << "4 degrees of freedom, p = 0.001; " << testing::PrintToString(first);
    EXPECT_EQ(counts(7, 1), first);
    EXPECT_NE(counts(8, 1), first);
}

/// Users of a closed loop, each with a connection of its own besides: nobody gets another's.
TEST(Churn, GoesWithAClosedLoopAndConnectionsOfEachSession) {
    for (const char* mode : {"pool", "per-session", "per-request"}) {
        SCOPED_TRACE(mode);
        Witness server;
        auto text = scenario(
            server.url(),
            R"("share": "60%", "fin-idle": 1, "rst-inflight": 1, "half": 1, "open": 1, "partial": 1)",
            R"({"name": "a", "http": "GET service/a"}, {"name": "b", "http": "GET service/b"})");
        text.insert(1, fmt::format(R"("connections": "{}", )", mode));
        const auto result = run(text, {}, closed_load(4, milliseconds{400}));
        const auto sum = result.all.churn.sum();
        EXPECT_GT(sum.unmeasured, 20u);
        // A stall between our request and our reset lets the answer come first.
        EXPECT_EQ(sum.closes + sum.answered_first,
                  sum.unmeasured + result.of(ChurnMode::fin_idle).closes);
        EXPECT_EQ(sum.failed + sum.server_first, 0u);
        const auto open = result.of(ChurnMode::open).unmeasured;
        EXPECT_EQ(exchanges(result.all) + sum.unmeasured, 2 * result.all.started - open)
            << outcomes(result.all);
        EXPECT_EQ(result.all.journeys[0].count() + sum.unmeasured, result.all.started);
        EXPECT_EQ(count(result.all, Outcome::ok), exchanges(result.all)) << outcomes(result.all);
    }
}

/// The cap holds for both kinds of connections together, and neither starves.
TEST(Churn, SharesTheCapOfItsTarget) {
    Witness server;
    EngineOptions options;
    options.connections = 3;
    std::uint64_t most = 0;
    const auto plan =
        plan_of_text(scenario(server.url(), R"("share": "50%", "fin-idle": 1, "burst-end": 1)"));
    const auto engine = started(plan, options);
    ASSERT_TRUE(engine);
    auto window = open_load(200, seconds{1});
    window.tick = milliseconds{50};
    Interval all{1, 1};
    engine->run(
        window, [](const SecondOfLoad&) { return true; },
        [&](const SecondOfLoad& part) {
            all.append(part.everything);
            most = std::max(most, part.everything.connections);
            return true;
        });
    EXPECT_EQ(outcomes(all), "ok 200");
    EXPECT_LE(most, 3u);
    EXPECT_GT(all.churn.of(ChurnMode::fin_idle).closes, 20u);
}

}  // namespace
}  // namespace loadline

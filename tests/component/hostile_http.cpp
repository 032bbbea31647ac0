// HTTP servers that misbehave: each has its outcome, costs bounded memory, and leaves the next
// exchange in peace. Replies that are odd but right are understood. What a user sees of it is
// in e2e/test_hostile_servers.py.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine_case.hpp"
#include "scripted_server.hpp"

namespace loadline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string ok = "HTTP/1.1 200 OK\r\n";
const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
constexpr std::size_t mib = 1 << 20;

struct Row {
    const char* name;
    std::function<void(Peer&)> misbehave;
    Outcome outcome;
    bool keeps_body = false;
};

std::function<void(Peer&)> says(std::string text) {
    return [text = std::move(text)](Peer& peer) {
        peer.send(text);
        peer.close();
    };
}

std::function<void(Peer&)> resets_after(std::string text) {
    return [text = std::move(text)](Peer& peer) {
        peer.send(text);
        // Let the client read first: a reset throws away what it has not read yet.
        std::this_thread::sleep_for(milliseconds{5});
        peer.reset();
    };
}

std::function<void(Peer&)> floods(std::string first, std::string again, std::size_t most) {
    return [first = std::move(first), again = std::move(again), most](Peer& peer) {
        peer.send(first);
        peer.flood(again, most);
        peer.close();
    };
}

/// One step of POST, which no client may repeat by itself.
std::string scenario(const ScriptedServer& server, bool keeps_body, const std::string& more = {},
                     const char* method = "POST") {
    return fmt::format(R"({{"loadline": 1, "targets": {{"service": "{}"}},
        "journeys": {{"ask": {{"steps": [{{"name": "ask", "http": "{} service/" {} {}}}]}}}}}})",
                       server.url(), method,
                       keeps_body ? R"(, "expect": {"bodyContains": "o"})" : "", more);
}

/// One connection, so that the exchanges go one after the other.
EngineOptions one_connection() {
    EngineOptions options;
    options.connections = 1;
    return options;
}

/// 20 exchanges, every other one broken.
void expect_every_other(const Row& row) {
    SCOPED_TRACE(row.name);
    ScriptedServer server{every_other(http_reply("ok"), row.misbehave)};
    const auto engine = started(plan_of_text(scenario(server, row.keeps_body)), one_connection());
    ASSERT_TRUE(engine);
    const auto total = run_window(*engine, open_load(100, milliseconds{200})).total;
    EXPECT_EQ(outcomes(total), fmt::format("ok 10, {} 10", to_string(row.outcome)));
}

/// The same, and what it costs at its peak: at most so much of the 100 MiB and more that are
/// sent or promised. Some 25 MiB are the engine's, the threads' and the allocator's own.
void expect_every_other_within(const Row& row, std::uint64_t most) {
    const MemoryPeak memory;
    expect_every_other(row);
    if (const auto growth = memory.growth(); growth && !sanitized) {
        EXPECT_LT(*growth, most) << row.name;
    }
}

TEST(HostileHttp, EachBreakHasItsOutcomeAndTheNextExchangeWorks) {
    const Row rows[] = {
        {"an immediate close", [](Peer& peer) { peer.close(); }, Outcome::closed_early},
        {"an immediate reset", [](Peer& peer) { peer.reset(); }, Outcome::reset},
        {"a reset in the status line", resets_after("HTTP/1.1 2"), Outcome::reset},
        {"a reset in the header", resets_after(ok + "Content-Le"), Outcome::reset},
        {"a reset in a chunk", resets_after(chunked + "5\r\nhel"), Outcome::reset},
        {"a reset of a close-delimited body", resets_after(ok + "\r\nhello"), Outcome::reset},
        {"a Content-Length that is too long, then a half-close",
         [](Peer& peer) {
             peer.send(ok + "Content-Length: 10\r\n\r\nhello");
             peer.half_close();
             peer.wait_until_gone();
         },
         Outcome::closed_early},
        {"a close between chunks", says(chunked + "2\r\nok\r\n"), Outcome::closed_early},
        {"a close in the trailer", says(chunked + "2\r\nok\r\n0\r\nX: a\r\n"),
         Outcome::closed_early},
        {"a close behind 100 Continue", says("HTTP/1.1 100 Continue\r\n\r\n"),
         Outcome::closed_early},
        {"a TLS alert", says(std::string{"\x15\x03\x01\x00\x02\x02\x46", 7}),
         Outcome::closed_early},
        {"an HTTP/2 server's settings",
         says(std::string{"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\r\n\r\n",
                          19}),
         Outcome::protocol_error},
        {"a reply without a header, as in HTTP/0.9", says("<html>ok</html>\r\n\r\n"),
         Outcome::protocol_error},
        {"a status of four digits", says("HTTP/1.1 2000 OK\r\n\r\n"), Outcome::protocol_error},
        {"a NUL in a header", says(ok + std::string{"X: \0\r\n\r\n", 8}), Outcome::protocol_error},
        {"a header line without a name", says(ok + ": x\r\n\r\n"), Outcome::protocol_error},
        {"a Content-Length and chunks",
         says(ok + "Content-Length: 2\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
         Outcome::protocol_error},
        {"a chunk without a length", says(chunked + "\r\nok\r\n"), Outcome::protocol_error},
        {"a negative chunk length", says(chunked + "-2\r\nok\r\n"), Outcome::protocol_error},
        {"a chunk length beyond 64 bits", says(chunked + "10000000000000000\r\nok\r\n"),
         Outcome::protocol_error},
        {"a chunk without its end", says(chunked + "2\r\nokXX0\r\n\r\n"), Outcome::protocol_error},
    };
    for (const auto& row : rows) expect_every_other(row);
}

TEST(HostileHttp, EndlessRepliesCostBoundedMemory) {
    const auto interim = "HTTP/1.1 103 Early Hints\r\nLink: " + std::string(1000, 'a') + "\r\n\r\n";
    const Row rows[] = {
        {"a million 1xx with headers", floods("", interim, 1'000'000 * interim.size()),
         Outcome::protocol_error},
        {"a chunk extension without end", floods(chunked + "1;x=", "a", 100 * mib),
         Outcome::protocol_error},
        {"trailers without end", floods(chunked + "1\r\na\r\n0\r\n", "X: a\r\n", 100 * mib),
         Outcome::protocol_error},
        {"a status line without end", floods("HTTP/1.1 200 ", "O", 100 * mib),
         Outcome::protocol_error},
        {"a kept body without end, in chunks",
         floods(chunked, "400\r\n" + std::string(1024, 'o') + "\r\n", 100 * mib),
         Outcome::protocol_error, true},
        {"a kept body without end, until the close", floods(ok + "\r\n", "o", 100 * mib),
         Outcome::protocol_error, true},
    };
    for (const auto& row : rows) {
        // A kept body may have 16 MiB, in a buffer that doubles: 48 MiB while it is copied.
        expect_every_other_within(row, (row.keeps_body ? 90 : 48) * mib);
    }
}

TEST(HostileHttp, AKeptBodyBeyond16MiBIsRefusedByItsHeader) {
    std::atomic<std::size_t> most = 0;
    const auto promise = [&](Peer& peer) {
        peer.send(ok + "Content-Length: 17000000\r\n\r\n");
        most = std::max(most.load(), peer.flood("o", 17'000'000));
    };
    expect_every_other({"17 MB", promise, Outcome::protocol_error, true});
    EXPECT_LT(most, 8 * mib) << "what the sockets' buffers take; not the whole body";
}

TEST(HostileHttp, ABodyThatNobodyReadsStreamsThrough) {
    constexpr std::size_t size = 40 * mib;
    ScriptedServer server{[&](Peer& peer) {
        while (peer.read_request()) {
            peer.send(ok + fmt::format("Content-Length: {}\r\n\r\n", size));
            peer.flood("o", size);
        }
    }};
    const auto engine = started(plan_of_text(scenario(server, false)), one_connection());
    ASSERT_TRUE(engine);
    const MemoryPeak memory;
    const auto total = run_window(*engine, open_load(10, milliseconds{500})).total;
    EXPECT_EQ(outcomes(total), "ok 5");
    EXPECT_EQ(server.used_connections(), 1);
    EXPECT_GE(total.steps[0].bytes_in, 5 * size);
    if (const auto growth = memory.growth(); growth && !sanitized) {
        EXPECT_LT(*growth, 32 * mib);
    }
}

/// Replies to exchanges that are all fine, and whether the connection may be used again.
TEST(HostileHttp, OddButRightRepliesAreUnderstood) {
    const struct {
        const char* name;
        const char* method;
        std::string reply;
        bool reused;
    } rows[] = {
        {"HEAD with a Content-Length", "HEAD", ok + "Content-Length: 1000\r\n\r\n", true},
        {"HEAD with chunks", "HEAD", chunked, true},
        {"HEAD without a length", "HEAD", ok + "\r\n", true},
        {"204 with a Content-Length", "POST",
         "HTTP/1.1 204 No Content\r\nContent-Length: 1000\r\n\r\n", true},
        {"304 with a Content-Length", "GET",
         "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n", true},
        {"1xx before the reply", "POST",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" +
             http_reply("ok"),
         true},
        {"1xx before a 204", "POST",
         "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", true},
        {"chunks with extensions and trailers", "GET",
         chunked + "1;a=\"b\"\r\no\r\n1\r\nk\r\n0\r\nX-Sum: 1\r\n\r\n", true},
        {"an empty body", "GET", http_reply(""), true},
        {"a header of 15 KiB", "GET", http_reply("ok", "X: " + std::string(15'000, 'x') + "\r\n"),
         true},
        {"a Content-Length that is too short", "GET", http_reply("ok") + "and more", false},
        {"two replies at once", "GET", http_reply("ok") + http_reply("ok"), false},
        {"Connection: close", "GET", http_reply("ok", "Connection: close\r\n"), false},
        {"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false},
        {"HTTP/1.0 with keep-alive", "GET",
         "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", true},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        ScriptedServer server{answers_with(row.reply)};
        const auto engine =
            started(plan_of_text(scenario(server, false, "", row.method)), one_connection());
        ASSERT_TRUE(engine);
        const auto total = run_window(*engine, open_load(100, milliseconds{100})).total;
        EXPECT_EQ(outcomes(total), "ok 10");
        EXPECT_EQ(server.used_connections(), row.reused ? 1 : 10);
    }
}

TEST(HostileHttp, ABodyUntilTheCloseIsWholeAndTheNextExchangeConnectsAnew) {
    for (const bool half : {false, true}) {
        ScriptedServer server{[&](Peer& peer) {
            if (!peer.read_request()) return;
            peer.send(ok + "\r\n" + std::string(100'000, 'o'));
            if (half) peer.half_close();
            if (half) peer.wait_until_gone();
        }};
        const auto engine = started(plan_of_text(scenario(server, true)), one_connection());
        ASSERT_TRUE(engine);
        const auto total = run_window(*engine, open_load(100, milliseconds{100})).total;
        EXPECT_EQ(outcomes(total), "ok 10");
        EXPECT_EQ(server.used_connections(), 10);
        EXPECT_GE(total.steps[0].bytes_in, 1'000'000u);
    }
}

TEST(HostileHttp, AnIdleConnectionThatWasClosedOrWrittenToIsNotUsedAgain) {
    const Row rows[] = {
        {"closed", [](Peer& peer) { peer.close(); }, Outcome::ok},
        {"half closed",
         [](Peer& peer) {
             peer.half_close();
             peer.wait_until_gone();
         },
         Outcome::ok},
        {"reset", [](Peer& peer) { peer.reset(); }, Outcome::ok},
        {"bytes that nobody asked for",
         [](Peer& peer) {
             peer.send(http_reply("not yours"));
             peer.wait_until_gone();
         },
         Outcome::ok},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        // A stall of the machine may hold the server back until the next request is out.
        with_patience(milliseconds{24}, [&]() -> std::string {
            ScriptedServer server{[&](Peer& peer) {
                if (!peer.read_request()) return;
                peer.send(http_reply("ok"));
                std::this_thread::sleep_for(milliseconds{2});
                row.misbehave(peer);
            }};
            const auto engine = started(plan_of_text(scenario(server, false)), one_connection());
            const auto total = run_window(*engine, open_load(20, milliseconds{500})).total;
            EXPECT_EQ(exchanges(total), 10u);
            return outcomes(total) == "ok 10" ? "" : outcomes(total);
        });
    }
}

/// At 4/s with a time-out of 100 ms; every other reply must not come within it.
TEST(HostileHttp, WhoeverIsTooSlowTimesOutWhateverItSendsMeanwhile) {
    const Row rows[] = {
        {"never an answer", [](Peer& peer) { peer.wait_until_gone(); }, Outcome::timeout},
        {"a drip in the header",
         [](Peer& peer) { peer.drip(http_reply("ok", "X: a\r\n"), milliseconds{5}); },
         Outcome::timeout},
        {"a drip in the body",
         [](Peer& peer) {
             peer.send(ok + "Content-Length: 1000\r\n\r\n");
             peer.drip(std::string(1000, 'o'), milliseconds{5});
         },
         Outcome::timeout},
        {"a drip of chunks",
         [](Peer& peer) {
             peer.send(chunked);
             for (bool there = true; there; there = peer.send("1\r\no\r\n")) {
                 std::this_thread::sleep_for(milliseconds{5});
             }
         },
         Outcome::timeout},
        {"a drip of interim replies",
         [](Peer& peer) {
             peer.drip("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
                       milliseconds{5});
         },
         Outcome::timeout},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        // Stalls of 100 ms in all make a good reply late too.
        with_patience(milliseconds{50}, [&]() -> std::string {
            ScriptedServer server{every_other(http_reply("ok"), row.misbehave)};
            const auto engine = started(
                plan_of_text(scenario(server, true, R"(, "timeout": "100ms")")), one_connection());
            const auto total = run_window(*engine, open_load(4, milliseconds{1500})).total;
            EXPECT_EQ(exchanges(total), 6u);
            EXPECT_EQ(total.steps[0].response_time.unanswered_count(),
                      6 - count(total, Outcome::ok));
            return outcomes(total) == "ok 3, timeout 3" ? "" : outcomes(total);
        });
    }
}

/// The server refuses a request of 8 MiB when it has seen its head.
TEST(HostileHttp, AnAnswerBeforeTheBodyWasSentIsTaken) {
    const auto body = R"(, "timeout": "4s", "body": ")" + std::string(8 * mib, 'b') + "\"";
    for (const bool reads_on : {true, false}) {
        SCOPED_TRACE(reads_on ? "and reads on" : "and reads no more");
        std::atomic<bool> done = false;
        ScriptedServer server{[&](Peer& peer) {
            if (peer.read_some(1000).empty()) return;
            peer.send(http_reply("too large", "Connection: close\r\n", 413));
            if (reads_on) return peer.wait_until_gone();
            while (!done) std::this_thread::sleep_for(milliseconds{5});
        }};
        const auto engine = started(plan_of_text(scenario(server, false, body)), one_connection());
        ASSERT_TRUE(engine);
        const auto total = run_window(*engine, open_load(10, milliseconds{300})).total;
        done = true;
        EXPECT_EQ(outcomes(total), "http_4xx 3");
    }
}

}  // namespace
}  // namespace loadline

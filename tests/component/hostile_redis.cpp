// Redis servers that misbehave: each has its outcome, costs bounded memory, and leaves the next
// exchange in peace. What a user sees of it is in e2e/test_hostile_servers.py.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine_case.hpp"
#include "scripted_server.hpp"

namespace loadline {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t mib = 1 << 20;

struct Row {
    const char* name;
    std::function<void(Peer&)> misbehave;
    Outcome outcome;
};

/// Says this and waits: whoever believes it waits too, until the time-out.
std::function<void(Peer&)> says(std::string text) {
    return [text = std::move(text)](Peer& peer) {
        peer.send(text);
        peer.wait_until_gone();
    };
}

std::function<void(Peer&)> floods(std::string first, std::string again, std::size_t most) {
    return [first = std::move(first), again = std::move(again), most](Peer& peer) {
        peer.send(first);
        peer.flood(again, most);
        peer.close();
    };
}

std::string repeated(std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

/// INCR, which no client may repeat by itself.
std::string scenario(const std::string& target, const std::string& more = {}) {
    return fmt::format(R"({{"loadline": 1, "targets": {{"cache": "{}"}}, "journeys": {{"ask":
        {{"steps": [{{"name": "ask", "redis": ["INCR", "key"], "on": "cache" {}}}]}}}}}})",
                       target, more);
}

EngineOptions one_connection() {
    EngineOptions options;
    options.connections = 1;
    return options;
}

/// 20 exchanges, every other one broken.
void expect_every_other(const Row& row) {
    SCOPED_TRACE(row.name);
    ScriptedServer server{every_other(":1\r\n", row.misbehave)};
    const auto engine = started(plan_of_text(scenario(server.url("redis"))), one_connection());
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

TEST(HostileRedis, EachBreakHasItsOutcomeAndTheNextExchangeWorks) {
    const Row rows[] = {
        {"an immediate close", [](Peer& peer) { peer.close(); }, Outcome::closed_early},
        {"an immediate reset", [](Peer& peer) { peer.reset(); }, Outcome::reset},
        {"a half-close in an array",
         [](Peer& peer) {
             peer.send("*2\r\n:1\r\n");
             peer.half_close();
             peer.wait_until_gone();
         },
         Outcome::closed_early},
        {"an HTTP server", says("HTTP/1.1 400 Bad Request\r\n\r\n"), Outcome::protocol_error},
        {"RESP3", says("%1\r\n+a\r\n+b\r\n"), Outcome::protocol_error},
        {"an empty line", says("\r\n"), Outcome::protocol_error},
        {"an integer that is none", says(":1x\r\n"), Outcome::protocol_error},
        {"an integer without digits", says(":\r\n"), Outcome::protocol_error},
        {"an integer beyond 64 bits", says(":9223372036854775808\r\n"), Outcome::protocol_error},
        {"a bulk string without its CR LF", says("$3\r\nabcde"), Outcome::protocol_error},
        {"a bulk string in an array without it", says("*2\r\n$1\r\nabc:1\r\n"),
         Outcome::protocol_error},
        {"an array of a length below -1", says("*-2\r\n"), Outcome::protocol_error},
        {"nine levels of arrays", says(repeated("*1\r\n", 9) + ":1\r\n"), Outcome::protocol_error},
    };
    for (const auto& row : rows) expect_every_other(row);
}

/// The bytes that were promised never come: only who judges the promise ends at once.
TEST(HostileRedis, ALengthBeyondTheLimitsIsRefusedWhenItIsRead) {
    const Row rows[] = {
        {"a bulk string of 100 GB", says("$99999999999\r\n"), Outcome::protocol_error},
        {"a bulk string of 2^63 - 1", says("$9223372036854775807\r\n"), Outcome::protocol_error},
        {"a bulk string of 16 MiB and a little", says("$16777217\r\nabc"), Outcome::protocol_error},
        {"an array of 10^9", says("*1000000000\r\n"), Outcome::protocol_error},
        {"an array of 2^31 - 1", says("*2147483647\r\n:1\r\n"), Outcome::protocol_error},
        {"an array beyond 32 bits", says("*4294967297\r\n:1\r\n"), Outcome::protocol_error},
        {"arrays of arrays of 10^9", says(repeated("*1000000000\r\n", 7)), Outcome::protocol_error},
        {"a bomb in an array", says("*3\r\n:1\r\n$2\r\nok\r\n$99999999999\r\n"),
         Outcome::protocol_error},
    };
    for (const auto& row : rows) expect_every_other_within(row, 48 * mib);
}

TEST(HostileRedis, EndlessRepliesCostBoundedMemory) {
    const struct {
        Row row;
        std::size_t most_mib;
    } rows[] = {
        {{"an error line without end", floods("-ERR ", "x", 100 * mib), Outcome::protocol_error},
         48},
        {{"a length without end", floods("$", "1", 100 * mib), Outcome::protocol_error}, 48},
        // 16 MiB of text, held by the reader and by us, in buffers that double.
        {{"an array of texts beyond 16 MiB",
          floods("*100000\r\n", "$1000\r\n" + std::string(1000, 'x') + "\r\n", 100 * mib),
          Outcome::protocol_error},
         128},
        // 10^6 values of 40 bytes, in a vector that doubles.
        {{"arrays in arrays beyond 10^6 values", floods("*1000000\r\n", "*1\r\n:1\r\n", 100 * mib),
          Outcome::protocol_error},
         160},
    };
    for (const auto& [row, most_mib] : rows) expect_every_other_within(row, most_mib * mib);
}

/// Errors of the server are answers: they keep the connection, also in the midst of an array.
TEST(HostileRedis, OddButRightRepliesAreUnderstood) {
    const struct {
        const char* name;
        std::string reply;
        Outcome outcome;
        bool reused;
    } rows[] = {
        {"an error", "-ERR no\r\n", Outcome::redis_error, true},
        {"an empty error", "-\r\n", Outcome::redis_error, true},
        {"MOVED", "-MOVED 3999 127.0.0.1:6381\r\n", Outcome::redis_moved, true},
        {"ASK", "-ASK 3999 127.0.0.1:6381\r\n", Outcome::redis_moved, true},
        {"an error in an array", "*2\r\n-ERR no\r\n:1\r\n", Outcome::ok, true},
        {"eight levels of arrays", repeated("*1\r\n", 8) + ":1\r\n", Outcome::ok, true},
        {"an empty array", "*0\r\n", Outcome::ok, true},
        {"a nil array", "*-1\r\n", Outcome::ok, true},
        {"a bulk string that holds CR LF", "$4\r\n\r\n\r\n\r\n", Outcome::ok, true},
        {"two replies to one command", ":1\r\n:2\r\n", Outcome::ok, false},
        {"half a reply too many", ":1\r\n$5\r\nab", Outcome::ok, false},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        ScriptedServer server{answers_with(row.reply)};
        const auto engine = started(plan_of_text(scenario(server.url("redis"))), one_connection());
        ASSERT_TRUE(engine);
        const auto total = run_window(*engine, open_load(100, milliseconds{100})).total;
        EXPECT_EQ(outcomes(total), fmt::format("{} 10", to_string(row.outcome)));
        EXPECT_EQ(server.used_connections(), row.reused ? 1 : 10);
    }
}

/// AUTH and SELECT are exchanges as well, with a server that is just as hostile.
TEST(HostileRedis, AGreetingThatFailsFailsTheExchangeThatWaitsForIt) {
    const struct {
        const char* name;
        std::string reply;
        Outcome outcome;
    } rows[] = {
        {"a wrong password", "-WRONGPASS invalid\r\n", Outcome::redis_error},
        {"no such database", "+OK\r\n-ERR DB index is out of range\r\n", Outcome::redis_error},
        {"garbage", "HTTP/1.1 400 Bad Request\r\n\r\n", Outcome::protocol_error},
        {"a bomb", "$99999999999\r\n", Outcome::protocol_error},
        {"a close", "", Outcome::closed_early},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        ScriptedServer server{[&](Peer& peer) {
            if (!peer.read_request()) return;
            peer.send(row.reply);
            peer.close();
        }};
        const auto target = fmt::format("redis://:secret@127.0.0.1:{}/3", server.port());
        const auto engine = started(plan_of_text(scenario(target)), one_connection());
        ASSERT_TRUE(engine);
        const auto total = run_window(*engine, open_load(100, milliseconds{100})).total;
        EXPECT_EQ(outcomes(total), fmt::format("{} 10", to_string(row.outcome)));
    }
}

/// At 4/s with a time-out of 100 ms; every other reply must not come within it.
TEST(HostileRedis, WhoeverIsTooSlowTimesOutWhateverItSendsMeanwhile) {
    const Row rows[] = {
        {"never an answer", [](Peer& peer) { peer.wait_until_gone(); }, Outcome::timeout},
        {"a drip of a line",
         [](Peer& peer) { peer.drip("+" + std::string(1000, 'x'), milliseconds{5}); },
         Outcome::timeout},
        {"a drip of a bulk string",
         [](Peer& peer) { peer.drip("$1000\r\n" + std::string(1000, 'x'), milliseconds{5}); },
         Outcome::timeout},
        {"a drip of values",
         [](Peer& peer) { peer.drip("*1000\r\n" + repeated(":1\r\n", 1000), milliseconds{5}); },
         Outcome::timeout},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        // Stalls of 100 ms in all make a good reply late too.
        with_patience(milliseconds{50}, [&]() -> std::string {
            ScriptedServer server{every_other(":1\r\n", row.misbehave)};
            const auto engine =
                started(plan_of_text(scenario(server.url("redis"), R"(, "timeout": "100ms")")),
                        one_connection());
            const auto total = run_window(*engine, open_load(4, milliseconds{1500})).total;
            EXPECT_EQ(exchanges(total), 6u);
            return outcomes(total) == "ok 3, timeout 3" ? "" : outcomes(total);
        });
    }
}

}  // namespace
}  // namespace loadline

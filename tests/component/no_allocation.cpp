// In the steady state an exchange allocates nothing, over HTTP and over Redis. This program
// replaces malloc and its family with counters and looks at the workers' threads alone.
#include <arpa/inet.h>
#include <execinfo.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <new>
#include <thread>

#include "engine_case.hpp"
#include "lab/child.hpp"
#include "scripted_server.hpp"
#include "temporary_folder.hpp"

namespace {

std::atomic<bool> counting = false;
std::atomic<std::uint64_t> allocations = 0;
/// Threads of the test itself: the control thread and those of the scripted server.
thread_local bool not_a_worker = false;

/// Where the first few came from, for the message of a failure.
constexpr int kept_traces = 8, trace_depth = 24;
void* traces[kept_traces][trace_depth];
int depths[kept_traces];

[[maybe_unused]] void note_allocation() {
    if (not_a_worker || !counting.load(std::memory_order_relaxed)) return;
    const auto n = allocations.fetch_add(1);
    if (n >= kept_traces) return;
    not_a_worker = true;  // backtrace() may allocate
    depths[n] = ::backtrace(traces[n], trace_depth);
    not_a_worker = false;
}

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// operator new, all forms of it, ends in malloc or aligned_alloc.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) {
    note_allocation();
    return __libc_malloc(size);
}
void* calloc(std::size_t n, std::size_t size) {
    note_allocation();
    return __libc_calloc(n, size);
}
void* realloc(void* old, std::size_t size) {
    note_allocation();
    return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    note_allocation();
    return __libc_memalign(alignment, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
    note_allocation();
    return __libc_memalign(alignment, size);
}
int posix_memalign(void** to, std::size_t alignment, std::size_t size) {
    note_allocation();
    *to = __libc_memalign(alignment, size);
    return *to ? 0 : ENOMEM;
}
}
#endif

namespace loadline {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t enough = 100'000;  // exchanges
/// What a worker allocates for each interval that it publishes, about one a second: the post to
/// the control thread and the copy of the answers per target.
constexpr std::uint64_t per_interval = 2;

struct Count {
    std::uint64_t exchanges = 0, allocations = 0, intervals = 0;  ///< of the counted stretch
    std::uint64_t errors = 0;                                     ///< of the whole load
    std::string outcomes;
};

std::string figures(const Count& count) {
    return fmt::format("{} allocations in {} exchanges and {} intervals ({})\n", count.allocations,
                       count.exchanges, count.intervals, count.outcomes);
}

/// Warms up, then counts from one published second to a later one, until there are enough
/// exchanges between the two.
Count count_allocations(Engine& engine, const LoadWindow& window, std::uint64_t wanted = enough) {
    void* warm[2];
    ::backtrace(warm, 2);  // loads what it needs
    Count got;
    int seen = 0;
    bool ended = false;
    const auto result = engine.run(window, [&](const SecondOfLoad& second) {
        if (++seen == 2) {
            allocations = 0;
            counting = true;
            return true;
        }
        if (seen < 3 || ended) return !ended;
        got.exchanges += exchanges(second.measured);
        ++got.intervals;
        if (got.exchanges < wanted) return true;
        counting = false;
        got.allocations = allocations;
        ended = true;
        return false;
    });
    counting = false;
    got.errors = exchanges(result.total) - loadline::count(result.total, Outcome::ok);
    got.outcomes = outcomes(result.total);
    std::cout << figures(got);
    return got;
}

/// The assertion itself: nothing but what publishing takes. Workers publish on their own clocks,
/// so the stretch may hold one interval more than were counted.
bool allocates_nothing(const Count& count, unsigned threads) {
    return count.allocations <= per_interval * (count.intervals + 1) * threads;
}

std::string described(const Count& count) {
    auto text = figures(count);
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count.allocations, kept_traces); ++i) {
        char** names = ::backtrace_symbols(traces[i], depths[i]);
        for (int frame = 0; frame < depths[i]; ++frame) text += fmt::format("  {}\n", names[frame]);
        text += "\n";
        std::free(names);
    }
    return text;
}

/// A long closed load; count_allocations ends it.
LoadWindow many_users() { return closed_load(32, seconds{120}); }

/// Makes every user and connection busy at once, then 20 000 arrivals that wait for one: whatever
/// grows once has grown, so that a stall of the machine finds none that was never busy before.
void warm_up(Engine& engine, std::uint64_t users) {
    for (const auto& window :
         {closed_load(users, seconds{1}), open_load(100'000, std::chrono::milliseconds{200})}) {
        const auto result = run_window(engine, window);
        EXPECT_GE(result.total.users, users);
        EXPECT_EQ(loadline::count(result.total, Outcome::ok), exchanges(result.total));
    }
}

/// Marks this thread as one of the test's, as long as it runs.
ScriptedServer::Script uncounted(std::string answer) {
    return [reply = std::move(answer)](Peer& peer) {
        not_a_worker = true;
        while (peer.read_request() && peer.send(reply)) {
        }
    };
}

/// A bet: substitutions in path, header and JSON body, a check of status and JSON, a capture.
std::string bet(const std::string& url) {
    return fmt::format(R"json({{"loadline": 1, "targets": {{"service": "{}"}},
        "data": {{"hot": {{"numbers": [100, 999], "pick": "zipf(1.2)"}}}},
        "journeys": {{"bet": {{"steps": [{{"set": {{"amount": "${{random(1000, 5000)}}"}}}},
            {{"name": "bet", "http": "POST service/missions/${{hot}}/bet",
              "headers": {{"Idempotency-Key": "${{uuid}}"}},
              "json": {{"amount": "${{amount}}", "n": "${{counter}}", "note": "a text that no small string holds"}},
              "expect": {{"status": 201, "json": {{"/state": "open"}}}},
              "capture": {{"token": "/accessToken"}}}}]}}}}}})json",
                       url);
}

std::string reply_with(const char* key) {
    return http_reply(
        fmt::format(R"({{"{}": "open", "accessToken": "a token that no small string holds"}})",
                    key),
        "Content-Type: application/json\r\n", 201);
}

class NoAllocation : public testing::Test {
protected:
    void SetUp() override {
        if (sanitized) GTEST_SKIP() << "a sanitizer brings its own malloc";
        not_a_worker = true;
    }
};

TEST_F(NoAllocation, TheCounterSeesEveryWayToAllocate) {
    const std::pair<const char*, std::function<void*()>> ways[] = {
        {"new", [] { return ::operator new(10); }},
        {"new of an array", [] { return ::operator new[](10); }},
        {"new that does not throw", [] { return ::operator new(10, std::nothrow); }},
        {"new with an alignment", [] { return ::operator new (64, std::align_val_t{64}); }},
        {"malloc", [] { return std::malloc(10); }},
        {"calloc", [] { return std::calloc(10, 10); }},
        {"realloc", [] { return std::realloc(nullptr, 10); }},
        {"aligned_alloc", [] { return std::aligned_alloc(64, 64); }},
        {"posix_memalign",
         [] {
             void* p = nullptr;
             return ::posix_memalign(&p, 64, 64) == 0 ? p : nullptr;
         }},
    };
    for (const auto& [name, allocate] : ways) {
        allocations = 0;
        not_a_worker = false;
        counting = true;
        void* p = allocate();
        counting = false;
        not_a_worker = true;
        EXPECT_EQ(allocations, 1u) << name;
        std::free(p);
    }
}

TEST_F(NoAllocation, OfAnHttpExchangeInTheSteadyState) {
    for (const unsigned threads : {1u, 2u}) {
        ScriptedServer server{uncounted(reply_with("state"))};
        EngineOptions options;
        options.threads = threads;
        const auto engine = started(plan_of_text(bet(server.url())), options);
        ASSERT_TRUE(engine);
        const auto count = count_allocations(*engine, many_users());
        EXPECT_GE(count.exchanges, enough);
        EXPECT_EQ(count.errors, 0u) << count.outcomes;
        EXPECT_TRUE(allocates_nothing(count, threads)) << described(count);
    }
}

/// Arrivals on a schedule and think times: timers, queues, users that come and go.
TEST_F(NoAllocation, OfAnExchangeOfAnOpenLoad) {
    ScriptedServer server{uncounted(reply_with("state"))};
    auto text = bet(server.url());
    text.insert(text.find(R"({"name": "bet")"), R"({"think": "1ms..5ms"}, )");
    text.erase(text.find(R"("n":)"), std::string_view{R"("n": "${counter}", )"}.size());
    EngineOptions options;  // caps, and texts of one length: no buffer grows any more
    options.max_users = 64;
    options.connections = 32;
    const auto engine = started(plan_of_text(text), options);
    ASSERT_TRUE(engine);
    warm_up(*engine, options.max_users);
    const auto count = count_allocations(*engine, open_load(5000, seconds{60}), 15'000);
    EXPECT_EQ(count.errors, 0u) << count.outcomes;
    EXPECT_GE(count.exchanges, 15'000u);
    EXPECT_TRUE(allocates_nothing(count, 1)) << described(count);
}

/// One connection after the other, on a thread that is not counted: answers what it gets and
/// reads until the client leaves.
class SerialServer {
public:
    SerialServer() {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address_;
        auto* address = reinterpret_cast<sockaddr*>(&address_);
        if (::bind(listener_, address, length) != 0 || ::listen(listener_, 128) != 0) std::abort();
        ::getsockname(listener_, address, &length);
        thread_ = std::thread{[this] { serve(); }};
    }
    ~SerialServer() {
        ::shutdown(listener_, SHUT_RDWR);  // wakes accept()
        thread_.join();
        ::close(listener_);
    }
    SerialServer(const SerialServer&) = delete;
    std::string url() const { return fmt::format("http://127.0.0.1:{}", ntohs(address_.sin_port)); }

private:
    void serve() const {
        not_a_worker = true;
        constexpr std::string_view reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for (int fd; (fd = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(fd)) {
            char request[4096];
            while (::recv(fd, request, sizeof request, 0) > 0) {
                ::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
            }
        }
    }

    int listener_ = -1;
    sockaddr_in address_{};
    std::thread thread_;
};

/// Connections that are opened for a journey and end with it, in every mode that costs no time.
TEST_F(NoAllocation, OfAJourneyThatEndsItsConnection) {
    SerialServer server;
    const auto text = fmt::format(
        R"({{"loadline": 1, "targets": {{"service": "{}"}},
            "churn": {{"fin-idle": 5, "rst-idle": 5, "fin-inflight": 1, "rst-inflight": 1, "half": 1,
                       "open": 1, "partial": 1}},
            "journeys": {{"look": {{"steps": [{{"name": "look", "http": "GET service/"}}]}}}}}})",
        server.url());
    EngineOptions options;
    for (int i = 1; i <= 32; ++i) options.loopback_sources.push_back(fmt::format("127.0.0.{}", i));
    const auto engine = started(plan_of_text(text), options);
    ASSERT_TRUE(engine);
    // Connections that leave overlap with those of the next journeys, how many depends on the
    // server. So many users use more of them at once than four ever do.
    EXPECT_GE(run_window(*engine, closed_load(128, seconds{1})).total.users, 128u);
    const auto count = count_allocations(*engine, closed_load(4, seconds{60}), 5'000);
    EXPECT_EQ(count.errors, 0u) << count.outcomes;
    EXPECT_GE(count.exchanges, 5'000u);
    EXPECT_TRUE(allocates_nothing(count, 1)) << described(count);
}

/// A key with an escape needs the full JSON parser, which allocates: for each exchange.
TEST_F(NoAllocation, IsRefutedByACheckThatAllocates) {
    ScriptedServer server{uncounted(reply_with("\\u0073tate"))};
    const auto engine = started(plan_of_text(bet(server.url())), {});
    ASSERT_TRUE(engine);
    const auto count = count_allocations(*engine, many_users());
    EXPECT_FALSE(allocates_nothing(count, 1)) << described(count);
    EXPECT_GE(count.allocations, count.exchanges);
}

TEST_F(NoAllocation, OfARedisExchangeInTheSteadyState) {
    const TemporaryFolder folder;
    auto redis = start_private_redis(folder.path);
    ASSERT_TRUE(redis.has_value()) << redis.error().message;
    const auto text = fmt::format(R"json({{"loadline": 1,
        "targets": {{"cache": "redis://127.0.0.1:{}"}},
        "setup": [{{"name": "fill", "redis": ["MSET", "user:1", "a value that no small string holds", "user:2", "b"], "on": "cache"}}],
        "journeys": {{"look": {{"steps": [
            {{"name": "read", "redis": ["GET", "user:1"], "on": "cache", "capture": {{"value": ""}}}},
            {{"name": "write", "redis": ["SET", "user:${{counter}}", "${{value}} and ${{random(1, 1000)}}", "EX", "60"],
              "on": "cache", "expect": {{"equals": "OK"}}}},
            {{"name": "several", "redis": ["MGET", "user:1", "user:2", "nobody"], "on": "cache",
              "capture": {{"second": "/1"}}}}]}}}}}})json",
                                  redis->port);
    const auto engine = started(plan_of_text(text), {});
    ASSERT_TRUE(engine);
    const auto count = count_allocations(*engine, many_users());
    EXPECT_GE(count.exchanges, enough);
    EXPECT_EQ(count.errors, 0u) << count.outcomes;
    EXPECT_TRUE(allocates_nothing(count, 1)) << described(count);
}

}  // namespace
}  // namespace loadline

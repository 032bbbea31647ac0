// The words of the detector for live servers in this process under a load of some seconds, with a
// short tau; and that a recording of it gives the same report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <map>
#include <numeric>
#include <sstream>

#include "watch/watcher.hpp"
#include "watch_server.hpp"

namespace loadline {
namespace {

using testing::Contains;
using testing::StartsWith;

constexpr Duration tau = std::chrono::milliseconds{300};
constexpr Duration length = std::chrono::milliseconds{9500};  // tau + 8 s, and some more
constexpr double closes_per_s = 25;

enum class Behaviour {
    healthy,        ///< closes at the end of the stream
    forgets,        ///< reads the end of the stream and does not close
    handler_stuck,  ///< reads the request, and never again
    never_accepts,
    ignores_resets,  ///< does not close what the client has reset
};

/// Serves on a thread of its own until it is destroyed.
class LiveServer {
public:
    explicit LiveServer(Behaviour behaviour)
        : behaviour_{behaviour},
          listening_{AF_INET, 0, behaviour == Behaviour::never_accepts ? 8 : 1024},
          thread_{[this](auto stop) { run(stop); }} {}

    const ListeningSocket& listening() const { return listening_; }
    std::uint16_t port() const { return listening_.port(); }

private:
    void run(const std::stop_token& stop) {
        if (behaviour_ == Behaviour::never_accepts) return;
        while (!stop.stop_requested()) {
            std::vector<pollfd> waiting{{listening_.get(), POLLIN, 0}};
            for (const auto& [fd, connection] : open_) waiting.push_back({fd, POLLIN, 0});
            ::poll(waiting.data(), waiting.size(), 20);
            for (const auto& ready : waiting) {
                if (ready.revents == 0) continue;
                ready.fd == listening_.get() ? accept() : serve(ready.fd);
            }
        }
    }

    void accept() {
        auto connection = listening_.accept();
        const int fd = connection.get();
        if (fd >= 0) open_.emplace(fd, std::move(connection));
    }

    void serve(int fd) {
        char bytes[64];
        const auto n = ::recv(fd, bytes, sizeof bytes, 0);
        const auto place = open_.find(fd);
        const bool over = n <= 0;
        if (over && behaviour_ == Behaviour::healthy) {
            open_.erase(place);
        } else if (over || behaviour_ == Behaviour::handler_stuck) {
            forgotten_.push_back(std::move(place->second));
            open_.erase(place);
        }
    }

    Behaviour behaviour_;
    ListeningSocket listening_;
    std::map<int, Fd> open_;
    std::vector<Fd> forgotten_;
    std::jthread thread_;
};

/// One connection: a request, and a close some time after it.
void exchange(const LiveServer& server, bool reset) {
    Fd client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(server.port());
    ::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
    pollfd writable{client.get(), POLLOUT, 0};
    ::poll(&writable, 1, 100);
    if (::send(client.get(), "GET", 3, MSG_NOSIGNAL) < 0) return;  // an accept queue that is full
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
    const linger at_once{1, 0};
    if (reset) ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

struct Seen {
    SocketReport report;
    std::string recording;
};

/// Loads the server as long as the trend test takes, lets it settle, and judges.
Seen watch_load(Behaviour behaviour, bool reset = false) {
    LiveServer server{behaviour};
    Seen seen;
    WatchOptions options;
    options.port = server.port();
    options.tau = tau;
    options.record = [&](const std::string& line) { seen.recording += line + "\n"; };
    auto watcher = std::move(*Watcher::start(options));

    LoadFacts load;
    load.begin = Clock::now();
    for (auto next = load.begin; Clock::now() < load.begin + length;
         next += seconds(1 / closes_per_s)) {
        std::this_thread::sleep_until(next);
        exchange(server, reset);
        load.closed.push_back({Clock::now(), ++load.closes});
    }
    load.end = Clock::now();
    load.requests = load.closes;
    load.settled = true;
    watcher->connections_closed(load.end);
    wait_for(watcher->settle_time({}), [&] { return watcher->settled(); });
    seen.report = watcher->finish(load, {});
    return seen;
}

void expect_same_again(const Seen& seen) {
    std::istringstream lines{seen.recording};
    const auto again = replay_sockets(lines);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->text, seen.report.text);
    EXPECT_TRUE(*again == seen.report);
}

TEST(WatchWords, EachServerHasItsOwnAndARecordingGivesItAgain) {
    const struct {
        Behaviour behaviour;
        const char* word;
        std::optional<StuckClass> what;
    } rows[] = {
        {Behaviour::healthy, "OK", {}},
        {Behaviour::forgets, "LEAK_CONFIRMED", StuckClass::eof_not_closed},
        {Behaviour::handler_stuck, "LEAK_CONFIRMED", StuckClass::eof_never_read},
        {Behaviour::never_accepts, "ACCEPT_STALL", StuckClass::never_accepted},
    };
    std::array<Seen, std::size(rows)> seen;
    {
        std::vector<std::jthread> all;  // at once: each takes ten seconds
        for (std::size_t i = 0; i < std::size(rows); ++i) {
            all.emplace_back([&, i] { seen[i] = watch_load(rows[i].behaviour); });
        }
    }
    for (std::size_t i = 0; i < std::size(rows); ++i) {
        SCOPED_TRACE(rows[i].word);
        const auto& report = seen[i].report;
        EXPECT_STREQ(to_string(report.word), rows[i].word) << report.text;
        expect_same_again(seen[i]);
        if (!rows[i].what) continue;
        const auto stale = std::accumulate(report.classes.begin(), report.classes.end(), 0U);
        EXPECT_GT(stale, 5U);
        // All but what a stalled machine closed before its request was sent.
        EXPECT_GE(10 * report.classes[static_cast<std::size_t>(*rows[i].what)], 9 * stale);
    }
    const auto& leak = seen[1].report;
    EXPECT_GT(leak.leak_fraction_interval[0], 0.95);
    EXPECT_TRUE(leak.fd_eta);
    EXPECT_EQ(seen[3].report.accept_queue_max, 9U);  // a full queue reads one more
    EXPECT_EQ(seen[3].report.backlog, 8U);
}

TEST(WatchWords, ALeakAfterResetsShowsOnlyInTheDescriptors) {
    const auto seen = watch_load(Behaviour::ignores_resets, true);
    EXPECT_STREQ(to_string(seen.report.word), "OK") << seen.report.text;
    EXPECT_THAT(seen.report.flags, Contains(StartsWith("FD_LEAK_INVISIBLE: ")));
    EXPECT_EQ(seen.report.close_wait_max, 0U);
    expect_same_again(seen);
}

}  // namespace
}  // namespace loadline

// The kinds of servers whose sockets were measured in the wild, each as a process of its own under
// a load of some ten seconds, with a tau to match: word, class, share of the closes and flags. A
// hung server, one that ignores resets and the recordings are in watch_words.cpp; the same kinds in
// simulated time, hundreds of times, in tests/unit/watch.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <map>
#include <numeric>

#include "watch/watcher.hpp"
#include "watch_server.hpp"

namespace loadline {
namespace {

using testing::ElementsAreArray;

/// What the server does with the n-th close (from 0): how long it keeps the socket, from now on;
/// nothing: for ever. `in_flight`: the client left before its answer.
using Keeps = std::function<std::optional<Duration>(int n, bool in_flight, Duration now)>;

struct Row {
    const char* name;
    Keeps keeps;
    const char* word;
    double tau_s = 1, length_s = 10;
    std::function<double(double t)> due = [](double t) { return 40 * t; };  ///< opened by then
    int held = 0;            ///< connections that stay open until the load ends
    bool in_flight = false;  ///< one in five clients leaves before its answer
    rlim_t nofile = 0;       ///< 0: as many as may be
    int family = AF_INET;    ///< AF_INET6: dual-stack
    int backlog = 1024;
    std::optional<StuckClass> what = std::nullopt;
    std::optional<double> share = std::nullopt;  ///< of the closes, that stay for tau or longer
    std::vector<std::string> flags = {};
};

constexpr Duration work = std::chrono::milliseconds{200};  ///< on a request, where some leave early

// The server's side.

class Serving {
public:
    Serving(const Row& row, const ListeningSocket& listening) : row_{row}, listening_{listening} {}

    void turn() {
        std::vector<pollfd> waiting;
        if (!full_) waiting.push_back({listening_.get(), POLLIN, 0});
        for (const auto& [fd, one] : open_) {
            if (!one.answer_at) waiting.push_back({fd, POLLIN, 0});
        }
        ::poll(waiting.data(), waiting.size(), 3);
        full_ = false;
        const auto now = Clock::now();
        for (const auto& ready : waiting) {
            if (ready.revents == 0) continue;
            ready.fd == listening_.get() ? accept() : read(ready.fd, now);
        }
        answer(now);
        closing_.erase(closing_.begin(), closing_.upper_bound(now));
    }

private:
    struct Open {
        Fd fd;
        std::optional<TimePoint> answer_at;
    };

    void accept() {
        auto connection = listening_.accept();
        full_ = connection.get() < 0;  // out of descriptors
        const int fd = connection.get();
        if (!full_) open_.emplace(fd, Open{std::move(connection), {}});
    }

    void read(int fd, TimePoint now) {
        char bytes[64];
        if (::recv(fd, bytes, sizeof bytes, 0) > 0) {
            open_.at(fd).answer_at = row_.in_flight ? now + work : now;
        } else {
            leave(fd, false, now);
        }
    }

    void answer(TimePoint now) {
        std::vector<int> due;
        for (const auto& [fd, one] : open_) {
            if (one.answer_at && *one.answer_at <= now) due.push_back(fd);
        }
        for (const int fd : due) {
            char byte;
            if (row_.in_flight && ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
                leave(fd, true, now);
                continue;
            }
            ::send(fd, "ok", 2, MSG_NOSIGNAL);
            open_.at(fd).answer_at.reset();
        }
    }

    void leave(int fd, bool in_flight, TimePoint now) {
        const auto place = open_.find(fd);
        if (const auto stays = row_.keeps(closes_++, in_flight, now - begin_)) {
            closing_.emplace(now + *stays, std::move(place->second.fd));
        } else {
            forgotten_.push_back(std::move(place->second.fd));
        }
        open_.erase(place);
    }

    const Row& row_;
    const ListeningSocket& listening_;
    TimePoint begin_ = Clock::now();
    int closes_ = 0;
    bool full_ = false;
    std::map<int, Open> open_;
    std::multimap<TimePoint, Fd> closing_;
    std::vector<Fd> forgotten_;
};

/// A process that serves until it is ended. Made before any thread is.
class ServerProcess {
public:
    explicit ServerProcess(const Row& row) {
        int port[2];
        if (::pipe2(port, O_CLOEXEC) != 0) return;
        pid_ = ::fork();
        if (pid_ == 0) serve(row, port[1]);
        ::close(port[1]);
        EXPECT_EQ(::read(port[0], &port_, sizeof port_), static_cast<ssize_t>(sizeof port_));
        ::close(port[0]);
    }
    ServerProcess(ServerProcess&& other) noexcept
        : pid_{std::exchange(other.pid_, -1)}, port_{other.port_} {}
    ~ServerProcess() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    int pid() const { return pid_; }
    std::uint16_t port() const { return port_; }

private:
    [[noreturn]] static void serve(const Row& row, int port) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (row.nofile > 0) {
            const rlimit few{row.nofile, row.nofile};
            ::setrlimit(RLIMIT_NOFILE, &few);
        }
        const ListeningSocket listening{row.family, 0, row.backlog};
        const auto number = listening.open() ? listening.port() : std::uint16_t{0};
        if (::write(port, &number, sizeof number) != sizeof number) ::_exit(1);
        ::close(port);
        for (Serving serving{row, listening};;) serving.turn();
    }

    pid_t pid_ = -1;
    std::uint16_t port_ = 0;
};

// The clients' side.

class Clients {
public:
    Clients(const Row& row, std::uint16_t port) : row_{row}, port_{port} {}

    LoadFacts run() {
        LoadFacts load;
        load.begin = Clock::now();
        for (int i = 0; i < row_.held; ++i) open(TimePoint::max(), false);
        int opened = 0;
        for (double t = 0; t < row_.length_s; t = to_seconds(Clock::now() - load.begin)) {
            for (; opened < row_.due(t); ++opened) {
                open(Clock::now() + stay, row_.in_flight && opened % 5 == 4);
            }
            close(Clock::now());
            load.closed.push_back({Clock::now(), closes_});
            std::this_thread::sleep_for(std::chrono::milliseconds{4});
        }
        load.end = Clock::now();
        wait_for(seconds(1), [this] { return close(TimePoint::max()), open_.empty(); });
        load.closes = load.requests = closes_ + open_.size();
        open_.clear();  // the server never accepted them
        return load;
    }

private:
    struct Open {
        Fd fd;
        bool leaves_early;
    };
    static constexpr Duration stay = work / 2;

    /// One that is not connected at once found an accept queue that is full: it does not count.
    void open(TimePoint close_at, bool leaves_early) {
        Fd client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(port_);
        ::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
        pollfd writable{client.get(), POLLOUT, 0};
        if (::poll(&writable, 1, 0) != 1) return;
        if (::send(client.get(), "GET", 3, MSG_NOSIGNAL) == 3) {
            open_.emplace(close_at, Open{std::move(client), leaves_early});
        }
    }

    /// Those that are due; but only who leaves early goes without an answer, which would reset the
    /// connection if it came later.
    void close(TimePoint until) {
        for (auto place = open_.begin(); place != open_.end() && place->first <= until;) {
            const auto& [client, leaves_early] = place->second;
            char bytes[64];
            const bool answered = ::recv(client.get(), bytes, sizeof bytes, 0) > 0;
            const bool goes = answered || leaves_early;
            closes_ += goes;
            place = goes ? open_.erase(place) : std::next(place);
        }
    }

    const Row& row_;
    std::uint16_t port_;
    std::uint64_t closes_ = 0;
    std::multimap<TimePoint, Open> open_;
};

SocketReport load_and_judge(const Row& row, const ServerProcess& server) {
    WatchOptions options;
    options.port = server.port();
    options.tau = seconds(row.tau_s);
    auto watcher = std::move(*Watcher::start(options));
    auto load = Clients{row, server.port()}.run();
    watcher->connections_closed(Clock::now());
    load.settled = true;
    wait_for(watcher->settle_time({}), [&] { return watcher->settled(); });
    return watcher->finish(std::move(load), {});
}

std::vector<SocketReport> load_and_judge(const std::vector<Row>& rows) {
    std::vector<ServerProcess> servers;
    for (const auto& row : rows) servers.emplace_back(row);
    std::vector<SocketReport> reports(rows.size());
    {
        std::vector<std::jthread> all;  // at once: each takes more than ten seconds
        for (std::size_t i = 0; i < rows.size(); ++i) {
            all.emplace_back([&, i] { reports[i] = load_and_judge(rows[i], servers[i]); });
        }
    }
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(reports[i].pid, servers[i].pid());
    return reports;
}

void expect(const Row& row, const SocketReport& report) {
    EXPECT_STREQ(to_string(report.word), row.word) << report.text;
    std::vector<std::string> flags;
    for (const auto& flag : report.flags) flags.push_back(flag.substr(0, flag.find(':')));
    EXPECT_THAT(flags, ElementsAreArray(row.flags));
    if (row.what) {
        const auto stale = std::accumulate(report.classes.begin(), report.classes.end(), 0U);
        EXPECT_GT(stale, 2U);
        EXPECT_GE(10 * report.classes[static_cast<std::size_t>(*row.what)], 9 * stale);
    }
    if (row.share) {
        EXPECT_LE(report.leak_fraction_interval[0], *row.share) << report.text;
        EXPECT_GE(report.leak_fraction_interval[1], *row.share) << report.text;
    }
}

/// Forgets this share of the closes, evenly.
Keeps forgets(double share) {
    return [share](int n, bool, Duration) -> std::optional<Duration> {
        if (std::floor((n + 1) * share) > std::floor(n * share)) return {};
        return Duration{};
    };
}

/// Keeps each from `low` to `high` seconds, in turn.
Keeps keeps(double low, double high) {
    return [=](int n, bool, Duration) { return seconds(low + (high - low) * (n % 10) / 9); };
}

constexpr auto eof_read = StuckClass::eof_not_closed, eof_unread = StuckClass::eof_never_read;

TEST(WatchTable, EveryKindOfServerHasItsWordClassAndShare) {
    const Keeps at_once = keeps(0, 0.03);
    const Keeps in_flight_only = [](int, bool in_flight, Duration) {
        return in_flight ? std::optional<Duration>{} : Duration{};
    };
    const Keeps pool_of_20 = [stuck = 0](int n, bool, Duration) mutable {
        const bool free = n % 4 != 0 || stuck == 20;
        stuck += !free;
        return free ? std::optional{Duration{}} : std::nullopt;
    };
    const Keeps until_the_next_sweep = [](int, bool, Duration now) {
        constexpr Duration every = std::chrono::milliseconds{2500};
        return every - now % every;
    };
    const Keeps burst = [](int n, bool, Duration) {  // those behind the load's closes
        return n < 400 ? Duration{} : seconds(0.3 + 1.5 * (n % 10) / 9);
    };
    const auto ramp = [](double t) { return 3 * t * t; };  // 0 to 60/s
    const std::vector<Row> rows{
        {.name = "healthy", .keeps = at_once, .word = "OK"},
        {.name = "slow",
         .keeps = keeps(0.5, 1.6),
         .word = "TRANSIENT",
         .tau_s = 2.5,
         .length_s = 11},
        {.name = "leaks five of six",
         .keeps = forgets(0.836),
         .word = "LEAK_CONFIRMED",
         .what = eof_read,
         .share = 0.836},
        {.name = "leaks 2 %",
         .keeps = forgets(0.02),
         .word = "LEAK_CONFIRMED",
         .due = [](double t) { return 80 * t; },
         .what = eof_read,
         .share = 0.02},
        {.name = "leaks in flight",
         .keeps = in_flight_only,
         .word = "LEAK_CONFIRMED",
         .in_flight = true,
         .what = eof_unread,
         .share = 0.2},
        {.name = "pool of 20", .keeps = pool_of_20, .word = "BOUNDED", .what = eof_read},
        {.name = "idle time-out", .keeps = keeps(2, 2), .word = "RECLAIMED"},
        {.name = "sawtooth", .keeps = until_the_next_sweep, .word = "RECLAIMED"},
        {.name = "ramp", .keeps = keeps(0.8, 2), .word = "RECLAIMED", .due = ramp},
        {.name = "burst of 300",
         .keeps = burst,
         .word = "TRANSIENT",
         .tau_s = 2.5,
         .length_s = 11,
         .held = 300},
        {.name = "few descriptors",
         .keeps = forgets(0.5),
         .word = "LEAK_CONFIRMED",
         .nofile = 190,
         .backlog = 8,
         .flags = {"FD_EXHAUSTED", "ACCEPT_STALL"}},
        {.name = "dual-stack",
         .keeps = forgets(0.5),
         .word = "LEAK_CONFIRMED",
         .family = AF_INET6,
         .what = eof_read,
         .share = 0.5},
    };
    const auto reports = load_and_judge(rows);
    std::map<std::string, const SocketReport*> by_name;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        SCOPED_TRACE(rows[i].name);
        expect(rows[i], reports[i]);
        by_name[rows[i].name] = &reports[i];
    }
    EXPECT_EQ(by_name["pool of 20"]->leaked, 20U);
    // Little: 40 a second, each for 2 s.
    EXPECT_GE(by_name["idle time-out"]->close_wait_max, 72U);
    // A socket was last seen up to one sampling period before it went.
    const auto& reclaimed = *by_name["idle time-out"];
    EXPECT_LE(to_seconds(reclaimed.dwell.value().p50), 2.1);
    EXPECT_GE(to_seconds(reclaimed.dwell.value().p50), 1.9 - to_seconds(reclaimed.sampling_period));
    EXPECT_GE(by_name["burst of 300"]->close_wait_max, 200U);
    EXPECT_EQ(by_name["burst of 300"]->leaked, 0U);
    // Some 33 descriptors a second are lost: when the last one is gone can be calculated.
    const auto& leak = *by_name["leaks five of six"];
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const double left = static_cast<double>(limit.rlim_cur) - static_cast<double>(leak.leaked);
    ASSERT_TRUE(leak.fd_eta);
    EXPECT_NEAR(to_seconds(*leak.fd_eta), left / (40 * 0.836), 0.1 * left / (40 * 0.836));
}

}  // namespace
}  // namespace loadline

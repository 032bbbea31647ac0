// Netlink against /proc/net/tcp, on real sockets; and what happens where netlink is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <future>
#include <map>

#include "base/procfs.hpp"
#include "watch/watcher.hpp"
#include "watch_server.hpp"

namespace loadline {
namespace {

using testing::HasSubstr;
using Source = SocketTable::Source;

std::vector<SocketRecord> read(SocketTable& table) {
    auto records = table.read();
    EXPECT_TRUE(records.has_value());
    return std::move(*records);
}

/// Everything that both sources know of each socket, by state and peer.
std::multimap<std::pair<TcpState, std::string>, std::vector<std::uint32_t>> facts(
    const std::vector<SocketRecord>& records) {
    std::multimap<std::pair<TcpState, std::string>, std::vector<std::uint32_t>> all;
    for (const auto& r : records) {
        const auto sent = r.state == TcpState::listen ? 0 : r.send_queue;  // /proc has no backlog
        all.insert(
            {{r.state, r.peer()}, {r.inode, r.receive_queue, sent, r.keep_alive.has_value()}});
    }
    return all;
}

/// Forbids NETLINK sockets to this thread for ever, as a container's profile may.
bool forbid_netlink() {
    sock_filter code[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, SYS_socket},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, args[0])},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, AF_NETLINK},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

/// Sockets in every state that a test can hold still.
struct Zoo {
    explicit Zoo(int family) : server{family} {
        established = connect_and_accept(server, 6);
        leaked = connect_and_accept(server, 5);
        close_clients(leaked);
        unread = connect_and_accept(server, 4);
        close_clients(unread, false);
        half_closed = connect_and_accept(server, 3);
        for (auto& connection : half_closed) ::shutdown(connection.server.get(), SHUT_WR);
        const int on = 1;
        for (auto& c : leaked)
            ::setsockopt(c.server.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        for (int i = 0; i < 2; ++i) waiting.push_back(server.connect());
        EXPECT_TRUE(wait_for(seconds(2), [this] { return count(TcpState::fin_wait2) == 3; }));
    }
    std::ptrdiff_t count(TcpState state) const {
        SocketTable table{server.port()};
        const auto records = read(table);
        return std::count_if(records.begin(), records.end(),
                             [&](const auto& record) { return record.state == state; });
    }
    ListeningSocket server;
    std::vector<Ends> established, leaked, unread, half_closed;
    std::vector<Fd> waiting;
};

TEST(Watcher, KeepsTheFullestAcceptQueueThatTheLatestSampleNoLongerShows) {
    const ListeningSocket server{AF_INET, 0, 8};
    WatchOptions options;
    options.port = server.port();
    const auto watcher = Watcher::start(options);
    ASSERT_TRUE(watcher.has_value());
    ASSERT_TRUE((*watcher)->take_fullest_queue());
    const auto waiting = [&] { return (*watcher)->latest()->accept_queue; };
    std::vector<Fd> connections;
    for (int i = 0; i < 5; ++i) connections.push_back(server.connect());
    ASSERT_TRUE(wait_for(seconds(5), [&] { return waiting() == 5; }));
    for (int i = 0; i < 5; ++i) connections.push_back(server.accept());
    ASSERT_TRUE(wait_for(seconds(5), [&] { return waiting() == 0; }));
    const auto fullest = (*watcher)->take_fullest_queue();
    ASSERT_TRUE(fullest);
    EXPECT_EQ(fullest->length, 5u);
    EXPECT_EQ(fullest->backlog, 8u);
    const auto since = (*watcher)->take_fullest_queue();
    EXPECT_TRUE(!since || since->length == 0) << "a burst counts once";
}

TEST(SocketTable, BothSourcesTellTheSame) {
    for (const int family : {AF_INET, AF_INET6}) {
        SCOPED_TRACE(family == AF_INET ? "IPv4" : "dual-stack");
        Zoo zoo{family};
        if (!zoo.server.open()) continue;  // no IPv6 on this machine
        SocketTable netlink{zoo.server.port()}, proc{zoo.server.port(), Source::proc};
        const auto from_netlink = read(netlink), from_proc = read(proc);
        EXPECT_EQ(netlink.source(), Source::netlink);
        EXPECT_EQ(proc.source(), Source::proc);
        EXPECT_EQ(from_netlink.size(), 1U + 6 + 5 + 4 + 3 + 2);
        EXPECT_EQ(from_netlink.front().state, TcpState::listen);
        EXPECT_EQ(from_proc.front().state, TcpState::listen);
        EXPECT_EQ(facts(from_netlink), facts(from_proc));
    }
}

TEST(SocketTable, ReadsManyDatagramsOfADump) {
    raise_fd_limit();
    ListeningSocket server;
    auto connections = connect_and_accept(server, 1000);  // some 60 kB of answer
    close_clients(connections);
    SocketTable table{server.port()};
    const auto begin = thread_cpu_time();
    EXPECT_EQ(read(table).size(), 1001U);
    RecordProperty("cpu_us", static_cast<int>((thread_cpu_time() - begin).count() / 1000));
}

TEST(SocketTable, TheCookieSurvivesAccept) {
    ListeningSocket server;
    auto client = server.connect();
    SocketTable table{server.port()};
    const auto before = read(table).at(1);
    const auto accepted = server.accept();
    const auto after = read(table).at(1);
    EXPECT_EQ(before.inode, 0U);
    EXPECT_NE(after.inode, 0U);
    EXPECT_EQ(before.cookie, after.cookie);
    std::uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    ASSERT_EQ(::getsockopt(accepted.get(), SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
    EXPECT_EQ(after.cookie, cookie);
}

/// One connection in CLOSE_WAIT, and what each source must say of it.
struct Stuck {
    const char* name;
    bool accept = true, read_eof = false, keep_alive = false;
    const char* request = "";  ///< left unread
    bool fill = false;         ///< the server writes until the client's buffers are full
    std::uint32_t unread = 0;
    StuckClass what = StuckClass::eof_not_closed;
};

Ends make(const Stuck& stuck, const ListeningSocket& server) {
    Ends connection{server.connect(), Fd{}};
    if (stuck.accept) connection.server = server.accept();
    const int on = 1, idle = 300, client = connection.client.get(), there = connection.server.get();
    if (stuck.keep_alive) {
        ::setsockopt(there, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        ::setsockopt(there, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    }
    const std::string request = stuck.request, page(1 << 16, 'x');
    EXPECT_EQ(::send(client, request.data(), request.size(), 0),
              static_cast<ssize_t>(request.size()));
    while (stuck.fill && ::send(there, page.data(), page.size(), MSG_DONTWAIT) > 0) {
    }
    ::shutdown(client, SHUT_WR);
    char byte;
    if (stuck.read_eof) {
        EXPECT_EQ(::recv(there, &byte, 1, 0), 0);
    }
    return connection;
}

TEST(SocketTable, SaysOfASocketInCloseWaitWhatItIsStuckIn) {
    const Stuck rows[] = {
        {.name = "EOF read, not closed", .read_eof = true},
        {.name = "the same, which keep-alive will reap", .read_eof = true, .keep_alive = true},
        {.name = "EOF never read", .unread = 1, .what = StuckClass::eof_never_read},
        {.name = "request never read",
         .request = "GET /",
         .unread = 6,
         .what = StuckClass::request_never_read},
        {.name = "never accepted",
         .accept = false,
         .unread = 1,
         .what = StuckClass::never_accepted},
        {.name = "never accepted, with a request",
         .accept = false,
         .request = "GET /",
         .unread = 6,
         .what = StuckClass::never_accepted},
        {.name = "still sending", .fill = true, .unread = 1, .what = StuckClass::still_sending},
    };
    for (const auto source : {Source::netlink, Source::proc}) {
        for (const auto& row : rows) {
            SCOPED_TRACE(std::string{row.name} + (source == Source::proc ? ", from /proc" : ""));
            ListeningSocket server;
            const auto connection = make(row, server);
            SocketTable table{server.port(), source};
            const auto records = read(table);
            ASSERT_EQ(records.size(), 2U);  // behind the listener
            const auto& r = records[1];
            EXPECT_EQ(r.state, TcpState::close_wait);
            EXPECT_EQ(r.inode != 0, row.accept);
            EXPECT_EQ(r.receive_queue, row.unread);
            EXPECT_EQ(r.send_queue > 0, row.fill);
            ASSERT_EQ(r.keep_alive.has_value(), row.keep_alive);
            if (r.keep_alive) {
                EXPECT_GT(*r.keep_alive, seconds(200));
                EXPECT_LT(*r.keep_alive, seconds(301));
            }
            EXPECT_EQ(r.timed, source == Source::netlink);
            EXPECT_EQ(stuck_class(r.inode, r.receive_queue, r.send_queue), row.what);
        }
    }
}

/// The kernel counts ages in its ticks, of which the longest takes 10 ms.
constexpr Duration tick = milliseconds(10);

TEST(SocketTable, TellsTheTrueAgeOfSocketsThatComeBetweenItsReads) {
    for (const int family : {AF_INET, AF_INET6}) {
        SCOPED_TRACE(family == AF_INET ? "IPv4" : "dual-stack");
        ListeningSocket server{family};
        if (!server.open()) continue;  // no IPv6 on this machine
        auto staying = connect_and_accept(server, 8), leaving = connect_and_accept(server, 2);
        SocketTable table{server.port()};
        ASSERT_EQ(read(table).size(), 11U);
        const auto earliest = Clock::now();
        close_clients(leaving);
        const auto latest = Clock::now();
        Duration asking{};  // what is remembered is as of some moment of the read that asked
        for (const auto later : {milliseconds(60), milliseconds(120)}) {  // asked for; remembered
            std::this_thread::sleep_until(latest + later);
            const auto begin = Clock::now();
            const auto records = read(table);
            const auto end = Clock::now();
            int seen = 0;
            for (const auto& record : records) {
                if (record.state != TcpState::close_wait) continue;
                ++seen;
                EXPECT_TRUE(record.timed);
                EXPECT_GE(record.since_last_ack, begin - latest - tick - asking);
                EXPECT_LE(record.since_last_ack, end - earliest + tick);
            }
            EXPECT_EQ(seen, 2);
            asking = end - begin;
        }
    }
}

TEST(SockDiag, AnswersForOneSocketUntilItIsGone) {
    ListeningSocket server;
    auto connections = connect_and_accept(server, 1);
    close_clients(connections);
    std::optional<DumpError> error;
    SockDiag kernel{error};
    ASSERT_FALSE(error);
    std::vector<SocketRecord> records;
    const DumpRequest request{AF_INET, only(TcpState::close_wait), server.port()};
    ASSERT_FALSE(kernel.dump(request, records));
    ASSERT_EQ(records.size(), 1U);
    EXPECT_FALSE(records[0].timed);

    auto asked = records[0];
    EXPECT_FALSE(kernel.add_ages(asked, server.port()));
    EXPECT_TRUE(asked.timed);
    asked = records[0];
    asked.cookie += 1;  // another one has its addresses now
    EXPECT_FALSE(kernel.add_ages(asked, server.port()));
    EXPECT_FALSE(asked.timed);
    connections[0].server.close();
    asked = records[0];
    EXPECT_FALSE(kernel.add_ages(asked, server.port()));
    EXPECT_FALSE(asked.timed);
    EXPECT_FALSE(kernel.dump(request, records)) << "and a dump may follow";
    EXPECT_EQ(records.size(), 1U);
}

/// Sends every receive of this thread to a supervisor, for ever: its descriptor, or -1.
int supervise_receives() {
    sock_filter code[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_recvfrom},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                      SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

/// Calls `what` on a thread whose first so many receives fail with ENOBUFS, as on a netlink socket
/// whose buffer was too small for what the kernel sent. False: this kernel cannot do that.
bool with_losses(int losses, const std::function<void()>& what) {
    std::promise<int> supervisor;
    std::atomic<bool> done{false};
    std::jthread receiver{[&] {
        const int fd = supervise_receives();
        supervisor.set_value(fd);
        if (fd >= 0) what();
        done = true;
    }};
    const Fd fd{supervisor.get_future().get()};
    while (!done) {
        pollfd asked{fd.get(), POLLIN, 0};
        if (fd.get() < 0 || ::poll(&asked, 1, 10) != 1 || !(asked.revents & POLLIN)) continue;
        seccomp_notif request{};
        if (::ioctl(fd.get(), SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) continue;
        seccomp_notif_resp answer{};
        answer.id = request.id;
        if (losses-- > 0) {
            answer.error = -ENOBUFS;
        } else {
            answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        }
        ::ioctl(fd.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
    return fd.get() >= 0;
}

TEST(SocketTable, ADumpThatLostAPartIsRepeatedAndCountsNothingTwice) {
    Zoo zoo{AF_INET};
    SocketTable table{zoo.server.port()};
    const auto expected = facts(read(table));
    for (const int losses : {1, 3}) {
        const bool done = with_losses(losses, [&] { EXPECT_EQ(facts(read(table)), expected); });
        if (!done) GTEST_SKIP() << "this kernel does not supervise system calls";
        EXPECT_EQ(table.source(), Source::netlink);
    }
}

TEST(SocketTable, ADumpThatLosesForEverIsAnErrorAndNoHang) {
    ListeningSocket server;
    SocketTable table{server.port()};
    const bool done = with_losses(1'000'000, [&] {
        const auto records = table.read();
        ASSERT_FALSE(records);
        EXPECT_EQ(records.error().message, "sock_diag: No buffer space available");
    });
    if (!done) GTEST_SKIP() << "this kernel does not supervise system calls";
}

TEST(SocketTable, FallsBackToProcWhereNetlinkIsForbidden) {
    Zoo zoo{AF_INET};
    SocketTable netlink{zoo.server.port()};
    const auto expected = facts(read(netlink));
    std::jthread{[&] {
        ASSERT_TRUE(forbid_netlink());
        SocketTable table{zoo.server.port()};
        EXPECT_EQ(table.source(), Source::proc);
        EXPECT_THAT(table.fallback_reason(),
                    HasSubstr("NETLINK_SOCK_DIAG is forbidden here (EPERM)"));
        EXPECT_EQ(facts(read(table)), expected);
    }}.join();
}

TEST(Watcher, SeesWhatStaysAlsoWithoutNetlinkAndSaysHowItLooked) {
    ListeningSocket server;
    std::jthread{[&] {
        ASSERT_TRUE(forbid_netlink());
        WatchOptions options;
        options.port = server.port();
        options.tau = milliseconds(300);
        auto watcher = std::move(*Watcher::start(options));
        EXPECT_THAT(watcher->trouble(), HasSubstr("NETLINK_SOCK_DIAG is forbidden here (EPERM)"));
        auto connections = connect_and_accept(server, 25);
        close_clients(connections);
        EXPECT_TRUE(
            wait_for(std::chrono::seconds{5}, [&] { return watcher->latest()->close_wait == 25; }));
        watcher->connections_closed(Clock::now());
        // Without the kernel's ages a socket is as old as our first sight of it.
        EXPECT_FALSE(wait_for(watcher->settle_time({}), [&] { return watcher->settled(); }));
        LoadFacts load;
        load.closes = 25;
        load.settled = true;
        const auto report = watcher->finish(load, {});
        EXPECT_EQ(report.word, SocketWord::suspect) << report.text;  // too short to confirm it
        EXPECT_EQ(report.leaked, 25U);
        for (const auto& socket : report.oldest) EXPECT_TRUE(socket.age_bounded);
    }}.join();
}

}  // namespace
}  // namespace loadline

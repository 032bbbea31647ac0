// Netlink against /proc/net/tcp, on real sockets; and what happens where netlink is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
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
        all.insert({{r.state, r.peer()}, {r.inode, r.receive_queue, sent, r.keep_alive}});
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
    std::vector<Connection> established, leaked, unread, half_closed;
    std::vector<Fd> waiting;
};

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

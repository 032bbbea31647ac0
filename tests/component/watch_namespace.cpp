// A server in another network namespace, watched from this one: with the capabilities it takes, and
// without each of them.
#include "network_namespace.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/syscall.h>

#include <algorithm>
#include <memory>
#include <set>

#include "watch/kernel_counters.hpp"
#include "watch/watcher.hpp"
#include "watch_server.hpp"

namespace loadline {
namespace {

using testing::HasSubstr;
using Source = SocketTable::Source;

constexpr int leaks = 5;

/// A container whose server has read the end of five streams, and closed none of the sockets.
class WatchNamespace : public testing::Test {
protected:
    void SetUp() override {
        if (!container.reason().empty()) GTEST_SKIP() << container.reason();
        container.run([this] {
            server = std::make_unique<ListeningSocket>();
            connections = connect_and_accept(*server, leaks);
            close_clients(connections);
        });
    }

    std::uint16_t port() const { return server->port(); }
    SocketTable table(Source source = Source::netlink) const {
        return SocketTable{port(), source, container.pid()};
    }

    Container container;
    std::unique_ptr<ListeningSocket> server;
    std::vector<Ends> connections;
};

/// In CLOSE_WAIT; -1 when the sockets cannot be read.
std::ptrdiff_t close_wait(SocketTable& table) {
    const auto records = table.read();
    if (!records) return -1;
    return std::count_if(records->begin(), records->end(),
                         [](const auto& r) { return r.state == TcpState::close_wait; });
}

/// Takes a capability from this thread, and from those it starts, for ever.
bool drop_capability(unsigned capability) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    if (::syscall(SYS_capget, &header, data) != 0) return false;
    const auto bit = ~(1U << (capability % 32));
    data[capability / 32].effective &= bit;
    data[capability / 32].permitted &= bit;
    return ::syscall(SYS_capset, &header, data) == 0;
}

TEST_F(WatchNamespace, IsEnteredByAThreadThatEnds) {
    const auto before = network_namespace_of_this_thread();
    ino_t inside = 0;
    container.run([&] { inside = network_namespace_of_this_thread(); });
    EXPECT_NE(inside, before);
    auto there = table();
    EXPECT_EQ(there.source(), Source::netlink);
    EXPECT_EQ(close_wait(there), leaks);
    EXPECT_EQ(network_namespace_of_this_thread(), before);
}

TEST_F(WatchNamespace, NobodyEntersTheNamespaceThatIsOurs) {
    std::thread::id who;
    ASSERT_TRUE(in_network_namespace(::getpid(), [&] { who = std::this_thread::get_id(); }));
    EXPECT_EQ(who, std::this_thread::get_id());
}

TEST_F(WatchNamespace, ShowsItsSocketsToBothSourcesAndToNoTableOfOurOwn) {
    SocketTable ours{port()};
    EXPECT_EQ(close_wait(ours), 0);
    auto netlink = table(), proc = table(Source::proc);
    EXPECT_EQ(close_wait(netlink), leaks);
    EXPECT_EQ(close_wait(proc), leaks);
    EXPECT_EQ(netlink.fallback_reason(), "");
}

TEST_F(WatchNamespace, IsSeenFromEveryThreadAndWhenItsProcessHasEnded) {
    auto netlink = table(), proc = table(Source::proc);
    std::jthread{[&] { EXPECT_EQ(close_wait(netlink), leaks); }}.join();
    const int pid = container.pid();
    container.end();
    EXPECT_EQ(close_wait(netlink), leaks);
    // The text of /proc ends with the process: never our own sockets instead.
    const auto gone = proc.read();
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().message,
              fmt::format("/proc/{0}/net/tcp cannot be read: process {0} has ended", pid));
}

TEST_F(WatchNamespace, WithoutSysAdminItIsReadFromProcAndTheCapabilityIsNamed) {
    std::jthread{[&] {
        ASSERT_TRUE(drop_capability(CAP_SYS_ADMIN));
        auto there = table();
        EXPECT_EQ(there.fallback_reason(),
                  fmt::format("the network namespace of process {} cannot be entered: needs "
                              "CAP_SYS_ADMIN",
                              container.pid()));
        EXPECT_EQ(there.source(), Source::proc);
        EXPECT_EQ(close_wait(there), leaks);
    }}.join();
}

TEST_F(WatchNamespace, WithoutSysPtraceItIsReadFromProcAndBothCapabilitiesAreNamed) {
    std::jthread{[&] {
        ASSERT_TRUE(drop_capability(CAP_SYS_PTRACE));  // now the container may do what we may not
        auto there = table();
        EXPECT_EQ(there.fallback_reason(),
                  fmt::format("the network namespace of process {} cannot be looked up: needs its "
                              "user or CAP_SYS_PTRACE, and CAP_SYS_ADMIN to enter it",
                              container.pid()));
        EXPECT_EQ(close_wait(there), leaks);
    }}.join();
}

TEST_F(WatchNamespace, WhatItsProcessHoldsIsUnknownToWhoMayListItsDescriptorsAndNotReadThem) {
    const std::set<std::uint32_t> nobodys{1};
    EXPECT_EQ(holds_socket(container.pid(), nobodys), false);
    std::jthread{[&] {
        ASSERT_TRUE(drop_capability(CAP_SYS_PTRACE));
        ASSERT_TRUE(open_fds(container.pid()));
        EXPECT_EQ(holds_socket(container.pid(), nobodys), std::nullopt);
    }}.join();
}

TEST_F(WatchNamespace, HasItsLeakConfirmedFromOutside) {
    WatchOptions options;
    options.port = port();
    options.tau = milliseconds(300);
    options.container_pid = container.pid();
    auto watcher = std::move(*Watcher::start(options));
    EXPECT_EQ(watcher->trouble(), "");
    ASSERT_TRUE(watcher->owner());
    EXPECT_EQ(watcher->owner()->pid, ::getpid());  // who listens, not the container's first
    ASSERT_TRUE(watcher->latest() && watcher->latest()->fds);
    options.container_pid.reset();
    auto blind = std::move(*Watcher::start(options));
    std::this_thread::sleep_for(std::chrono::milliseconds{700});
    const auto report = watcher->finish_alone();
    EXPECT_EQ(report.word, SocketWord::leak_confirmed) << report.text;
    EXPECT_EQ(report.leaked, static_cast<std::uint64_t>(leaks));
    for (const auto& socket : report.oldest) EXPECT_TRUE(socket.age_bounded);
    EXPECT_EQ(blind->finish_alone().word, SocketWord::unknown);
}

TEST_F(WatchNamespace, CountsItsOwnSegmentsOnly) {
    KernelMeter there{container.pid()};
    there.look({});
    container.run([&] { connect_and_accept(*server, 20); });
    const auto use = there.look(::getpid());  // who listens may live elsewhere
    ASSERT_TRUE(use);
    EXPECT_GE(use->segments, 40U);  // SYN and SYN-ACK of each
    EXPECT_LT(use->segments, 400U);
    container.end();
    EXPECT_FALSE(there.look(::getpid()));
    EXPECT_FALSE(there.readable());
}

}  // namespace
}  // namespace loadline

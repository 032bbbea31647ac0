// The watcher beside a server of a master and its workers: processes of their own, so that their
// descriptors are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <functional>
#include <optional>
#include <set>

#include "child_process.hpp"
#include "watch/attribution.hpp"
#include "watch/listener_holders.hpp"
#include "watch/watcher.hpp"
#include "watch_server.hpp"

namespace loadline {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::IsEmpty;

/// Accepts whatever comes, and closes what its clients have closed.
void serve(const ListeningSocket& listening) {
    std::vector<Fd> connections;
    for (;;) {
        std::vector<pollfd> events{{listening.get(), POLLIN, 0}};
        for (const auto& connection : connections) events.push_back({connection.get(), POLLIN, 0});
        ::poll(events.data(), events.size(), -1);
        for (std::size_t i = events.size() - 1; i > 0; --i) {
            if (events[i].revents != 0) {
                connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i) - 1);
            }
        }
        if (events[0].revents == 0) continue;
        auto connection = listening.accept();  // another worker may have been faster
        if (connection.get() >= 0) connections.push_back(std::move(connection));
    }
}

/// Clients of their own process, as their descriptors are no server's.
Child clients_of(ListeningSocket& listening, int count) {
    return Child{[&, count] {
        std::vector<Fd> clients;
        for (int i = 0; i < count; ++i) clients.push_back(listening.connect());
        listening.close();
        for (;;) ::pause();
    }};
}

WatchOptions options_of(std::uint16_t port) {
    WatchOptions options;
    options.port = port;
    options.tau = milliseconds(300);
    return options;
}

/// A load of the last second, in which the server was exercised.
SocketReport finish(Watcher& watcher, TimePoint begin) {
    LoadFacts load;
    load.begin = begin;
    load.end = Clock::now();
    load.closes = 60;
    load.settled = true;
    return watcher.finish(std::move(load), {});
}

/// This process is the master: its pid is the lowest of all that hold the listening socket.
class WatchWorkers : public testing::Test {
protected:
    void non_blocking() const {
        const int flags = ::fcntl(listening_.get(), F_GETFL);
        ::fcntl(listening_.get(), F_SETFL, flags | O_NONBLOCK);
    }
    /// Of the listening socket, which this process must hold.
    std::uint32_t inode() const {
        struct stat info {};
        EXPECT_EQ(::fstat(listening_.get(), &info), 0);
        return static_cast<std::uint32_t>(info.st_ino);
    }
    /// Waits until a child has closed its copy of the listening socket.
    bool has_let_go(const Child& child) const {
        const std::set<std::uint32_t> socket{inode()};
        return wait_for(seconds(5), [&] { return holds_socket(child.pid(), socket) == false; });
    }

    ListeningSocket listening_;
};

TEST_F(WatchWorkers, ClientsThatLeaveThemAreNoInvisibleLeak) {
    non_blocking();
    const Child first{[&] { serve(listening_); }}, second{[&] { serve(listening_); }};
    auto clients = clients_of(listening_, 60);
    auto watcher = std::move(*Watcher::start(options_of(listening_.port())));
    ASSERT_TRUE(wait_for(seconds(5), [&] { return watcher->latest()->owned == 60; }));
    watcher = std::move(*Watcher::start(options_of(listening_.port())));
    EXPECT_EQ(watcher->owner()->pid, ::getpid());
    EXPECT_EQ(watcher->latest()->owned, 60U);
    const auto begin = Clock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds{600});
    clients.end();
    ASSERT_TRUE(wait_for(seconds(5), [&] { return watcher->latest()->owned == 0; }));
    EXPECT_THAT(finish(*watcher, begin).flags, IsEmpty());
}

TEST_F(WatchWorkers, OneThatHasNoDescriptorLeftIsExhausted) {
    const Child worker{[&] {
        const rlimit few{100, 100};
        ::setrlimit(RLIMIT_NOFILE, &few);
        std::vector<Fd> connections;
        for (;;) {
            auto connection = listening_.accept();
            if (connection.get() >= 0) connections.push_back(std::move(connection));
            if (connection.get() < 0 && errno == EMFILE) ::pause();
        }
    }};
    const auto clients = clients_of(listening_, 120);
    auto watcher = std::move(*Watcher::start(options_of(listening_.port())));
    const auto begin = Clock::now();
    EXPECT_TRUE(wait_for(seconds(5), [&] {
        const auto sample = watcher->latest();
        return sample->fds >= 100U && sample->fd_limit == 100U;
    }));
    EXPECT_EQ(watcher->owner()->pid, ::getpid());  // still the master
    const auto report = finish(*watcher, begin);
    // One that it got from this process may have a number beyond its limit.
    EXPECT_THAT(
        report.flags,
        ElementsAre(ContainsRegex("^FD_EXHAUSTED: 10. of 100 file descriptors in use by process " +
                                  std::to_string(worker.pid()) + "$")));
    EXPECT_TRUE(report.fd_exhausted);
}

TEST_F(WatchWorkers, OneThatTakesThePlaceOfAnotherIsFound) {
    Child first{[] {}};
    auto watcher = std::move(*Watcher::start(options_of(listening_.port())));
    const auto alone = *watcher->latest();
    EXPECT_GT(alone.fds_of_others, 0U);
    first.end();
    EXPECT_TRUE(wait_for(seconds(5), [&] { return watcher->latest()->fds_of_others == 0; }));
    const Child second{[] {}}, third{[] {}};
    EXPECT_TRUE(wait_for(
        seconds(15), [&] { return watcher->latest()->fds_of_others >= 2 * alone.fds_of_others; }));
}

TEST_F(WatchWorkers, OneOfThemMayBeNamedAndAStrangerMayNot) {
    const Child worker{[] {}}, stranger{[&] { listening_.close(); }};
    const auto port = listening_.port();
    ASSERT_TRUE(has_let_go(stranger));
    listening_.close();
    auto options = options_of(port);
    options.pid = worker.pid();
    const auto watcher = Watcher::start(options);
    ASSERT_TRUE(watcher.has_value()) << watcher.error().message;
    EXPECT_EQ((*watcher)->owner()->pid, worker.pid());
    EXPECT_EQ((*watcher)->latest()->fds_of_others, 0U);

    options.pid = stranger.pid();
    const auto refused = Watcher::start(options);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().kind, ErrorKind::usage);
    const auto command = command_of(::getpid());  // a child's, too: it runs no other program
    EXPECT_EQ(refused.error().message,
              fmt::format("process {} ({}) holds no socket of port {}\n"
                          "   hint: process {} listens there: {}",
                          stranger.pid(), command, port, worker.pid(), command));
}

TEST_F(WatchWorkers, OneThatIsHandedItsConnectionsAndASupervisorMayBeNamed) {
    const Child handed{[&] { listening_.close(); }};
    ASSERT_TRUE(has_let_go(handed));
    auto options = options_of(listening_.port());
    options.pid = handed.pid();
    const auto below = Watcher::start(options);
    ASSERT_TRUE(below.has_value()) << below.error().message;
    EXPECT_EQ((*below)->owner()->pid, handed.pid());

    const Child server{[] {}};
    listening_.close();
    options.pid = ::getpid();
    const auto above = Watcher::start(options);
    ASSERT_TRUE(above.has_value()) << above.error().message;
    EXPECT_EQ((*above)->owner()->pid, ::getpid());
    EXPECT_GT((*above)->latest()->fds_of_others, 0U);  // who listens is counted, too
}

TEST_F(WatchWorkers, ARestartedInstanceOfAPortThatIsSharedIsFound) {
    ListeningSocket first{AF_INET6, 0, 1024, true};
    const auto another = [&] {
        static std::optional<ListeningSocket> own;
        first.close();
        own.emplace(AF_INET6, first.port(), 1024, true);
    };
    Child second{another};
    const auto watcher = std::move(*Watcher::start(options_of(first.port())));
    ASSERT_TRUE(wait_for(seconds(5), [&] { return watcher->latest()->fds_of_others > 0; }));
    second.end();
    ASSERT_TRUE(wait_for(seconds(5), [&] { return watcher->latest()->fds_of_others == 0; }));
    const Child third{another};
    EXPECT_TRUE(wait_for(seconds(15), [&] { return watcher->latest()->fds_of_others > 0; }));
}

TEST_F(WatchWorkers, WhoTakesOverTheSocketIsFoundWhenTheFirstHasEnded) {
    Child first{[] {}};
    const Child next{[] {}};
    ListenerHolders holders;
    holders.begin({first.pid()}, {inode()});
    const auto begin = Clock::now();
    EXPECT_EQ(holders.look(begin)->of_others, 0U);
    first.end();
    EXPECT_FALSE(holders.look(begin + seconds(1)));
    const auto open = holders.look(begin + seconds(2));
    ASSERT_TRUE(open);
    EXPECT_GT(open->of_others, 0U);  // this process, and the next one
}

TEST_F(WatchWorkers, WhoTakesOverTheSocketIsTheOneThatIsNamedThen) {
    Child one{[] {}}, another{[] {}};
    auto& first = one.pid() < another.pid() ? one : another;  // the numbers may begin anew
    const int next = one.pid() < another.pid() ? another.pid() : one.pid();
    const auto port = listening_.port();
    listening_.close();  // these two are the holders now, and neither is the other's master
    const auto watcher = std::move(*Watcher::start(options_of(port)));
    EXPECT_EQ(watcher->owner()->pid, first.pid());
    first.end();
    EXPECT_TRUE(wait_for(seconds(15), [&] { return watcher->owner()->pid == next; }));
}

TEST_F(WatchWorkers, AllOfAPreforkingServerAreFollowed) {
    std::vector<Child> workers;
    for (int i = 0; i < 80; ++i) workers.emplace_back([] {});
    ListenerHolders holders;
    holders.begin({::getpid()}, {inode()});
    const auto open = holders.look(Clock::now());
    ASSERT_TRUE(open);
    std::uint32_t all = open_fds(::getpid()).value_or(0);
    for (const auto& worker : workers) all += open_fds(worker.pid()).value_or(0);
    EXPECT_EQ(open->fds + open->of_others, all);
}

/// A descriptor that nobody holds while it is here: on its way through a Unix socket.
class InFlight {
public:
    explicit InFlight(int fd) {
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
        auto message = with_room();
        auto* head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
        EXPECT_EQ(::sendmsg(ends_[0], &message, 0), 1);
    }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;
    ~InFlight() {
        for (const int end : ends_) ::close(end);
    }
    Fd land() {
        auto message = with_room();
        EXPECT_EQ(::recvmsg(ends_[1], &message, MSG_CMSG_CLOEXEC), 1);
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
        return Fd{fd};
    }

private:
    msghdr with_room() {
        msghdr message{};
        message.msg_iov = &part_;
        message.msg_iovlen = 1;
        message.msg_control = room_;
        message.msg_controllen = sizeof room_;
        return message;
    }

    int ends_[2] = {-1, -1};
    char byte_ = 0;
    iovec part_{&byte_, 1};
    alignas(cmsghdr) char room_[CMSG_SPACE(sizeof(int))] = {};
};

TEST_F(WatchWorkers, AfterATimeWithoutAnyHolderTheNextOneIsFound) {
    Child first{[] {}};
    ListenerHolders holders;
    holders.begin({first.pid()}, {inode()});
    InFlight kept{listening_.get()};
    listening_.close();
    const auto begin = Clock::now();
    ASSERT_TRUE(holders.look(begin));
    first.end();
    EXPECT_FALSE(holders.look(begin + seconds(6)));
    EXPECT_EQ(holders.first(), 0);
    const auto restarted = kept.land();
    EXPECT_TRUE(holders.look(begin + seconds(12)));
    EXPECT_EQ(holders.first(), ::getpid());
}

/// Whose cgroup differs from this process's: the service that it keeps a socket for.
struct Keeping {
    int service = 0;
    std::string operator()(int pid) const { return pid == service ? "/shop" : "/init.scope"; }
};

TEST_F(WatchWorkers, WhatASocketWasKeptForTakesThePlaceOfWhoKeptIt) {
    Keeping cgroups;
    ListenerHolders holders{std::ref(cgroups)};
    holders.begin({::getpid()}, {inode()});
    const auto begin = Clock::now();
    EXPECT_EQ(holders.look(begin)->pid, ::getpid());
    EXPECT_EQ(holders.first(), ::getpid()) << "nobody else holds it so far";
    const Child service{[] {}};
    cgroups.service = service.pid();
    const auto open = holders.look(begin + seconds(6));
    ASSERT_TRUE(open);
    EXPECT_EQ(open->pid, service.pid());
    EXPECT_EQ(open->of_others, 0U) << "who kept it serves nobody";
    EXPECT_EQ(holders.first(), service.pid());
}

TEST_F(WatchWorkers, WhoWasNamedKeepsItsPlace) {
    Keeping cgroups;
    ListenerHolders holders{std::ref(cgroups)};
    holders.begin({::getpid()}, {inode()}, true);
    const Child helper{[] {}};
    cgroups.service = helper.pid();
    const auto open = holders.look(Clock::now());
    ASSERT_TRUE(open);
    EXPECT_EQ(holders.first(), ::getpid());
    EXPECT_GT(open->of_others, 0U) << "both are followed";
}

TEST_F(WatchWorkers, AChildThatDoesNotHoldTheSocketIsNone) {
    const Child helper{[&] { listening_.close(); }};
    ASSERT_TRUE(has_let_go(helper));
    auto watcher = std::move(*Watcher::start(options_of(listening_.port())));
    EXPECT_EQ(watcher->latest()->fds_of_others, 0U);
}

}  // namespace
}  // namespace loadline

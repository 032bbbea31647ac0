// The watcher against servers of known behaviour in this process, with a short tau.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <poll.h>
#include <unistd.h>

#include <sstream>

#include "watch/watcher.hpp"
#include "watch_server.hpp"

namespace loadline {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr Duration tau = std::chrono::milliseconds{300};

std::unique_ptr<Watcher> watch(std::uint16_t port,
                               SocketTable::Source source = SocketTable::Source::netlink) {
    WatchOptions options;
    options.port = port;
    options.tau = tau;
    options.source = source;
    auto watcher = Watcher::start(options);
    EXPECT_TRUE(watcher.has_value());
    return std::move(*watcher);
}

LoadFacts load_of(std::uint64_t closes, bool settled = true) {
    LoadFacts load;
    load.closes = closes;
    load.settled = settled;
    load.end = Clock::now();
    load.begin = load.end - seconds(1);
    return load;
}

/// Settles as the engine does: at once when nothing is left, else for the settle time.
SocketReport settle_and_finish(Watcher& watcher, LoadFacts load) {
    watcher.connections_closed(Clock::now());
    const auto limit = watcher.settle_time({});
    wait_for(limit, [&] { return watcher.settled(); });
    return watcher.finish(std::move(load), {});
}
SocketReport settle_and_finish(Watcher& watcher, std::uint64_t closes) {
    return settle_and_finish(watcher, load_of(closes));
}

TEST(Watch, SuspectsAServerThatKeepsWhatABurstClosed) {
    ListeningSocket server;
    auto watcher = watch(server.port());
    auto connections = connect_and_accept(server, 40);
    close_clients(connections);
    const auto report = settle_and_finish(*watcher, 40);
    EXPECT_EQ(report.word, SocketWord::suspect);
    EXPECT_EQ(report.leaked, 40U);
    EXPECT_EQ(report.close_wait_max, 40U);
    EXPECT_DOUBLE_EQ(report.leak_fraction.value(), 1);
    EXPECT_GT(report.leak_fraction_interval[0], 0.9);
    EXPECT_EQ(report.pid, ::getpid());
    EXPECT_THAT(report.text, StartsWith("40 of 40 closed connections are still in CLOSE_WAIT "));
    EXPECT_THAT(report.text, HasSubstr(" after the drain: 40 EOF read and not closed; "));
    EXPECT_THAT(report.command, HasSubstr("watch_detects"));
    EXPECT_EQ(report.oldest.size(), 20U);
    EXPECT_THAT(report.oldest[0].peer, StartsWith("127.0.0.1:"));
}

TEST(Watch, MeasuresTheShareThatStays) {
    ListeningSocket server;
    auto watcher = watch(server.port());
    auto connections = connect_and_accept(server, 100);
    close_clients(connections);
    connections.resize(5);  // the others are closed by the server too
    const auto report = settle_and_finish(*watcher, 100);
    EXPECT_EQ(report.word, SocketWord::suspect);
    EXPECT_DOUBLE_EQ(report.leak_fraction.value(), 0.05);
    EXPECT_LT(report.leak_fraction_interval[0], 0.05);
    EXPECT_GT(report.leak_fraction_interval[1], 0.05);
}

TEST(Watch, FindsNothingWhereTheServerCloses) {
    ListeningSocket server;
    auto watcher = watch(server.port());
    auto connections = connect_and_accept(server, 40);
    close_clients(connections);
    connections.clear();
    const auto begin = Clock::now();
    const auto report = settle_and_finish(*watcher, 40);
    EXPECT_EQ(report.word, SocketWord::ok) << report.text;
    EXPECT_EQ(report.text, "none of 40 closed connections is left in CLOSE_WAIT");
    EXPECT_LT(Clock::now() - begin, watcher->settle_time({}));
}

TEST(Watch, WaitsForAServerThatClosesLate) {
    ListeningSocket server;
    auto watcher = watch(server.port());
    auto connections = connect_and_accept(server, 40);
    close_clients(connections);
    std::jthread late{[&] {
        std::this_thread::sleep_for(tau);
        connections.clear();
    }};
    const auto report = settle_and_finish(*watcher, 40);
    EXPECT_EQ(report.word, SocketWord::ok) << report.text;
}

TEST(Watch, IsNotSettledByASampleFromBeforeTheLastClose) {
    ListeningSocket server;
    auto watcher = watch(server.port());
    auto connections = connect_and_accept(server, 40);
    ASSERT_TRUE(wait_for(seconds(2), [&] { return watcher->latest()->states[1] == 40; }));
    EXPECT_FALSE(watcher->settled());
    close_clients(connections);
    watcher->connections_closed(Clock::now());
    EXPECT_FALSE(watcher->settled());  // although the latest sample knows of no CLOSE_WAIT
    ASSERT_TRUE(wait_for(seconds(2), [&] { return watcher->close_wait_of_load() == 40; }));
    EXPECT_FALSE(watcher->settled());
    // Whoever does not wait gets no OK.
    EXPECT_EQ(watcher->finish(load_of(40, false), {}).word, SocketWord::inconclusive);
}

TEST(Watch, TellsWhatAStuckSocketIsStuckIn) {
    const struct {
        const char* name;
        bool accept, read_eof, send_request;
    } rows[] = {{"EOF read and not closed", true, true, false},
                {"EOF never read", true, false, false},
                {"request never read", true, false, true},
                {"never accepted", false, false, false}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        ListeningSocket server;
        auto watcher = watch(server.port());
        std::vector<Ends> connections;
        for (int i = 0; i < 5; ++i) {
            auto client = server.connect();
            if (row.send_request) {
                EXPECT_EQ(::send(client.get(), "GET /", 5, 0), 5);
            }
            connections.push_back({std::move(client), row.accept ? server.accept() : Fd{}});
        }
        close_clients(connections, row.read_eof);
        const auto report = settle_and_finish(*watcher, 5);
        EXPECT_EQ(report.word, SocketWord::suspect);
        ASSERT_EQ(report.oldest.size(), 5U);
        EXPECT_STREQ(to_string(stuck_class(report.oldest[0])), row.name);
    }
}

TEST(Watch, SeesTheAcceptQueueFill) {
    ListeningSocket server{AF_INET, 0, 64};
    auto watcher = watch(server.port());
    std::vector<Fd> clients;
    for (int i = 0; i < 10; ++i) clients.push_back(server.connect());
    EXPECT_TRUE(wait_for(seconds(2), [&] { return watcher->latest()->accept_queue == 10; }));
    EXPECT_EQ(watcher->latest()->backlog, 64U);
}

TEST(Watch, ReportsButDoesNotCountWhatWasThereBefore) {
    ListeningSocket server;
    auto before = connect_and_accept(server, 7);
    close_clients(before);
    auto watcher = watch(server.port());
    auto connections = connect_and_accept(server, 40);
    close_clients(connections);
    connections.clear();
    const auto report = settle_and_finish(*watcher, 40);
    EXPECT_EQ(report.word, SocketWord::ok);
    EXPECT_EQ(report.before, 7U);
    EXPECT_EQ(report.leaked, 0U);
    EXPECT_EQ(report.text,
              "none of 40 closed connections is left in CLOSE_WAIT (7 sockets in CLOSE_WAIT from "
              "before the load are not counted)");
}

TEST(Watch, SeesIpv4ClientsOfADualStackListener) {
    ListeningSocket server{AF_INET6};
    if (!server.open()) GTEST_SKIP() << "no IPv6 on this machine";
    auto watcher = watch(server.port());
    auto connections = connect_and_accept(server, 5);
    close_clients(connections);
    const auto report = settle_and_finish(*watcher, 5);
    EXPECT_EQ(report.word, SocketWord::suspect);
    EXPECT_EQ(report.leaked, 5U);
    EXPECT_THAT(report.oldest.at(0).peer, StartsWith("127.0.0.1:"));
}

TEST(Watch, LeavesNeighbourPortsAndTheClientSideOut) {
    ListeningSocket watched;
    std::vector<Ends> leaked;
    std::vector<ListeningSocket> neighbours;
    for (const int distance : {-1, 1}) {
        ListeningSocket neighbour{AF_INET, static_cast<std::uint16_t>(watched.port() + distance)};
        if (!neighbour.open()) neighbour = ListeningSocket{};  // taken: any other port, then
        for (auto& one : connect_and_accept(neighbour, 5)) leaked.push_back(std::move(one));
        neighbours.push_back(std::move(neighbour));
    }
    auto watcher = watch(watched.port());
    close_clients(leaked);
    // The server closes first: now the clients' sockets are in CLOSE_WAIT, not the server's.
    auto connections = connect_and_accept(watched, 30);
    for (auto& connection : connections) connection.server.close();
    ASSERT_TRUE(wait_for(seconds(2), [&] { return watcher->latest()->states[5] == 30; }));
    EXPECT_EQ(watcher->latest()->close_wait, 0U);
    connections.clear();
    EXPECT_EQ(settle_and_finish(*watcher, 30).word, SocketWord::ok);
}

TEST(Watch, SumsListenersThatShareThePort) {
    ListeningSocket first{AF_INET, 0, 64, true};
    ListeningSocket second{AF_INET, first.port(), 32, true};
    ASSERT_TRUE(second.open());
    auto watcher = watch(first.port());
    EXPECT_EQ(watcher->latest()->states[10], 2U);
    EXPECT_EQ(watcher->latest()->backlog, 96U);
    // The kernel spreads the clients over the two; each leaves some in its queue, closed.
    std::vector<Fd> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(first.connect());
    clients.resize(8);
    ASSERT_TRUE(wait_for(seconds(2), [&] { return watcher->latest()->accept_queue == 20; }));
    EXPECT_EQ(watcher->latest()->close_wait, 12U);
    EXPECT_EQ(watcher->latest()->states[1], 8U);
    clients.clear();
    for (int i = 0; i < 20; ++i) {  // all are taken, and closed
        pollfd ready[2] = {{first.get(), POLLIN, 0}, {second.get(), POLLIN, 0}};
        ASSERT_GT(::poll(ready, 2, 1000), 0);
        (ready[0].revents != 0 ? first : second).accept();
    }
    first.close();  // one of two workers ends: the other still listens
    const auto report = settle_and_finish(*watcher, 20);
    EXPECT_EQ(report.word, SocketWord::ok) << report.text;
}

TEST(Watch, ARestartedOrStoppedServerIsInconclusive) {
    ListeningSocket server;
    auto watcher = watch(server.port());
    server.close();
    ListeningSocket successor{AF_INET, server.port()};
    ASSERT_TRUE(successor.open());
    auto report = settle_and_finish(*watcher, 100);
    EXPECT_EQ(report.word, SocketWord::inconclusive);
    EXPECT_THAT(report.text, HasSubstr("the server was restarted"));

    watcher = watch(successor.port());
    successor.close();
    report = settle_and_finish(*watcher, 100);
    EXPECT_EQ(report.word, SocketWord::inconclusive);
    EXPECT_THAT(report.text, HasSubstr("stopped listening"));
}

TEST(Watch, AProcessThatOpensItsSocketAnewIsTheSameServer) {
    std::string recording;
    ListeningSocket server;
    WatchOptions options;
    options.port = server.port();
    options.tau = tau;
    options.record = [&](const std::string& line) { recording += line + "\n"; };
    auto watcher = std::move(*Watcher::start(options));
    auto connections = connect_and_accept(server, 5);
    close_clients(connections);
    ASSERT_TRUE(wait_for(seconds(5), [&] { return watcher->close_wait_of_load() == 5; }));
    server.close();
    ListeningSocket again{AF_INET, server.port()};
    ASSERT_TRUE(again.open());
    auto more = connect_and_accept(again, 2);
    close_clients(more);
    ASSERT_TRUE(wait_for(seconds(5), [&] { return watcher->close_wait_of_load() == 7; }));
    const auto report = settle_and_finish(*watcher, 7);
    EXPECT_EQ(report.word, SocketWord::suspect) << report.text;
    EXPECT_EQ(report.leaked, 7U);
    EXPECT_EQ(report.before, 0U);
    EXPECT_TRUE(report.flags.empty()) << report.flags[0];
    std::istringstream lines{recording};
    const auto replayed = replay_sockets(lines);
    ASSERT_TRUE(replayed) << replayed.error().message;
    EXPECT_EQ(replayed->text, report.text);
    EXPECT_TRUE(*replayed == report);
}

TEST(Watch, SeesWhatAServerThatStoppedListeningLeaks) {
    ListeningSocket server;
    auto watcher = watch(server.port());
    auto connections = connect_and_accept(server, 5);
    close_clients(connections);
    server.close();
    EXPECT_EQ(settle_and_finish(*watcher, 5).word, SocketWord::suspect);
}

TEST(Watch, IsUnknownWhereNothingListens) {
    ListeningSocket server;
    server.close();
    auto watcher = watch(server.port());
    const auto report = settle_and_finish(*watcher, 100);
    EXPECT_EQ(report.word, SocketWord::unknown);
    EXPECT_THAT(report.text, HasSubstr("in the watched network namespace"));
}

TEST(Watch, IsNotExercisedByAFewCloses) {
    ListeningSocket server;
    auto watcher = watch(server.port());
    EXPECT_EQ(settle_and_finish(*watcher, 19).word, SocketWord::not_exercised);
}

TEST(Watch, ALateWatcherKnowsTheAgeFromItsFirstSample) {
    ListeningSocket server;
    auto connections = connect_and_accept(server, 5);
    for (auto& connection : connections) {
        ASSERT_EQ(::send(connection.client.get(), "x", 1, 0), 1);
        char byte;
        ASSERT_EQ(::recv(connection.server.get(), &byte, 1, 0), 1);
    }
    const auto data_sent = Clock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
    const auto closing = Clock::now();
    close_clients(connections);
    const auto closed = Clock::now();
    std::this_thread::sleep_for(3 * tau);

    auto watcher = watch(server.port());
    std::this_thread::sleep_for(tau);
    const auto report = watcher->finish_alone();
    const auto now = Clock::now();
    EXPECT_EQ(report.word, SocketWord::leak_confirmed) << report.text;
    ASSERT_EQ(report.oldest.size(), 5U);
    constexpr Duration tick = std::chrono::milliseconds{15};  // the kernel counts in jiffies
    for (const auto& socket : report.oldest) {
        EXPECT_TRUE(socket.age_bounded);
        EXPECT_GE(socket.age_at_least, 4 * tau - tick);
        EXPECT_LE(socket.age_at_least, now - closing + tick);
        EXPECT_GE(socket.age_at_most, socket.age_at_least);
        EXPECT_GE(socket.age_at_most, 4 * tau + (closed - data_sent) - tick);
    }
}

WatchOptions options_of(std::uint16_t port, std::optional<Duration> given_tau,
                        std::optional<int> pid) {
    WatchOptions options;
    options.port = port;
    options.tau = given_tau;
    options.pid = pid;
    return options;
}

TEST(Watch, StartRefusesWhatCannotBeWatched) {
    const struct {
        WatchOptions options;
        const char* message;
    } rows[] = {{options_of(0, {}, {}), "port 0 cannot be watched"},
                {options_of(80, {}, 0x7ffffffe), "no process 2147483646 is visible here"},
                {options_of(80, Duration{}, {}), "the socket tau must be above zero"}};
    for (const auto& [options, message] : rows) {
        const auto started = Watcher::start(options);
        ASSERT_FALSE(started.has_value()) << message;
        EXPECT_EQ(started.error().kind, ErrorKind::usage);
        EXPECT_EQ(started.error().message, message);
    }
}

TEST(Watch, CountsTheDescriptorsOfTheProcess) {
    ListeningSocket server;
    auto watcher = watch(server.port());
    const auto first = watcher->latest();
    ASSERT_TRUE(first && first->fds && first->fd_limit);
    EXPECT_GT(*first->fd_limit, 0U);
    auto connections = connect_and_accept(server, 10);
    EXPECT_TRUE(wait_for(seconds(2), [&] { return watcher->latest()->fds >= *first->fds + 20; }));
}

}  // namespace
}  // namespace loadline

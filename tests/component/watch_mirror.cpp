// Our own ends of connections that the server does not close, and what may be said of them.
#include "watch/mirror.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "watch/socket_table.hpp"
#include "watch_server.hpp"

namespace loadline {
namespace {

TEST(Mirror, CountsWhatOneServerLeavesHalfClosedSinceItWasMade) {
    ListeningSocket server, other;
    const std::vector<std::string> addresses{fmt::format("127.0.0.1:{}", server.port()),
                                             "/a/socket"};
    const auto shows = [](const Mirror& mirror, std::uint32_t count) {  // the last ACK may be late
        return wait_for(seconds(2), [&] { return mirror.half_closed() == count; });
    };
    const Mirror earlier{addresses};
    auto before = connect_and_accept(server, 3);
    close_clients(before);
    EXPECT_TRUE(shows(earlier, 3));
    const Mirror mirror{addresses};
    EXPECT_EQ(mirror.half_closed(), 0U);

    auto connections = connect_and_accept(server, 10), elsewhere = connect_and_accept(other, 5);
    close_clients(connections);
    close_clients(elsewhere);
    EXPECT_TRUE(shows(mirror, 10));
    const auto sockets = SocketTable{server.port()}.read();
    ASSERT_TRUE(sockets);
    EXPECT_EQ(sockets->size(), 1U + 3 + 10);  // the listener, and those in CLOSE_WAIT
    connections.resize(6);
    EXPECT_TRUE(shows(mirror, 6));
    EXPECT_EQ(earlier.half_closed(), 9U);
}

TEST(Mirror, IsSuspectAndNeverMore) {
    auto report = judge_mirror(60, 120, seconds(5), 8080, "no HTTP target on this machine");
    EXPECT_EQ(report.word, SocketWord::suspect);
    EXPECT_EQ(report.text,
              "60 of 120 connections that we closed are still not closed by the other end after "
              "5.00 s (our sockets in FIN_WAIT2): seen from here only, so nobody knows what they "
              "are stuck in; the server is not watched: no HTTP target on this machine");
    EXPECT_TRUE(warns(report));
    EXPECT_FALSE(fails(report));
    report.strict = true;
    EXPECT_TRUE(fails(report));
}

}  // namespace
}  // namespace loadline

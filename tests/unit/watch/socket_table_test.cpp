#include "watch/socket_table.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace loadline {
namespace {

constexpr const char* tcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 00000000:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 "
    "9001 1 0000000000000000 100 0 0 10 0\n"
    "   1: 0100007F:1F90 0200007F:D0AE 08 00000005:00000011 02:0000A1B2 00000000  1000        0 "
    "9002 1 0000000000000000 20 4 30 10 -1\n"
    "   2: 0100007F:D0AE 0100007F:1F90 05 00000000:00000000 00:00000000 00000000  1000        0 "
    "0 1 0000000000000000 20 4 30 10 -1\n"
    "   3: 0100007F:1F91 0100007F:AAAA 08 00000000:00000001 00:00000000 00000000  1000        0 "
    "9003 1 0000000000000000 20 4 30 10 -1\n"
    "   4: 0100007F:1F90 0100007F:BBBB 06 00000000:00000000 03:00001234 00000000     0        0 "
    "0 3 0000000000000000\n";

constexpr const char* tcp6 =
    "  sl  local_address                         remote_address                        st "
    "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000200007F:D0AE 08 "
    "00000000:00000001 00:00000000 00000000  1000        0 9004 1 0000000000000000 20 4 30 10 -1\n"
    "   1: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:0050 01 "
    "00000000:00000000 00:00000000 00000000  1000        0 9005 1 0000000000000000 20 4 30 10 -1\n";

TEST(ParseProcNetTcp, TakesTheSocketsWithThisLocalPort) {
    const auto records = parse_proc_net_tcp(tcp, 8080);
    ASSERT_EQ(records.size(), 3U);  // not the client's side (2), not the neighbour port (3)
    EXPECT_EQ(records[0].state, TcpState::listen);
    EXPECT_EQ(records[0].receive_queue, 3U);
    EXPECT_EQ(records[0].inode, 9001U);

    const auto& stuck = records[1];
    EXPECT_EQ(stuck.state, TcpState::close_wait);
    EXPECT_EQ(stuck.family, AF_INET);
    EXPECT_EQ(stuck.peer(), "127.0.0.2:53422");
    EXPECT_EQ(stuck.send_queue, 5U);
    EXPECT_EQ(stuck.receive_queue, 17U);
    EXPECT_EQ(stuck.inode, 9002U);
    EXPECT_EQ(stuck.keep_alive, milliseconds(413'940)) << "0xA1B2 ticks of 10 ms";
    EXPECT_FALSE(stuck.timed);

    EXPECT_EQ(records[2].state, TcpState::time_wait);
    EXPECT_NE(records[1].cookie, records[2].cookie);
    EXPECT_EQ(parse_proc_net_tcp(tcp, 8080)[1].cookie, stuck.cookie);
}

TEST(ParseProcNetTcp, ReadsIpv6AndMappedPeers) {
    const auto records = parse_proc_net_tcp(tcp6, 8080);
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[0].family, AF_INET6);
    EXPECT_EQ(records[0].peer(), "127.0.0.2:53422");
    EXPECT_EQ(records[1].peer(), "[::1]:80");
}

TEST(ParseProcNetTcp, SkipsWhatItDoesNotUnderstand) {
    for (const char* text : {"", "\n\n", "no table at all", "1: 0100007F:1F90",
                             "1: 0100007F:1F90 0100007F 08 0:0 00:0 0 0 0 1 1",
                             "1: 0100007F:1F90 0100007F:D0AE zz 0:0 00:0 0 0 0 1 1",
                             "1: 0100007F:1F90 0100007F:D0AE 0D 0:0 00:0 0 0 0 1 1",
                             "1: 0100007F:1F90 0100007F:D0AE 08 00 00:0 0 0 0 1 1",
                             "1: 0100007F:1F90 0100007F:D0AE 08 0:0 00:0 0 0 0 inode 1",
                             "1: 0100007F:1F9000 0100007F:D0AE 08 0:0 00:0 0 0 0 1 1"}) {
        EXPECT_TRUE(parse_proc_net_tcp(text, 8080).empty()) << text;
    }
    EXPECT_EQ(
        parse_proc_net_tcp("1: 0100007F:1F90 0100007F:D0AE 08 0:0 00:0 0 0 0 1 1", 8080).size(),
        1U);
}

}  // namespace
}  // namespace loadline

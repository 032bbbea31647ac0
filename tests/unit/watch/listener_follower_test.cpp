#include "watch/listener_follower.hpp"

#include <gtest/gtest.h>

namespace loadline {
namespace {

using enum ListenerFate;

std::vector<SocketRecord> listening(std::initializer_list<std::uint64_t> cookies) {
    std::vector<SocketRecord> sockets(1);  // a connection says nothing
    for (const auto cookie : cookies) {
        sockets.emplace_back();
        sockets.back().cookie = cookie;
        sockets.back().state = TcpState::listen;
    }
    return sockets;
}

TEST(ListenerFollower, ComparesWithTheFirstThatListened) {
    ListenerFollower follower;
    const struct {
        std::initializer_list<std::uint64_t> cookies;
        ListenerFate fate;
        bool exchanged;
    } rows[] = {
        {{}, never_seen, false}, {{1, 2}, kept, false}, {{2, 3}, kept, false},  {{}, gone, false},
        {{3}, replaced, false},  {{4}, replaced, true}, {{4}, replaced, false}, {{}, gone, false},
        {{5}, replaced, true},   {{1}, kept, true},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(&row - rows);
        EXPECT_EQ(follower.add(listening(row.cookies)), row.fate);
        EXPECT_EQ(follower.exchanged(), row.exchanged);
    }
}

TEST(ListenerFollower, AProcessThatOpensItsSocketAnewIsTheSameServer) {
    ListenerFollower follower;
    follower.add(listening({1}));
    EXPECT_EQ(follower.change({}), ServerChange::none);
    follower.add(listening({2}));
    EXPECT_EQ(follower.change(ServerChange::reopened), ServerChange::reopened);
    EXPECT_EQ(follower.fate(), kept);
    follower.add(listening({3}));
    EXPECT_EQ(follower.change({}), ServerChange::another);
    EXPECT_EQ(follower.fate(), replaced);
    follower.add(listening({4}));
    EXPECT_EQ(follower.change(ServerChange::reopened), ServerChange::reopened);
    EXPECT_EQ(follower.fate(), replaced) << "the second server is not the first";
}

}  // namespace
}  // namespace loadline

#include "watch/tracker.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <numeric>

namespace loadline {
namespace {

const TimePoint start{seconds(1000)};

TimePoint at(double s) { return start + seconds(s); }

/// A CLOSE_WAIT socket whose peer last sent something so many seconds ago.
SocketRecord stuck(std::uint64_t cookie, double since_ack = 0, double since_data = 0) {
    SocketRecord record;
    record.cookie = cookie;
    record.state = TcpState::close_wait;
    record.family = AF_INET;
    record.timed = true;
    record.since_last_ack = seconds(since_ack);
    record.since_last_data = seconds(since_data);
    return record;
}

SocketRecord in_state(std::uint64_t cookie, TcpState state) {
    auto record = stuck(cookie);
    record.state = state;
    return record;
}

TEST(CloseWaitTracker, FollowsOnlyCloseWait) {
    CloseWaitTracker tracker;
    tracker.add(at(0),
                {in_state(1, TcpState::established), in_state(2, TcpState::last_ack), stuck(3)});
    EXPECT_EQ(tracker.live().size(), 1U);
    EXPECT_TRUE(tracker.live().contains(3));
}

TEST(KeepAliveTimer, KeepsWhatWasFirstSeenUntilItIsOver) {
    KeepAliveTimer timer;
    EXPECT_FALSE(timer.follow(at(0), {}));
    EXPECT_EQ(timer.left(at(0)), std::nullopt);
    EXPECT_TRUE(timer.follow(at(1), seconds(7)));
    EXPECT_FALSE(timer.follow(at(2), seconds(6.004))) << "a tick of the kernel is no news";
    EXPECT_EQ(timer.left(at(2)), seconds(6));
    EXPECT_EQ(timer.left(at(9)), Duration{}) << "late, not less than nothing";
    EXPECT_TRUE(timer.follow(at(8), seconds(5))) << "it fired, the client lives, and it runs anew";
    EXPECT_EQ(timer.left(at(9)), seconds(4));
    EXPECT_TRUE(timer.follow(at(10), {})) << "the server turned it off";
    EXPECT_EQ(timer.left(at(10)), std::nullopt);
}

TEST(CloseWaitTracker, OneMissedDumpDoesNotEndASocket) {
    CloseWaitTracker tracker;
    tracker.add(at(0), {});
    tracker.add(at(1), {stuck(1)});
    tracker.add(at(2), {});
    ASSERT_TRUE(tracker.live().contains(1));
    EXPECT_EQ(tracker.of_load(), 0U);  // but it is not counted as there
    tracker.add(at(3), {stuck(1)});
    EXPECT_EQ(tracker.of_load(), 1U);
    EXPECT_EQ(tracker.live().at(1).first_seen, at(1));
    tracker.add(at(4), {});
    EXPECT_EQ(tracker.ended_count(), 0U);
    tracker.add(at(5), {});
    EXPECT_EQ(tracker.ended_count(), 1U);
    EXPECT_TRUE(tracker.live().empty());
    ASSERT_EQ(tracker.ended().size(), 1U);
    EXPECT_EQ(tracker.ended()[0].last_seen, at(3));
    EXPECT_EQ(tracker.ended()[0].dwell(), seconds(2));
}

TEST(CloseWaitTracker, ShortStaysAreOnlyCounted) {
    CloseWaitTracker tracker;
    tracker.add(at(0), {});
    tracker.add(at(0.25), {stuck(1)});
    tracker.add(at(0.5), {});
    tracker.add(at(0.75), {});
    EXPECT_EQ(tracker.ended_count(), 1U);
    EXPECT_TRUE(tracker.ended().empty());
    EXPECT_EQ(tracker.dwell().count(), 1U);
}

TEST(CloseWaitTracker, KeepsStaysAsShortAsItIsTold) {
    CloseWaitTracker tracker{milliseconds(250)};
    tracker.add(at(0), {});
    for (const double t : {0.25, 0.5}) tracker.add(at(t), {stuck(1)});
    for (const double t : {0.75, 1.0}) tracker.add(at(t), {});
    ASSERT_EQ(tracker.ended().size(), 1U);
    EXPECT_EQ(tracker.ended()[0].dwell(), milliseconds(250));
}

TEST(CloseWaitTracker, SocketsOfAnExchangedServerCountForNothing) {
    CloseWaitTracker tracker;
    tracker.add(at(0), {});
    tracker.add(at(1), {stuck(1), stuck(2)});
    tracker.begin_anew(at(60));
    tracker.add(at(60), {stuck(2), stuck(3)});  // 2 lingers
    EXPECT_EQ(tracker.of_load(), 1U);
    const auto stale = tracker.stale(at(90), seconds(10));
    EXPECT_EQ(std::accumulate(stale.begin(), stale.end(), 0U), 1U);
    for (const double t : {91.0, 92.0}) tracker.add(at(t), {});
    EXPECT_EQ(tracker.ended_count(), 3U);
    EXPECT_EQ(tracker.ended().size(), 0U) << "3 was seen once only";
    EXPECT_EQ(tracker.dwell().count(), 1U);
    EXPECT_EQ(tracker.begun_anew(), at(60));
}

TEST(CloseWaitTracker, WhatIsStillThereLongAfterAnExchangeIsStuck) {
    CloseWaitTracker tracker;
    tracker.add(at(0), {});
    tracker.add(at(1), {stuck(1), stuck(2)});
    tracker.begin_anew(at(60));
    for (double t = 60; t < 70; ++t) tracker.add(at(t), {stuck(1), stuck(2)});
    EXPECT_FALSE(tracker.outlived(tracker.live().at(1), seconds(10)));
    tracker.add(at(70), {stuck(1)});
    EXPECT_TRUE(tracker.outlived(tracker.live().at(1), seconds(10)));
    EXPECT_FALSE(tracker.outlived(tracker.live().at(2), seconds(10)));
    tracker.begin_anew(at(71));
    EXPECT_FALSE(tracker.outlived(tracker.live().at(1), seconds(10))) << "of the next server";
}

TEST(CloseWaitTracker, ElsewhereACookieIsAnotherSocket) {
    CloseWaitTracker tracker;
    tracker.add(at(0), {stuck(1)});
    tracker.add(at(1), {stuck(1), stuck(2)});
    tracker.follow(ServerChange::reopened, at(2));
    EXPECT_FALSE(tracker.begun_anew());
    tracker.follow(ServerChange::elsewhere, at(2));
    tracker.add(at(2), {stuck(1), stuck(2)});
    EXPECT_EQ(tracker.of_load(), 2U);
    EXPECT_EQ(tracker.ended_count(), 2U);
    EXPECT_EQ(tracker.live().at(1).first_seen, at(2));
}

TEST(CloseWaitTracker, DwellLeavesOutWhatWasThereBefore) {
    CloseWaitTracker tracker;
    tracker.add(at(0), {stuck(1, 100, 100)});
    tracker.add(at(1), {});
    tracker.add(at(2), {});
    EXPECT_EQ(tracker.ended_count(), 1U);
    EXPECT_EQ(tracker.dwell().count(), 0U);
}

TEST(CloseWaitTracker, TheAcceptedSocketIsTheSameOne) {
    CloseWaitTracker tracker;
    auto socket = stuck(1);
    tracker.add(at(0), {});
    tracker.add(at(1), {socket});
    EXPECT_EQ(tracker.live().at(1).inode, 0U);
    socket.inode = 4711;
    socket.receive_queue = 18;
    tracker.add(at(2), {socket});
    ASSERT_EQ(tracker.live().size(), 1U);
    EXPECT_EQ(tracker.live().at(1).inode, 4711U);
    EXPECT_EQ(tracker.live().at(1).unread, 18U);
    EXPECT_EQ(tracker.live().at(1).first_seen, at(1));
}

TEST(CloseWaitTracker, AgeIsBoundedByWhatThePeerSentLast) {
    CloseWaitTracker tracker;
    tracker.add(at(0), {stuck(1, 10'800, 10'900)});
    const auto& stay = tracker.live().at(1);
    EXPECT_EQ(stay.age_at_least(at(0)), std::chrono::hours{3});
    EXPECT_EQ(stay.birth_earliest, at(-10'900));
    // Later acknowledgements (of keep-alive probes, say) do not make it younger.
    tracker.add(at(5), {stuck(1, 0, 10'905)});
    EXPECT_EQ(tracker.live().at(1).age_at_least(at(5)), seconds(10'805));
}

TEST(CloseWaitTracker, WithoutTimesTheSampleBeforeBoundsTheAge) {
    auto from_proc = [](std::uint64_t cookie) {
        auto record = stuck(cookie);
        record.timed = false;
        return record;
    };
    CloseWaitTracker tracker;
    tracker.add(at(0), {from_proc(1)});
    tracker.add(at(1), {from_proc(1), from_proc(2)});
    EXPECT_EQ(tracker.live().at(1).birth_latest, at(0));
    EXPECT_FALSE(tracker.live().at(1).birth_earliest.has_value());
    EXPECT_EQ(tracker.live().at(2).birth_latest, at(1));
    EXPECT_EQ(tracker.live().at(2).birth_earliest, at(0));
}

TEST(CloseWaitTracker, KnowsWhatWasThereBeforeTheLoad) {
    CloseWaitTracker tracker;
    tracker.add(at(0), {stuck(1, 1, 1)});
    tracker.add(at(1), {stuck(1, 2, 2), stuck(2)});
    EXPECT_TRUE(tracker.live().at(1).before_load);
    EXPECT_FALSE(tracker.live().at(2).before_load);
    EXPECT_EQ(tracker.of_load(), 1U);
}

TEST(CloseWaitTracker, CountsTheStaleOnes) {
    CloseWaitTracker tracker;
    tracker.add(at(0), {stuck(1, 2, 2), stuck(2, 0.5, 9), stuck(3)});
    const auto stale = [&](double t) {
        std::uint32_t sum = 0;
        for (const auto count : tracker.stale(at(t), seconds(1))) sum += count;
        return sum;
    };
    EXPECT_EQ(stale(0), 1U);
    EXPECT_EQ(stale(0.5), 2U);
    EXPECT_EQ(stale(1), 3U);
}

TEST(CloseWaitTracker, CountsTheStaleOnesByClass) {
    CloseWaitTracker tracker;
    auto in_queue = stuck(1, 2, 2), reader = stuck(2, 2, 2), sender = stuck(3, 2, 2);
    in_queue.receive_queue = 17;
    reader.inode = sender.inode = 5;
    sender.send_queue = 80;
    tracker.add(at(0), {in_queue, reader, sender});
    EXPECT_EQ(tracker.stale(at(0), seconds(1)), (StuckClassCounts{1, 1, 0, 0, 1}));
}

}  // namespace
}  // namespace loadline

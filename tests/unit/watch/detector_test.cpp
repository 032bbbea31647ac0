#include "watch/detector.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace loadline {
namespace {

const TimePoint start{seconds(1000)};
constexpr Duration tau = std::chrono::seconds{2};

/// A socket that has been in CLOSE_WAIT for this long, as the last sample shows it.
SocketRecord aged(std::uint64_t cookie, Duration age, std::uint32_t inode = 1,
                  std::uint32_t unread = 0, std::uint32_t unsent = 0) {
    SocketRecord record;
    record.cookie = cookie;
    record.state = TcpState::close_wait;
    record.family = AF_INET;
    record.address = {127, 0, 0, 1};
    record.port = static_cast<std::uint16_t>(cookie);
    record.timed = true;
    record.since_last_ack = age;
    record.since_last_data = age + seconds(0.5);
    record.inode = inode;
    record.receive_queue = unread;
    record.send_queue = unsent;
    return record;
}

/// What the tracker knows after a first sample of `before` and a last one of all.
struct Sockets {
    int before = 0, old = 0, young = 0;
};

CloseWaitTracker tracker_of(const Sockets& sockets, Duration old_age = seconds(3)) {
    CloseWaitTracker tracker;
    std::vector<SocketRecord> records;
    std::uint64_t cookie = 1;
    for (int i = 0; i < sockets.before; ++i) records.push_back(aged(cookie++, seconds(100)));
    tracker.add(start - seconds(50), records);
    for (int i = 0; i < sockets.old; ++i) records.push_back(aged(cookie++, old_age));
    for (int i = 0; i < sockets.young; ++i) records.push_back(aged(cookie++, seconds(1)));
    tracker.add(start, records);
    return tracker;
}

DetectorInput input_of(ListenerFate listener = ListenerFate::kept) {
    DetectorInput input;
    input.port = 8080;
    input.now = start;
    input.tau = tau;
    input.listener = listener;
    return input;
}

/// A minute of load that closed its connections at the end.
LoadFacts load_of(std::uint64_t closes, bool settled = true,
                  std::optional<TimePoint> closed_at = {}) {
    return {closes, settled, closed_at, start - seconds(65), start - seconds(5), {}, 0};
}

TEST(SocketTau, FollowsTheSlowestResponseUnlessGiven) {
    EXPECT_EQ(socket_tau({}, {}), seconds(5));
    EXPECT_EQ(socket_tau({}, seconds(2)), seconds(5));
    EXPECT_EQ(socket_tau({}, seconds(20)), seconds(40));
    EXPECT_EQ(socket_tau(seconds(1), seconds(20)), seconds(1));
}

TEST(JudgeLoad, TellsEachCase) {
    using enum SocketWord;
    using enum ListenerFate;
    const struct {
        const char* what;
        Sockets sockets;
        std::uint64_t closes;
        bool settled;
        ListenerFate listener;
        SocketWord word;
        const char* text;
    } rows[] = {
        {"leak",
         {0, 41, 0},
         1000,
         true,
         kept,
         suspect,
         "41 of 1000 closed connections are still in CLOSE_WAIT 4.50 s after the drain: "
         "41 EOF read and not closed; nearly all connections were closed at the end of the load, "
         "so nobody saw them grow"},
        {"leak beside young ones",
         {0, 3, 9},
         1000,
         true,
         kept,
         suspect,
         "3 of 1000 closed connections are still in CLOSE_WAIT 4.50 s after the drain: "
         "3 EOF read and not closed; nearly all connections were closed at the end of the load, "
         "so nobody saw them grow"},
        {"leak with few closes",
         {0, 3, 0},
         5,
         true,
         kept,
         suspect,
         "3 of 5 closed connections are still in CLOSE_WAIT 4.50 s after the drain: "
         "3 EOF read and not closed; 5 closes are too few to confirm a leak (needs 20)"},
        {"leak of a server that was restarted",
         {0, 3, 0},
         50,
         true,
         replaced,
         suspect,
         "3 of 50 closed connections are still in CLOSE_WAIT 4.50 s after the drain: "
         "3 EOF read and not closed; nearly all connections were closed at the end of the load, "
         "so nobody saw them grow"},
        {"healthy",
         {0, 0, 0},
         1000,
         true,
         kept,
         ok,
         "none of 1000 closed connections is left in CLOSE_WAIT"},
        {"healthy although interrupted",
         {0, 0, 0},
         1000,
         false,
         kept,
         ok,
         "none of 1000 closed connections is left in CLOSE_WAIT"},
        {"two are not a leak",
         {0, 2, 0},
         1000,
         true,
         kept,
         transient,
         "2 of 1000 closed connections are still in CLOSE_WAIT 4.50 s after the drain: "
         "fewer than 3 are not called a leak"},
        {"one is not a leak",
         {0, 1, 0},
         1000,
         true,
         kept,
         transient,
         "1 of 1000 closed connections is still in CLOSE_WAIT 4.50 s after the drain: "
         "fewer than 3 are not called a leak"},
        {"those from before do not count",
         {30, 0, 0},
         1000,
         true,
         kept,
         ok,
         "none of 1000 closed connections is left in CLOSE_WAIT (30 sockets in CLOSE_WAIT from "
         "before the load are not counted)"},
        {"one from before beside a leak",
         {1, 4, 0},
         100,
         true,
         kept,
         suspect,
         "4 of 100 closed connections are still in CLOSE_WAIT 4.50 s after the drain: "
         "4 EOF read and not closed; nearly all connections were closed at the end of the load, "
         "so nobody saw them grow (1 socket in CLOSE_WAIT from before the load is not counted)"},
        {"too few closes",
         {0, 0, 0},
         19,
         true,
         kept,
         not_exercised,
         "only 19 connections were closed: too few to show a leak (needs 20)"},
        {"one close",
         {0, 0, 0},
         1,
         true,
         kept,
         not_exercised,
         "only 1 connection was closed: too few to show a leak (needs 20)"},
        {"just enough closes",
         {0, 0, 0},
         20,
         true,
         kept,
         ok,
         "none of 20 closed connections is left in CLOSE_WAIT"},
        {"settle cut short",
         {0, 30, 1},
         1000,
         false,
         kept,
         inconclusive,
         "31 sockets are in CLOSE_WAIT, but the settle time was cut short"},
        {"young ones after the settle time",
         {0, 0, 5},
         1000,
         true,
         kept,
         inconclusive,
         "5 sockets are in CLOSE_WAIT, but not yet for 2.00 s: does anybody else use the server?"},
        {"stopped",
         {0, 0, 0},
         1000,
         true,
         gone,
         inconclusive,
         "the server stopped listening on port 8080 while it was watched"},
        {"restarted",
         {0, 0, 0},
         1000,
         true,
         replaced,
         inconclusive,
         "another socket listens on port 8080 now: the server was restarted, and what it leaked "
         "before is gone"},
        {"nothing listens",
         {0, 0, 0},
         1000,
         true,
         never_seen,
         unknown,
         "nothing listens on port 8080 in the watched network namespace: watch where the "
         "server runs (--watch-container-pid)"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        const auto report = judge_load(tracker_of(row.sockets), input_of(row.listener),
                                       load_of(row.closes, row.settled, start - seconds(4.5)));
        EXPECT_STREQ(to_string(report.word), to_string(row.word));
        EXPECT_EQ(report.text, row.text);
        EXPECT_EQ(report.leaked, static_cast<std::uint64_t>(row.sockets.old));
        EXPECT_EQ(report.before, static_cast<std::uint64_t>(row.sockets.before));
        EXPECT_EQ(report.closes, row.closes);
    }
}

TEST(JudgeLoad, SaysTauWhereTheEndOfTheDrainIsNotKnown) {
    const auto report = judge_load(tracker_of({0, 3, 0}), input_of(), load_of(100));
    EXPECT_EQ(report.text,
              "3 of 100 closed connections are still in CLOSE_WAIT after 2.00 s or longer: "
              "3 EOF read and not closed; nearly all connections were closed at the end of the "
              "load, so nobody saw them grow");
}

TEST(JudgeLoad, MissingPermissionIsUnknownAndNamed) {
    auto input = input_of();
    input.unreadable = DumpError{1}.text();
    const auto report = judge_load(tracker_of({0, 9, 0}), input, load_of(100));
    EXPECT_EQ(report.word, SocketWord::unknown);
    EXPECT_EQ(report.text,
              "the sockets of port 8080 cannot be seen: NETLINK_SOCK_DIAG is forbidden here "
              "(EPERM): a seccomp profile or security module must allow it, or grant "
              "CAP_NET_ADMIN");
    EXPECT_FALSE(report.leak_fraction.has_value());
}

TEST(JudgeLoad, LeakFractionHasAWilsonInterval) {
    const auto report = judge_load(tracker_of({0, 20, 0}), input_of(), load_of(1000));
    ASSERT_TRUE(report.leak_fraction.has_value());
    EXPECT_DOUBLE_EQ(*report.leak_fraction, 0.02);
    EXPECT_NEAR(report.leak_fraction_interval[0], 0.01300, 5e-5);
    EXPECT_NEAR(report.leak_fraction_interval[1], 0.03066, 5e-5);
    // Another client's sockets may leak beside ours: never more than all.
    EXPECT_DOUBLE_EQ(*judge_load(tracker_of({0, 9, 0}), input_of(), load_of(5)).leak_fraction, 1);
    EXPECT_FALSE(judge_load(tracker_of({0, 0, 0}), input_of(), load_of(0)).leak_fraction);
}

TEST(JudgeLoad, EvidenceIsTheOldestTwentyWithTheirClass) {
    CloseWaitTracker tracker;
    tracker.add(start - seconds(50), {});
    std::vector<SocketRecord> records{aged(1, seconds(9), 0, 17), aged(2, seconds(8), 5, 1),
                                      aged(3, seconds(7), 5, 60), aged(4, seconds(6), 5, 0, 80)};
    for (std::uint64_t i = 5; i < 30; ++i) records.push_back(aged(i, seconds(5)));
    tracker.add(start, records);
    const auto report = judge_load(tracker, input_of(), load_of(100));
    EXPECT_EQ(report.leaked, 29U);
    ASSERT_EQ(report.oldest.size(), 20U);
    EXPECT_EQ(report.oldest[0].peer, "127.0.0.1:1");
    EXPECT_EQ(report.oldest[0].age_at_least, seconds(9));
    EXPECT_EQ(report.oldest[0].age_at_most, seconds(9.5));
    const char* classes[] = {"never accepted", "EOF never read", "request never read",
                             "still sending", "EOF read and not closed"};
    for (std::size_t i = 0; i < 5; ++i)
        EXPECT_STREQ(to_string(stuck_class(report.oldest[i])), classes[i]);
    EXPECT_EQ(report.text,
              "29 of 100 closed connections are still in CLOSE_WAIT after 2.00 s or longer: "
              "25 EOF read and not closed, 1 still sending, 1 request never read, "
              "1 never accepted, 1 EOF never read; nearly all connections were closed at the end "
              "of the load, so nobody saw them grow");
}

TEST(JudgeLoad, ASocketMissingFromTheLastSampleIsNotCounted) {
    auto tracker = tracker_of({0, 5, 0});
    tracker.add(start + seconds(1), {});
    auto input = input_of();
    input.now = start + seconds(1);
    EXPECT_EQ(judge_load(tracker, input, load_of(100)).word, SocketWord::ok);
}

TEST(JudgeAlone, TellsEachCase) {
    using enum SocketWord;
    using enum ListenerFate;
    const struct {
        const char* what;
        Sockets sockets;
        Duration old_age, watched;
        ListenerFate listener;
        SocketWord word;
        const char* text;
    } rows[] = {
        {"quiet",
         {0, 0, 2},
         {},
         seconds(60),
         kept,
         ok,
         "no socket is in CLOSE_WAIT for 2.00 s or longer"},
        {"stuck for 2 tau",
         {0, 3, 0},
         seconds(4),
         seconds(60),
         kept,
         leak_confirmed,
         "3 sockets are in CLOSE_WAIT for 2.00 s or longer: 3 EOF read and not closed; 3 of them "
         "for 4.00 s or longer"},
        {"those from before count",
         {3, 0, 0},
         {},
         seconds(60),
         kept,
         leak_confirmed,
         "3 sockets are in CLOSE_WAIT for 2.00 s or longer: 3 EOF read and not closed; 3 of them "
         "for 4.00 s or longer"},
        {"stuck for less than 2 tau",
         {0, 3, 0},
         seconds(3),
         seconds(60),
         kept,
         inconclusive,
         "3 sockets are in CLOSE_WAIT for 2.00 s or longer: 3 EOF read and not closed; 0 of them "
         "for 4.00 s or longer, a leak needs 3"},
        {"too few",
         {0, 1, 0},
         seconds(30),
         seconds(60),
         kept,
         inconclusive,
         "1 socket is in CLOSE_WAIT for 2.00 s or longer: 1 EOF read and not closed; 1 of them "
         "for 4.00 s or longer, a leak needs 3"},
        {"watched too short",
         {0, 0, 0},
         {},
         seconds(1),
         kept,
         inconclusive,
         "watched for 1.00 s only, less than tau (2.00 s)"},
        {"watched too short, but there are old ones",
         {9, 0, 0},
         {},
         seconds(1),
         kept,
         inconclusive,
         "watched for 1.00 s only, less than tau (2.00 s); 9 sockets are in CLOSE_WAIT for 2.00 s "
         "or longer: 9 EOF read and not closed"},
        {"stopped",
         {0, 0, 0},
         {},
         seconds(60),
         gone,
         inconclusive,
         "the server stopped listening on port 8080 while it was watched"},
        {"nothing listens",
         {0, 0, 0},
         {},
         seconds(60),
         never_seen,
         unknown,
         "nothing listens on port 8080 in the watched network namespace: watch where the "
         "server runs (--watch-container-pid)"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        std::vector<SocketSample> samples(2);
        samples[0].at = start - row.watched;
        samples[1].at = start;
        auto input = input_of(row.listener);
        input.samples = samples;
        const auto report = judge_alone(tracker_of(row.sockets, row.old_age), input);
        EXPECT_STREQ(to_string(report.word), to_string(row.word));
        EXPECT_EQ(report.text, row.text);
    }
}

TEST(Words, HaveTheirNames) {
    EXPECT_STREQ(tcp_state_name(8), "CLOSE_WAIT");
    EXPECT_STREQ(tcp_state_name(12), "NEW_SYN_RECV");
    EXPECT_STREQ(tcp_state_name(13), "UNKNOWN");
    EXPECT_STREQ(to_string(SocketWord::not_exercised), "NOT_EXERCISED");
    EXPECT_STREQ(to_string(SocketWord::accept_stall), "ACCEPT_STALL");
}

}  // namespace
}  // namespace loadline

// What the detector says when the server is exchanged while it is watched: of the one that is there
// now only what is known of it counts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulated_watch.hpp"

namespace loadline {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

/// A watch of one port whose sockets are what the test says, sample by sample.
struct WatchOfTwo {
    CloseWaitTracker tracker;
    std::vector<SocketSample> samples;
    std::vector<SocketRecord> sockets;
    ListenerFate listener = ListenerFate::kept;
    SocketSample beside;  ///< what each sample has besides its sockets
    TimePoint now{std::chrono::seconds{1000}};
    std::uint64_t cookies = 0;

    void sample() {
        tracker.add(now, sockets);
        beside.at = now;
        beside.seen = tracker.ended_count() + tracker.live().size();
        samples.push_back(beside);
        now += milliseconds{250};
        for (auto& socket : sockets) {
            socket.since_last_ack += milliseconds{250};
            socket.since_last_data += milliseconds{250};
        }
    }
    void sample_for(Duration length) {
        for (const auto end = now + length; now < end;) sample();
    }
    void close(int count) {
        for (; count > 0; --count) {
            auto& socket = sockets.emplace_back();
            socket.cookie = ++cookies;
            socket.state = TcpState::close_wait;
            socket.family = AF_INET;
            socket.inode = 1;
            socket.timed = true;
        }
    }
    /// Another server listens from the next sample on, in which these are left of the sockets.
    void exchange(std::vector<SocketRecord> left = {}) {
        tracker.begin_anew(now);
        listener = ListenerFate::replaced;
        sockets = std::move(left);
    }
    DetectorInput input() const {
        return {8080, samples.back().at, shortest_tau, samples, listener, {}};
    }
    SocketReport judge() const { return judge_alone(tracker, input()); }
};

TEST(JudgeAlone, OnlyClosesOfTheServerThatIsThereNowCount) {
    for (const bool restarted : {false, true}) {
        SCOPED_TRACE(restarted);
        WatchOfTwo watch;
        for (int i = 0; restarted && i < 400; ++i) {  // closes all that is closed, within a sample
            watch.sockets.clear();
            watch.close(4);
            watch.sample();
        }
        if (restarted) watch.exchange();
        std::vector<SocketRecord> pool;
        for (int i = 0; i < 240; ++i) {  // a pool of 20 gets stuck, the others are closed
            watch.sockets = pool;
            watch.close(2);
            if (i % 4 == 0 && pool.size() < 20) pool.push_back(watch.sockets.back());
            watch.sample();
            for (auto& socket : pool) {
                socket.since_last_ack += milliseconds{250};
                socket.since_last_data += milliseconds{250};
            }
        }
        watch.sockets = pool;
        for (int i = 0; i < 4; ++i) watch.sample();
        const auto report = watch.judge();
        EXPECT_STREQ(to_string(report.word), restarted ? "INCONCLUSIVE" : "BOUNDED") << report.text;
        EXPECT_EQ(report.closes, 480U);
        EXPECT_EQ(report.leaked, 20U);
        EXPECT_FALSE(fails(report));
    }
}

TEST(JudgeLoad, WhatOutlivesAnExchangeIsStillHeldAndCounts) {
    for (const bool outlives : {false, true}) {
        SCOPED_TRACE(outlives);
        WatchOfTwo watch;
        watch.sample();
        const auto begin = watch.now;
        for (int i = 0; i < 80; ++i) {
            watch.close(1);
            watch.sample();
        }
        watch.exchange(watch.sockets);
        watch.sample_for(std::chrono::seconds{4});
        if (!outlives) watch.sockets.clear();  // the process that listened before has ended
        watch.sample_for(std::chrono::seconds{30});
        LoadFacts load;
        load.begin = begin;
        load.end = watch.now - std::chrono::seconds{15};
        load.closes = 200;
        load.closed = {{begin + std::chrono::seconds{20}, 80}, {load.end, 200}};
        load.settled = true;
        const auto report = judge_load(watch.tracker, watch.input(), load);
        EXPECT_EQ(report.leaked, outlives ? 80U : 0U);
        EXPECT_EQ(report.before, 0U);
        if (outlives) {
            EXPECT_STREQ(to_string(report.word), "SUSPECT") << report.text;
            EXPECT_THAT(report.flags,
                        ElementsAre("SERVER_RESTARTED: another socket listens on port 8080 now, "
                                    "but 80 sockets of before are still held: the process that "
                                    "listened before has not ended"));
        } else {
            EXPECT_STREQ(to_string(report.word), "INCONCLUSIVE");
            EXPECT_EQ(report.text,
                      "another socket listens on port 8080 now: the server was "
                      "restarted, and what it leaked before is gone");
        }
    }
}

SocketSample holding(std::uint32_t fds, std::uint64_t limit, std::uint32_t queue,
                     std::uint32_t backlog) {
    SocketSample sample;
    sample.fds = fds;
    sample.fd_limit = limit;
    sample.accept_queue = queue;
    sample.backlog = backlog;
    return sample;
}

TEST(Detector, DescriptorsAndQueuesOfTheServerBeforeAreNotHeldAgainstTheLimitsOfTheNext) {
    const struct {
        const char* what;
        SocketSample before, after;
        std::vector<std::string> flags;
    } rows[] = {
        {"less room now", holding(2000, 65536, 100, 512), holding(60, 1024, 10, 16), {}},
        {"the one before was full", holding(1024, 1024, 128, 128), holding(60, 65536, 0, 512), {}},
        {"this one is full",
         holding(20, 65536, 0, 512),
         holding(1000, 1024, 0, 512),
         {"FD_EXHAUSTED: 1000 of 1024 file descriptors in use"}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        WatchOfTwo watch;
        watch.beside = row.before;
        watch.sample_for(std::chrono::seconds{10});
        watch.exchange();
        watch.beside = row.after;
        watch.sample_for(std::chrono::seconds{20});
        auto flags = watch.judge().flags;
        std::erase_if(flags, [](const auto& flag) { return flag.starts_with("SERVER_RESTARTED"); });
        EXPECT_EQ(flags, row.flags);
    }
}

TEST(Detector, ALimitThatIsRaisedDoesNotHideThatTheDescriptorsRanOut) {
    WatchOfTwo watch;
    watch.beside = holding(990, 1024, 16, 16);
    watch.sample_for(std::chrono::seconds{5});
    watch.beside = holding(1500, 65536, 20, 512);
    watch.sample_for(std::chrono::seconds{15});
    EXPECT_THAT(watch.judge().flags,
                ElementsAre("FD_EXHAUSTED: 990 of 1024 file descriptors in use",
                            "ACCEPT_STALL: 16 connections in an accept queue of 16"));
}

}  // namespace
}  // namespace loadline

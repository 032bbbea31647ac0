// Every kind of server whose sockets were measured, simulated with its word; and how often the
// detector errs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "simulated_watch.hpp"

namespace loadline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using enum SocketWord;

std::uint32_t count(const SocketReport& report, StuckClass what) {
    return report.classes[static_cast<std::size_t>(what)];
}

TEST(Detector, AHealthyServerIsOk) {
    SimulatedWatch watch;
    watch.server = slow(0, 0.4);
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "OK") << report.text;
    EXPECT_THAT(report.text,
                testing::MatchesRegex("none of [0-9]+ closed connections is left in CLOSE_WAIT"));
    ASSERT_TRUE(report.dwell);
    EXPECT_LT(report.dwell->p99, milliseconds(400));
    EXPECT_EQ(report.trend->highest, 0U);
    EXPECT_EQ(report.leak_fraction, 0);
    EXPECT_TRUE(report.flags.empty());
    EXPECT_FALSE(fails(report));
}

TEST(Detector, ASlowServerIsTransient) {
    SimulatedWatch watch;
    watch.server = slow(1, 3);
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "TRANSIENT") << report.text;
    EXPECT_EQ(report.leaked, 0U);
    EXPECT_NEAR(to_seconds(report.dwell->max), 3, 0.3);
    EXPECT_NEAR(to_seconds(report.dwell->p50), 2, 0.3);
}

// Clients that give up after 2 s never learn how long the handlers take: all that is left may be
// held by them.
TEST(Detector, RequestsWithoutAnAnswerExcuseWhatIsLeft) {
    SimulatedWatch watch;
    watch.server = slow(58, 60);
    watch.unanswered = 1;
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "BUILD_UP") << report.text;
    EXPECT_GT(report.leaked, 500U);
    EXPECT_THAT(report.text, HasSubstr("may be held by requests that got no answer in time"));
    EXPECT_FALSE(fails(report));
    // It matters: by the sockets alone it is a leak.
    watch.unanswered = 0;
    EXPECT_STREQ(to_string(watch.judge().word), "LEAK_CONFIRMED");
}

TEST(Detector, RequestsWithoutAnAnswerExcuseNoMoreThanTheyCanHold) {
    SimulatedWatch watch;
    watch.server = leaking(1);
    watch.unanswered = 0.3;
    const auto partly = watch.judge();
    EXPECT_STREQ(to_string(partly.word), "LEAK_CONFIRMED");
    EXPECT_THAT(partly.text,
                testing::ContainsRegex("after the drain \\(at most [0-9]+ of them held by requests "
                                       "that got no answer in time\\): "));
    // Nor what is older than any handler takes.
    watch.unanswered = 1;
    watch.load = seconds(100);
    EXPECT_STREQ(to_string(watch.judge().word), "LEAK_CONFIRMED");
    watch.unanswered = 0;
    EXPECT_THAT(watch.judge().text, testing::Not(HasSubstr("no answer in time")));
}

TEST(Detector, WhatWasSeenStandsWhenSightIsLostInTheEnd) {
    SimulatedWatch watch;
    watch.server = leaking(0.5);
    watch.unreadable = "the container is gone";
    watch.beside = [](SocketSample& sample, Duration, std::uint32_t stuck) {
        sample.fds = 10 + stuck;
        sample.fd_limit = 400;
    };
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "BUILD_UP") << report.text;
    EXPECT_THAT(report.text, testing::EndsWith("; what became of them was not seen"));
    EXPECT_TRUE(report.fd_exhausted);
    EXPECT_THAT(report.flags, ElementsAre(StartsWith("FD_EXHAUSTED"),
                                          "WATCH_GAP: in the end the sockets of port 8080 cannot "
                                          "be seen: the container is gone"));
    EXPECT_FALSE(report.leak_fraction) << "the closes go on, and what came of them was not seen";
    EXPECT_TRUE(fails(report));

    watch.server = slow(0, 0.4);  // nothing that stands: nobody knows
    watch.beside = {};
    const auto healthy = watch.judge();
    EXPECT_STREQ(to_string(healthy.word), "UNKNOWN");
    EXPECT_THAT(healthy.text, HasSubstr("the container is gone"));
    EXPECT_TRUE(healthy.flags.empty());
}

TEST(Detector, TauRaisesItselfForHandlersOfTwentySeconds) {
    SimulatedWatch watch;
    watch.server = slow(15, 20);
    watch.load = seconds(60);
    watch.drain = seconds(60);
    watch.tau = socket_tau({}, seconds(20));  // what the slowest response took
    const auto report = watch.judge();
    EXPECT_EQ(report.word, SocketWord::transient) << report.text;
    EXPECT_EQ(report.stuck, 0U);
    // It matters: with the shortest tau each of them would count.
    watch.tau = shortest_tau;
    EXPECT_GT(watch.judge().stuck, 1000U);
}

TEST(Detector, ALeakOfMostEofsIsConfirmedWithItsShare) {
    SimulatedWatch watch;
    watch.server = leaking(0.836);
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "LEAK_CONFIRMED") << report.text;
    EXPECT_TRUE(fails(report));
    EXPECT_NEAR(report.leak_fraction.value(), 0.836, 0.04);
    EXPECT_LT(report.leak_fraction_interval[0], 0.836);
    EXPECT_GT(report.leak_fraction_interval[1], 0.836);
    EXPECT_NEAR(report.leaked_per_1000_requests.value(), 836.0 / 3, 15);
    EXPECT_EQ(count(report, StuckClass::eof_not_closed), report.leaked);
    EXPECT_NEAR(report.trend->per_s, 0.836 * 40, 4);
    EXPECT_THAT(report.text, HasSubstr(" are still in CLOSE_WAIT 12.0 s after the drain: "));
    EXPECT_THAT(report.text, HasSubstr("; the stale ones rose from "));
    EXPECT_THAT(report.text, testing::EndsWith(" (pid 42, java)"));
}

TEST(Detector, ALeakOfHandlersInFlightShowsAnEofNeverRead) {
    SimulatedWatch watch;
    watch.server = leaking(0.2, 1);
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "LEAK_CONFIRMED") << report.text;
    EXPECT_EQ(count(report, StuckClass::eof_never_read), report.leaked);
}

TEST(Detector, APoolThatIsStuckIsBounded) {
    SimulatedWatch watch;
    int left = 20;
    watch.server = [&left](Rng& rng, Duration) {
        CloseFate fate{between_seconds(rng, 0, 0.4)};
        if (left > 0 && --left >= 0) fate.dwell.reset();
        return fate;
    };
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "BOUNDED") << report.text;
    EXPECT_THAT(report.text, StartsWith("20 sockets are stuck in CLOSE_WAIT, but no more came in "
                                        "the last "));
    EXPECT_FALSE(fails(report) || warns(report));
}

TEST(Detector, AnIdleTimeoutReclaims) {
    SimulatedWatch watch;
    watch.server = slow(6, 6);
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "RECLAIMED") << report.text;
    EXPECT_NEAR(report.close_wait_max, 6 * 40, 45);  // Little: arrivals x stay
    EXPECT_EQ(report.leaked, 0U);
    EXPECT_GT(report.old_gone, 900U);
}

TEST(Detector, ASweepEveryEightSecondsReclaims) {
    SimulatedWatch watch;
    watch.server = [](Rng&, Duration at) {
        constexpr Duration sweep = std::chrono::seconds{8};
        return CloseFate{sweep - at % sweep};
    };
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "RECLAIMED") << report.text;
    EXPECT_GT(report.old_gone, 200U);
}

TEST(Detector, ARampOfASlowServerReclaims) {
    SimulatedWatch watch;
    watch.rate = [](Duration at) { return 60 * to_seconds(at) / 25; };
    watch.server = slow(4, 8);
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "RECLAIMED") << report.text;
    EXPECT_GT(report.trend->z, 3);  // it rises, as the load does
}

TEST(Detector, ABurstOfClosesAtTheEndIsTransient) {
    SimulatedWatch watch;
    watch.rate = [](Duration) { return 0.0; };
    watch.closes_at_end = 300;
    watch.server = slow(0, 3);
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "TRANSIENT") << report.text;
    EXPECT_EQ(report.leaked, 0U);
    EXPECT_GT(report.close_wait_max, 250U);
}

TEST(Detector, AHungServerStallsItsAcceptQueue) {
    SimulatedWatch watch;
    int in = 0;
    watch.server = [&in](Rng& rng, Duration) {
        ++in;
        if (in <= 2) return CloseFate{{}, 1, 80};   // accepted, and never read
        if (in <= 67) return CloseFate{{}, 0, 80};  // in the queue
        return CloseFate{between_seconds(rng, 0, 0.1)};
    };
    watch.beside = [](SocketSample& sample, Duration at, std::uint32_t) {
        sample.backlog = 64;
        sample.accept_queue = at > seconds(2) ? 65 : 0;
    };
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "ACCEPT_STALL") << report.text;
    EXPECT_EQ(report.text,
              "65 of 67 stale sockets were never accepted; 65 connections stood in an accept queue "
              "of 64");
    EXPECT_TRUE(report.flags.empty());  // the word says it
}

TEST(Detector, AServerThatIgnoresResetsLeaksInvisibly) {
    SimulatedWatch watch;
    watch.server = slow(0, 0.01);
    watch.beside = [](SocketSample& sample, Duration at, std::uint32_t stuck) {
        sample.fd_limit = 65536;
        const double leaked = 20 * std::clamp(to_seconds(at), 0.0, 25.0);
        sample.fds = 7 + stuck + static_cast<std::uint32_t>(leaked);
    };
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "OK") << report.text;
    EXPECT_THAT(report.flags,
                ElementsAre("FD_LEAK_INVISIBLE: 500 descriptors more than at the start that no TCP "
                            "socket explains"));
    EXPECT_FALSE(fails(report));
}

TEST(Detector, APoolOfDescriptorsOpenedAtTheStartIsNoLeak) {
    SimulatedWatch watch;
    watch.beside = [](SocketSample& sample, Duration at, std::uint32_t stuck) {
        sample.fds = 7 + stuck + (at > seconds(1) ? 30 : 0);  // to its data base, say
    };
    EXPECT_TRUE(watch.judge().flags.empty());
}

TEST(Detector, SocketsThatGoAreNoDescriptorsOpened) {
    const struct {
        const char* what;
        std::uint32_t fds, fds_of_others, owned;  // at the end
    } rows[] = {
        {"the master is watched, the clients of its workers leave", 8, 0, 0},
        {"the fullest worker takes others' clients", 90, 18, 80},
        {"workers are born", 58, 250, 100},
        {"all is as it was", 58, 70, 100},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        SimulatedWatch watch;
        const bool master = row.fds == 8;
        watch.beside = [&](SocketSample& sample, Duration at, std::uint32_t) {
            const double share = std::clamp(to_seconds(at) / 25, 0.0, 1.0);
            const auto between = [&](double from, double to) {
                return static_cast<std::uint32_t>(std::lround(from + (to - from) * share));
            };
            sample.fds = between(master ? 8 : 58, row.fds);
            sample.fds_of_others = between(master ? 0 : 70, row.fds_of_others);
            sample.owned = between(100, row.owned);
        };
        EXPECT_THAT(watch.judge().flags, testing::IsEmpty());
    }
}

TEST(Detector, ClientsThatLeaveWorkersThatAreNotWatchedAreNoInvisibleLeak) {
    SimulatedWatch watch;
    watch.beside = [](SocketSample& sample, Duration at, std::uint32_t) {
        const auto moved = static_cast<std::uint32_t>(2 * std::clamp(to_seconds(at), 0.0, 25.0));
        sample.fds = 10 + moved;  // of the one that was named: it has new clients
        sample.owned = 240 - 3 * moved;
    };
    EXPECT_THAT(watch.judge().flags, testing::IsEmpty());
}

TEST(Detector, ASampleAmidAWaveOfClosesHidesNoInvisibleLeak) {
    SimulatedWatch watch;
    watch.beside = [](SocketSample& sample, Duration at, std::uint32_t stuck) {
        const double leaked = 20 * std::clamp(to_seconds(at), 0.0, 25.0);
        sample.fds = 7 + stuck + static_cast<std::uint32_t>(leaked);
        sample.owned = at == seconds(1) ? 100 : stuck;  // they went before fds were counted
    };
    EXPECT_THAT(watch.judge().flags, ElementsAre(testing::StartsWith("FD_LEAK_INVISIBLE: ")));
}

TEST(Detector, AWorkerThatIgnoresResetsLeaksInvisiblyBesideOthers) {
    SimulatedWatch watch;
    watch.server = slow(0, 0.01);
    watch.beside = [](SocketSample& sample, Duration at, std::uint32_t) {
        const auto leaked = static_cast<std::uint32_t>(20 * std::clamp(to_seconds(at), 0.0, 25.0));
        sample.fds = 60 + leaked;
        sample.fds_of_others = 70;
        sample.owned = 100;
    };
    const auto [report, recording] = watch.run();
    EXPECT_THAT(report.flags,
                ElementsAre("FD_LEAK_INVISIBLE: 500 descriptors more than at the start that no TCP "
                            "socket explains"));
    std::istringstream lines{recording};
    const auto replayed = replay_sockets(lines);
    ASSERT_TRUE(replayed) << replayed.error().message;
    EXPECT_EQ(replayed->flags, report.flags);
}

TEST(Detector, PredictsFromTheProcessThatIsTheFullestNow) {
    SimulatedWatch watch;
    watch.server = leaking(0.8);
    watch.beside = [](SocketSample& sample, Duration at, std::uint32_t stuck) {
        const bool worker = at > seconds(10);  // before, the master with its lower limit
        sample.fds = worker ? 20 + stuck : 10;
        sample.fd_limit = worker ? 8000 : 256;
    };
    const auto report = watch.judge();
    ASSERT_TRUE(report.fd_eta);
    EXPECT_NEAR(to_seconds(*report.fd_eta) / ((8000 - 20 - 0.8 * 1000) / (0.8 * 40)), 1, 0.15);
}

TEST(Detector, ALeakUntilNoDescriptorIsLeft) {
    SimulatedWatch watch;
    std::uint32_t used = 7;
    watch.server = [&used](Rng& rng, Duration) {
        if (used >= 512) return CloseFate{{}, 0, 80};  // can no longer be accepted
        CloseFate fate{between_seconds(rng, 0, 0.4)};
        if (rng.uniform() < 0.6) {
            fate.dwell.reset();
            ++used;
        }
        return fate;
    };
    watch.beside = [](SocketSample& sample, Duration, std::uint32_t stuck) {
        sample.fd_limit = 512;
        sample.fds = std::min(512U, 7 + stuck);
        sample.fds_pid = 4711;
        sample.backlog = 64;
        sample.accept_queue = std::min(65U, sample.close_wait - stuck);
    };
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "LEAK_CONFIRMED") << report.text;
    EXPECT_THAT(report.flags,
                ElementsAre("FD_EXHAUSTED: 512 of 512 file descriptors in use by process 4711",
                            StartsWith("ACCEPT_STALL: 65 connections in an accept queue of 64")));
    EXPECT_TRUE(report.fd_exhausted);
    EXPECT_FALSE(report.fd_eta);  // it is over
}

TEST(Detector, ExhaustedDescriptorsFailWithoutALeak) {
    SimulatedWatch watch;
    watch.beside = [](SocketSample& sample, Duration at, std::uint32_t) {
        sample.fd_limit = 100;
        sample.fds = at > seconds(3) && at < seconds(9) ? 95 : 60;
    };
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "OK");
    EXPECT_TRUE(fails(report));
}

TEST(Detector, PredictsWhenTheDescriptorsRunOutWithinATenth) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        for (const double so_far : {20.0, 30.0}) {
            SimulatedWatch watch;
            watch.seed = seed;
            watch.rate = [](Duration) { return 90.0; };
            watch.load = seconds(so_far);
            watch.server = leaking(0.8);
            std::uint32_t at_end = 0;
            watch.beside = [&](SocketSample& sample, Duration at, std::uint32_t stuck) {
                sample.fd_limit = 8000;
                sample.fds = 20 + stuck;
                if (at <= watch.load) at_end = *sample.fds;
            };
            const auto report = watch.judge();
            ASSERT_TRUE(report.fd_eta) << seed;
            const double truth = (8000 - at_end) / (0.8 * 90);
            EXPECT_NEAR(to_seconds(*report.fd_eta) / truth, 1, 0.1) << seed << " " << so_far;
        }
    }
}

TEST(Detector, AGrowthThatDrainsIsTransientAndOneThatHalfDrainsABuildUp) {
    SimulatedWatch watch;
    // Stuck until the load ends; then some of them are released.
    double released = 1;
    watch.server = [&](Rng& rng, Duration at) {
        CloseFate fate;
        fate.dwell.reset();
        if (rng.uniform() < released) fate.dwell = watch.load - at + seconds(2);
        return fate;
    };
    auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "TRANSIENT") << report.text;
    released = 0.5;
    report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "BUILD_UP") << report.text;
    EXPECT_TRUE(warns(report));
    EXPECT_FALSE(fails(report));
    report.strict = true;
    EXPECT_TRUE(fails(report));
}

TEST(Detector, WhatStaysWithoutATrendIsSuspect) {
    SimulatedWatch few;  // too few closes
    few.rate = [](Duration) { return 0.0; };
    few.closes_at_end = 5;
    few.server = leaking(1);
    auto report = few.judge();
    EXPECT_STREQ(to_string(report.word), "SUSPECT");
    EXPECT_EQ(
        report.text,
        "5 of 5 closed connections are still in CLOSE_WAIT 12.0 s after the drain: 5 EOF read "
        "and not closed; 5 closes are too few to confirm a leak (needs 20)");
    SimulatedWatch late;
    late.rate = few.rate;
    late.closes_at_end = 100;
    late.server = leaking(1);
    report = late.judge();
    EXPECT_STREQ(to_string(report.word), "SUSPECT");
    EXPECT_THAT(report.text, HasSubstr("closed at the end of the load, so nobody saw them grow"));
    SimulatedWatch brief;
    brief.load = seconds(10);
    brief.server = leaking(0.5);
    report = brief.judge();
    EXPECT_STREQ(to_string(report.word), "SUSPECT");
    EXPECT_THAT(report.text, HasSubstr("a load of 10.0 s is too short to see whether they grow "
                                       "(needs 13.0 s)"));
    brief.load = seconds(13);
    EXPECT_STREQ(to_string(brief.judge().word), "LEAK_CONFIRMED");
}

TEST(Detector, AShortCleanLoadIsOkAndFewClosesAreNotExercised) {
    SimulatedWatch brief;
    brief.load = seconds(3);
    EXPECT_STREQ(to_string(brief.judge().word), "OK");
    SimulatedWatch few;
    few.rate = [](Duration) { return 0.0; };
    few.closes_at_end = 19;
    const auto report = few.judge();
    EXPECT_STREQ(to_string(report.word), "NOT_EXERCISED");
    EXPECT_EQ(report.text, "only 19 connections were closed: too few to show a leak (needs 20)");
    EXPECT_FALSE(fails(report));
}

TEST(Detector, WithoutItsSettleTimeALeakIsABuildUp) {
    SimulatedWatch watch;
    watch.server = leaking(0.5);
    watch.settled = false;
    watch.drain = seconds(1);
    const auto report = watch.judge();
    EXPECT_STREQ(to_string(report.word), "BUILD_UP") << report.text;
    EXPECT_THAT(report.text, HasSubstr("the settle time was cut short"));
}

/// No alarm on 160 stationary servers, quick and slow, of any spread.
TEST(DetectorPower, NeverCriesFalselyOnAStationarySlowServer) {
    const struct { double low, high; } stays[] = {{1, 3}, {4, 8}, {0.2, 5.5}, {4.5, 5.5}};
    int runs = 0;
    for (const double length : {25.0, 60.0}) {
        for (const auto& [low, high] : stays) {
            for (std::uint64_t seed = 1; seed <= 16; ++seed, ++runs) {
                SimulatedWatch watch;
                watch.load = seconds(length);
                watch.seed = seed;
                watch.server = slow(low, high);
                const auto report = watch.judge();
                EXPECT_FALSE(warns(report) || fails(report))
                    << to_string(report.word) << " " << report.text << " seed " << seed;
            }
        }
        for (std::uint64_t seed = 1; seed <= 16; ++seed, ++runs) {  // a long tail
            SimulatedWatch watch;
            watch.load = seconds(length);
            watch.seed = seed;
            watch.drain = seconds(30);
            watch.server = [](Rng& rng, Duration) {
                return CloseFate{std::min(seconds(2 * rng.exponential()), seconds(25))};
            };
            const auto report = watch.judge();
            EXPECT_FALSE(warns(report) || fails(report)) << to_string(report.word);
        }
    }
    EXPECT_GE(runs, 100);
}

TEST(DetectorPower, FindsALeakOfTwoPercentInNineteenOfTwentyRuns) {
    constexpr int runs = 100;
    int found = 0, held = 0;
    for (int seed = 1; seed <= runs; ++seed) {
        SimulatedWatch watch;
        watch.seed = static_cast<std::uint64_t>(seed);
        watch.server = leaking(0.02);
        const auto report = watch.judge();
        found += report.word == leak_confirmed;
        held +=
            report.leak_fraction_interval[0] <= 0.02 && 0.02 <= report.leak_fraction_interval[1];
    }
    EXPECT_GE(found, 95);
    EXPECT_GE(held, 88);  // 95 expected
}

TEST(Replay, GivesTheIdenticalReport) {
    const struct {
        const char* what;
        std::function<CloseFate(Rng&, Duration)> server;
        double unanswered = 0;
        std::string unreadable = {};
        std::optional<Duration> raised_tau = {};
    } rows[] = {{"leak", leaking(0.1, 1)},
                {"slow", slow(1, 7)},
                {"healthy", slow(0, 0.4)},
                {"may be at work", slow(58, 60), 1},
                {"sight lost", leaking(0.5), 0, "the container is gone"},
                {"slow answers", slow(5, 9), 0, {}, seconds(8)}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        SimulatedWatch watch;
        watch.server = row.server;
        watch.unanswered = row.unanswered;
        watch.unreadable = row.unreadable;
        watch.raised_tau = row.raised_tau;
        watch.beside = [](SocketSample& sample, Duration, std::uint32_t stuck) {
            sample.fds = 20 + stuck;
            sample.fd_limit = 20;
            sample.fds_pid = 4711;
            sample.backlog = 128;
        };
        const auto [report, recording] = watch.run();
        std::istringstream lines{recording};
        const auto again = replay_sockets(lines);
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(again->text, report.text);
        EXPECT_TRUE(*again == report);
    }
}

TEST(Replay, JudgesWhatIsThereOfAStreamThatWasCutOff) {
    SimulatedWatch watch;
    watch.server = leaking(0.1);
    auto recording = watch.run().recording;
    recording.resize(recording.size() * 6 / 10);
    std::istringstream lines{recording};
    const auto report = replay_sockets(lines);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_STREQ(to_string(report->word), "LEAK_CONFIRMED");  // as a watcher that stood alone
    EXPECT_THAT(report->text, HasSubstr(" in CLOSE_WAIT for 5.00 s or longer: "));
}

TEST(Replay, NamesTheLineThatIsNoneOfARecording) {
    const struct {
        const char* text;
        const char* message;
    } rows[] = {
        {"", "there is no sample in it"},
        {"{\"type\":\"verdict\"}\n", "there is no sample in it"},
        {"{\"type\":\"verdict\"}\nhello\n", "line 2 is none of a socket recording (version 1)"},
        {"{\"v\":2}\n", "line 1 is none of a socket recording (version 1)"},
        {"[1]\n", "line 1 is none of a socket recording (version 1)"},
        {"{\"v\":1}\n", "line 1: [json.exception.out_of_range.403] key 'port' not found"},
    };
    for (const auto& [text, message] : rows) {
        std::istringstream lines{text};
        const auto report = replay_sockets(lines);
        ASSERT_FALSE(report.has_value()) << text;
        EXPECT_EQ(report.error().message, message);
    }
}

}  // namespace
}  // namespace loadline

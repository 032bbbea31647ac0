// A stream of a watcher elsewhere, with everything that can happen to it on its way: late, twice,
// not at all, out of order, from another clock, from a watcher or a server that began anew.
#include "watch/stream_follower.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "simulated_watch.hpp"
#include "watch/own_sockets.hpp"
#include "watch/stream_publisher.hpp"

namespace loadline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

/// Their clock is somewhere else: this instant of theirs is `our_start` of ours.
const TimePoint their_start{seconds{7'000'000}}, our_start{seconds{1000}};
constexpr Duration period = milliseconds{250}, way = milliseconds{2};

/// A server with some sockets, and the watcher beside it that writes lines of them.
class Sidecar {
public:
    std::vector<std::uint64_t> stuck;           ///< cookies in CLOSE_WAIT
    std::vector<std::uint64_t> listening{900};  ///< cookies
    std::optional<ProcessInfo> process = ProcessInfo{42, "shop"};
    std::optional<KernelUse> kernel;
    std::optional<Duration> keep_alive;  ///< of each, from its birth on
    Duration now{};                      ///< since the start
    std::string boot_id = "another-boot";
    ServerChange change = ServerChange::none;

    void start_again() { writer_ = SocketStreamWriter{8080, {}, netns}; }
    std::uint64_t netns = 4026532177;

    /// The next sample's line.
    std::string line(SocketStreamWriter::Tell tell = SocketStreamWriter::Tell::changes) {
        SocketSample sample;
        sample.at = their_start + now;
        sample.cost = std::chrono::microseconds{300};
        sample.close_wait = static_cast<std::uint32_t>(stuck.size());
        sample.states[8] = sample.close_wait;
        sample.states[10] = static_cast<std::uint32_t>(listening.size());
        sample.kernel = kernel;
        std::vector<SocketRecord> sockets;
        for (const auto cookie : listening) {
            auto& record = sockets.emplace_back();
            record.cookie = cookie;
            record.state = TcpState::listen;
        }
        for (const auto cookie : stuck) {
            const auto born = born_.try_emplace(cookie, now).first->second;
            auto& record = sockets.emplace_back();
            record.cookie = cookie;
            record.state = TcpState::close_wait;
            record.family = AF_INET;
            record.address = {127, 0, 0, 1};
            record.port = static_cast<std::uint16_t>(20'000 + cookie);
            record.inode = 1;
            record.timed = true;
            record.since_last_ack = now - born + milliseconds{100};
            record.since_last_data = record.since_last_ack;
            if (keep_alive) {
                record.keep_alive = std::chrono::floor<milliseconds>(*keep_alive - (now - born));
            }
        }
        auto json = nlohmann::ordered_json::parse(
            writer_.sample({sample, sockets, ListenerFate::kept, process, {}, change}, tell));
        json["boot_id"] = boot_id;
        now += period;
        return json.dump();
    }

    /// The line of a sample that failed.
    std::string failure(const std::string& why) {
        auto json = nlohmann::ordered_json::parse(writer_.failure(their_start + now, why));
        json["boot_id"] = boot_id;
        now += period;
        return json.dump();
    }

private:
    SocketStreamWriter writer_{8080, {}, netns};
    std::map<std::uint64_t, Duration> born_;
};

/// When a line of the sample before `sidecar.now` comes to us.
TimePoint received(const Sidecar& sidecar) { return our_start + sidecar.now - period + way; }

struct Followed {
    Sidecar sidecar;
    std::string recording;
    StreamFollower follower{{}, [this](const std::string& line) { recording += line + "\n"; }};

    void pass(int lines) {
        for (; lines > 0; --lines) {
            const auto line = sidecar.line();
            follower.take(line, received(sidecar));
        }
    }
};

TEST(StreamFollower, PutsTheSamplesOfAnotherClockOnOurs) {
    Followed f;
    f.pass(1);
    ASSERT_EQ(f.follower.samples().size(), 1U);
    EXPECT_EQ(f.follower.samples()[0].at, our_start + way) << "late by the way, no more";
    f.pass(3);
    EXPECT_EQ(f.follower.samples()[3].at, our_start + 3 * period + way);
    EXPECT_EQ(f.follower.port(), 8080);
    EXPECT_EQ(f.follower.owner()->command, "shop");
}

TEST(StreamFollower, LinesThatWereHeldUpDoNotMoveTheClock) {
    Followed f;
    f.pass(4);
    for (int i = 0; i < 20; ++i) {  // Redis was away for 5 s: all come at its end
        const auto line = f.sidecar.line();
        f.follower.take(line, our_start + seconds{6});
    }
    EXPECT_EQ(f.follower.samples().back().at, our_start + 23 * period + way);
    EXPECT_EQ(f.follower.lost(), 0U);
}

TEST(StreamFollower, TheNearerClockWinsAndTimeNeverGoesBack) {
    Followed f;
    const auto line = f.sidecar.line();
    f.follower.take(line, received(f.sidecar) + seconds{2});  // the first one was held up
    f.pass(12);
    const auto& samples = f.follower.samples();
    for (std::size_t i = 1; i < samples.size(); ++i) EXPECT_LT(samples[i - 1].at, samples[i].at);
    EXPECT_EQ(samples.back().at, our_start + 12 * period + way);
}

TEST(StreamFollower, OnOneBootTheClocksAreOne) {
    ClockMap clock;
    clock.add(own_boot_id(), our_start, our_start + seconds{3});
    EXPECT_TRUE(clock.same_clock());
    EXPECT_EQ(clock.ours(our_start), our_start);
    clock.add("another-boot", our_start, our_start + seconds{3});
    EXPECT_FALSE(clock.same_clock());
    EXPECT_EQ(clock.ours(our_start), our_start + seconds{3});
}

TEST(StreamFollower, AMonotonicClockThatAContainerShiftedIsNotOurs) {
    ClockMap clock;
    clock.add(own_boot_id(), our_start + seconds{60}, our_start);
    EXPECT_FALSE(clock.same_clock()) << "nothing is received before it was written";
    EXPECT_EQ(clock.ours(our_start + seconds{60}), our_start);
}

TEST(StreamFollower, WhatIsThereAtTheFirstLineWasThereBeforeTheLoad) {
    Followed f;
    f.sidecar.stuck = {1, 2};
    f.pass(1);
    f.sidecar.stuck = {1, 2, 3};
    f.pass(1);
    EXPECT_EQ(f.follower.tracker().of_load(), 1U);
}

TEST(StreamFollower, OurOwnProbesAreNotTheLoads) {
    Sidecar sidecar;
    const auto own = std::make_shared<OwnSockets>();
    std::string recording;
    StreamFollower follower{{}, [&](const std::string& line) { recording += line + "\n"; }, own};
    const auto pass = [&] {
        const auto line = sidecar.line();
        follower.take(line, received(sidecar));
    };
    const auto address = boost::asio::ip::make_address_v4("127.0.0.1");
    own->add(Endpoint{boost::asio::ip::tcp::endpoint{address, 20'001}}, our_start + seconds{1});
    pass();
    sidecar.stuck = {1, 2};  // from ports 20001 and 20002
    for (int i = 0; i < 40; ++i) pass();
    EXPECT_EQ(follower.tracker().live().size(), 1U) << "also when it is known as ours no more";
    EXPECT_TRUE(follower.tracker().live().contains(2));
    EXPECT_EQ(follower.samples().back().close_wait, 2U) << "but it is counted among the states";
    EXPECT_EQ(recording.find("127.0.0.1:20001"), recording.npos);
}

TEST(StreamFollower, JoinsInTheMidstByLookingBackToALineThatTellsAll) {
    Followed f;
    f.sidecar.stuck = {1, 2};
    const auto all = f.sidecar.line(SocketStreamWriter::Tell::all);
    f.sidecar.stuck = {1, 2, 3};
    const auto later = f.sidecar.line();
    f.sidecar.stuck = {1, 3};
    const auto gone = f.sidecar.line();
    for (const auto& line : {all, later, gone}) f.follower.look_back(line);
    EXPECT_TRUE(f.follower.samples().empty());
    f.sidecar.now += seconds{10};
    f.pass(1);
    ASSERT_EQ(f.follower.samples().size(), 1U);
    const auto& live = f.follower.tracker().live();
    ASSERT_EQ(live.size(), 2U);
    const auto at = f.follower.samples()[0].at;
    EXPECT_EQ(live.at(1).age_at_least(at), seconds{10} + 3 * period + milliseconds{100});
    EXPECT_EQ(f.follower.lost(), 0U);
}

TEST(StreamFollower, ALineThatComesTwiceCountsOnce) {
    Followed f;
    f.pass(2);
    f.sidecar.stuck = {1};
    const auto line = f.sidecar.line();
    for (int i = 0; i < 3; ++i) f.follower.take(line, received(f.sidecar));
    f.pass(1);
    EXPECT_EQ(f.follower.samples().size(), 4U);
    EXPECT_EQ(f.follower.lost(), 0U);
    EXPECT_EQ(f.follower.trouble(), "");
}

TEST(StreamFollower, ALineOutOfOrderIsMissingAndThenComesTooLate) {
    Followed f;
    f.pass(2);
    const auto third = f.sidecar.line(), fourth = f.sidecar.line();
    f.follower.take(fourth, received(f.sidecar));
    f.follower.take(third, received(f.sidecar));
    EXPECT_EQ(f.follower.samples().size(), 2U) << "neither stands on its own";
    EXPECT_EQ(f.follower.lost(), 2U);
}

TEST(StreamFollower, AfterMissingLinesTheNextThatTellsAllIsBelievedAgain) {
    Followed f;
    f.sidecar.stuck = {1, 2};
    f.pass(2);
    f.sidecar.stuck = {2, 3};
    f.sidecar.line();  // never comes
    f.pass(2);         // skipped: who knows what went before
    EXPECT_EQ(f.follower.samples().size(), 2U);
    const auto all = f.sidecar.line(SocketStreamWriter::Tell::all);
    f.follower.take(all, received(f.sidecar));
    f.pass(1);
    EXPECT_EQ(f.follower.lost(), 3U);
    ASSERT_EQ(f.follower.samples().size(), 4U);
    const auto& live = f.follower.tracker().live();
    EXPECT_EQ(live.size(), 2U);
    EXPECT_TRUE(live.contains(3));
    EXPECT_TRUE(live.at(2).before_load) << "followed through the gap";
}

TEST(StreamFollower, AWatcherThatWasStartedAgainFindsTheSameSockets) {
    Followed f;
    f.sidecar.stuck = {1, 2};
    f.pass(3);
    f.sidecar.start_again();
    f.sidecar.now += seconds{2};
    f.sidecar.stuck = {2, 3};
    f.pass(2);
    const auto& live = f.follower.tracker().live();
    EXPECT_EQ(live.size(), 2U);
    EXPECT_TRUE(live.at(2).before_load);
    EXPECT_EQ(f.follower.listener(), ListenerFate::kept);
    EXPECT_FALSE(f.follower.tracker().begun_anew());
    EXPECT_EQ(f.follower.restarts(), 0U);
    EXPECT_EQ(f.follower.trouble(), "");
}

TEST(StreamFollower, ARestartedServerBeginsAnewAndIsAFinding) {
    Followed f;
    f.sidecar.stuck = {1, 2};
    f.pass(40);
    f.sidecar.stuck = {};
    f.sidecar.listening = {901};
    f.sidecar.process = ProcessInfo{43, "shop"};
    f.pass(4);
    EXPECT_EQ(f.follower.listener(), ListenerFate::replaced);
    EXPECT_TRUE(f.follower.tracker().begun_anew());
    EXPECT_TRUE(f.follower.tracker().live().empty());
    EXPECT_EQ(f.follower.tracker().ended_count(), 2U);
    EXPECT_TRUE(f.follower.tracker().ended().empty()) << "no proof that the server reclaims";
    EXPECT_EQ(f.follower.restarts(), 1U);
}

TEST(StreamFollower, AServiceThatItsSocketWasKeptForIsNoRestart) {
    for (const bool kept : {true, false}) {
        SCOPED_TRACE(kept);
        Followed f;
        f.sidecar.process = ProcessInfo{1, "systemd"};
        f.pass(4);
        f.sidecar.process = ProcessInfo{43, "shop", kept ? 1 : 0};
        f.pass(4);
        EXPECT_EQ(f.follower.restarts(), kept ? 0U : 1U);
        f.sidecar.process = ProcessInfo{44, "shop"};
        f.pass(4);
        EXPECT_EQ(f.follower.restarts(), kept ? 1U : 2U);
    }
}

TEST(StreamFollower, AnotherNetworkNamespaceIsAnotherServer) {
    Followed f;
    f.sidecar.stuck = {1, 2};
    f.pass(4);
    f.sidecar.netns = 4026532999;  // a new container; cookies may be the same in old kernels
    f.sidecar.start_again();
    f.pass(4);
    EXPECT_EQ(f.follower.listener(), ListenerFate::replaced);
    EXPECT_TRUE(f.follower.tracker().begun_anew());
    EXPECT_EQ(f.follower.restarts(), 1U);
    EXPECT_EQ(f.follower.tracker().of_load(), 2U) << "they are the new server's, and count";
}

TEST(StreamFollower, AProcessThatOpensItsSocketAnewKeepsWhatItLeaked) {
    Followed f;
    f.pass(4);
    f.sidecar.stuck = {1, 2};
    f.pass(4);
    f.sidecar.listening = {901};
    f.sidecar.change = ServerChange::reopened;
    f.pass(1);
    f.sidecar.change = ServerChange::none;
    f.pass(4);
    EXPECT_EQ(f.follower.listener(), ListenerFate::kept);
    EXPECT_FALSE(f.follower.tracker().begun_anew());
    EXPECT_EQ(f.follower.tracker().of_load(), 2U);
    EXPECT_THAT(f.recording, HasSubstr("\"server\":\"reopened\""));
}

TEST(StreamFollower, AnotherBootInTheRecordingIsJudgedAgainToTheSame) {
    Followed f;
    f.pass(4);
    for (std::uint64_t i = 1; i <= 80; ++i) {
        f.sidecar.stuck.push_back(i);
        f.pass(1);
    }
    f.sidecar.boot_id = "the-next-boot";  // the listener and the sockets have equal cookies
    f.sidecar.start_again();
    f.sidecar.stuck = {1, 2, 3, 4, 5};
    f.pass(100);
    LoadFacts load;
    load.begin = f.follower.samples().front().at;
    load.end = f.follower.samples()[120].at;
    load.closes = 400;
    load.closed = {{load.begin + seconds{20}, 300}, {load.end, 400}};
    load.settled = true;
    const DetectorInput input{8080,
                              f.follower.samples().back().at,
                              shortest_tau,
                              f.follower.samples(),
                              f.follower.listener(),
                              {}};
    auto report = judge_load(f.follower.tracker(), input, load);
    complete_report(report, f.follower.holder(), input.samples);
    EXPECT_EQ(report.leaked, 5U) << report.text;
    EXPECT_EQ(report.closes, 100U);
    f.follower.record_end({input.tau, f.follower.holder(), &load, {}, {}});
    std::istringstream lines{f.recording};
    const auto again = replay_sockets(lines);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->text, report.text);
    EXPECT_TRUE(*again == report);
}

TEST(StreamFollower, ARestartInTheRecordingIsJudgedAgainToTheSame) {
    Followed f;
    f.pass(4);
    const auto begin = f.follower.samples().back().at;
    for (std::uint64_t i = 1; i <= 60; ++i) {
        f.sidecar.stuck.push_back(i);
        f.sidecar.kernel = KernelUse{i, 0, 0, 0};
        f.pass(1);
    }
    f.sidecar.netns = 4026532999;
    f.sidecar.start_again();
    f.sidecar.stuck.clear();
    for (std::uint64_t i = 101; i <= 220; ++i) {
        f.sidecar.stuck.push_back(i);
        f.sidecar.kernel = KernelUse{i - 100, 0, 0, 0};  // the new watch counts from its start
        f.pass(1);
    }
    LoadFacts load;
    load.begin = begin;
    load.end = f.follower.samples().back().at;
    for (int i = 1; i <= 45; ++i) {
        load.closed.push_back({begin + seconds{i}, static_cast<std::uint64_t>(40 * i)});
    }
    load.closes = 1800;
    load.settled = true;
    load.closed_at = load.end;
    f.pass(60);
    DetectorInput input{8080,
                        f.follower.samples().back().at,
                        shortest_tau,
                        f.follower.samples(),
                        f.follower.listener(),
                        {},
                        {},
                        "somebody"};
    auto report = judge_load(f.follower.tracker(), input, load);
    complete_report(report, f.follower.holder(), input.samples);
    EXPECT_STREQ(to_string(report.word), "LEAK_CONFIRMED") << report.text;
    EXPECT_EQ(report.leaked, 120U);
    EXPECT_EQ(report.listen_overflows, 59U + 120U);
    EXPECT_THAT(report.flags, testing::ElementsAre(HasSubstr("SERVER_RESTARTED: another socket")));
    // 30 s met the second server: its closes alone count.
    EXPECT_NEAR(static_cast<double>(report.closes), 30 * 40, 50);

    f.follower.record_end({input.tau, f.follower.holder(), &load, {}, "somebody"});
    std::istringstream lines{f.recording};
    const auto again = replay_sockets(lines);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->text, report.text);
    EXPECT_TRUE(*again == report);
}

TEST(StreamFollower, TimersThatRanBeforeItJoinedAreTheSameInTheRecording) {
    Followed f;
    f.sidecar.keep_alive = seconds{3600};
    f.sidecar.stuck = {1, 2, 3};
    f.follower.look_back(f.sidecar.line(SocketStreamWriter::Tell::all));
    f.sidecar.now += std::chrono::microseconds{370};  // samples are not taken on whole milliseconds
    f.follower.look_back(f.sidecar.line());
    f.pass(40);
    const DetectorInput input{
        8080, f.follower.samples().back().at, seconds{1}, f.follower.samples(), ListenerFate::kept,
        {}};
    auto report = judge_alone(f.follower.tracker(), input);
    complete_report(report, f.follower.holder(), input.samples);
    ASSERT_EQ(report.oldest.size(), 3U) << report.text;
    ASSERT_TRUE(report.oldest[0].keep_alive);
    EXPECT_NEAR(to_seconds(*report.oldest[0].keep_alive), 3600 - 41 * 0.25, 0.01);
    f.follower.record_end({input.tau, f.follower.holder(), nullptr, {}, {}});
    std::istringstream lines{f.recording};
    const auto again = replay_sockets(lines);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->oldest[0].keep_alive, report.oldest[0].keep_alive);
    EXPECT_TRUE(*again == report);
}

TEST(StreamFollower, WhatCouldNotBeJudgedIsNotCalmInTheRecordingEither) {
    Followed f;
    f.pass(60);
    const auto& last = f.follower.samples().back();
    LoadFacts load;
    load.begin = f.follower.samples().front().at;
    load.end = last.at;
    load.settled = true;
    DetectorInput input{8080, last.at, shortest_tau, f.follower.samples(), ListenerFate::kept, {}};
    input.unreadable = "two watchers write the stream at a time";
    const auto report = judge_load(f.follower.tracker(), input, load);
    EXPECT_STREQ(to_string(report.word), "UNKNOWN");
    f.follower.record_end({input.tau, {}, &load, {}, {}, input.unreadable});
    std::istringstream lines{f.recording};
    const auto again = replay_sockets(lines);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_STREQ(to_string(again->word), "UNKNOWN");
    EXPECT_EQ(again->text, report.text);
}

TEST(StreamFollower, ASampleThatFailedThereIsInTheRecording) {
    Followed f;
    f.pass(3);
    f.follower.take(f.sidecar.failure("no permission"), received(f.sidecar));
    EXPECT_EQ(f.follower.failure(), "no permission");
    std::istringstream lines{f.recording};
    const auto cut_off = replay_sockets(lines);
    ASSERT_TRUE(cut_off) << cut_off.error().message;
    EXPECT_EQ(cut_off->text, "the sockets of port 8080 cannot be seen: no permission");
    f.pass(1);
    EXPECT_EQ(f.follower.failure(), "");
    EXPECT_EQ(f.follower.lost(), 0U);
}

TEST(StreamFollower, TwoWatchersOnOneStreamAreNotBelieved) {
    Followed f;
    Sidecar other;
    f.pass(2);
    f.follower.take(other.line(), received(f.sidecar));
    f.pass(1);
    EXPECT_EQ(f.follower.trouble(),
              "two watchers write the stream at a time: each needs a run ID of its own");
}

TEST(StreamFollower, KnowsThatTheWatchHasEnded) {
    Followed f;
    f.pass(2);
    SocketStreamWriter writer{8080, {}};
    f.follower.take(writer.end({seconds{5}, {}, nullptr, {}, {}}), received(f.sidecar));
    EXPECT_TRUE(f.follower.ended());
}

TEST(StreamFollower, WhatIsNoLineIsTroubleAndNoCrash) {
    for (const char* text :
         {"", "{", "[]", "{\"v\":2}", "{\"v\":1}", "{\"v\":1,\"port\":8080,\"tau_ns\":\"x\"}",
          "{\"v\":1,\"port\":8080,\"tau_ns\":5,\"n\":-1}",
          "{\"v\":1,\"port\":8080,\"tau_ns\":5,\"n\":1,\"t_mono_ns\":9223372036854775807}"}) {
        Followed f;
        f.follower.take(text, our_start);
        EXPECT_THAT(f.follower.trouble(), HasSubstr("a line that is none of a watch")) << text;
        EXPECT_TRUE(f.follower.samples().empty());
    }
}

TEST(StreamFollower, CarriesTheKernelsCounters) {
    Followed f;
    auto& told = f.sidecar.kernel.emplace();
    std::uint64_t number = 7;
    for (const auto& counter : kernel_counters) told.*counter.count = number++;
    f.pass(1);
    told = {};
    told.segments = 1;
    f.pass(1);
    const auto &first = f.follower.samples()[0].kernel, &second = f.follower.samples()[1].kernel;
    ASSERT_TRUE(first && second);
    number = 7;
    for (const auto& counter : kernel_counters) {
        EXPECT_EQ((*first).*counter.count, number++) << counter.name;
        EXPECT_EQ((*second).*counter.count, counter.name == "OutSegs" ? 1U : 0U) << counter.name;
    }
}

TEST(StreamWriter, TellsAllAgainOnlyWhenItIsDue) {
    SocketStreamWriter writer{8080, {}};
    const std::optional<ProcessInfo> nobody;
    SocketSample sample;
    int all = 0, last = 0, furthest = 0;
    std::size_t first = 0;
    for (int i = 0; i < 1000; ++i) {
        sample.at += period;
        const auto line = writer.sample({sample, {}, ListenerFate::kept, nobody},
                                        SocketStreamWriter::Tell::when_due);
        if (i == 0) first = line.size();
        if (line.find("\"full\":true") == line.npos) continue;
        ++all;
        furthest = std::max(furthest, i - std::exchange(last, i));
    }
    EXPECT_GT(first, 100U);
    EXPECT_EQ(all, 59) << "the first, and one in 17";
    EXPECT_EQ(furthest, 17) << "4 s, within the patience of who joins";
}

TEST(StreamWriter, TellsManySocketsAllAgainOnceAMinute) {
    Sidecar sidecar;
    for (std::uint64_t i = 1; i <= 400; ++i) sidecar.stuck.push_back(i);
    int all = 0;
    for (int i = 0; i < 1000; ++i) {
        const auto line = sidecar.line(SocketStreamWriter::Tell::when_due);
        all += line.find("\"full\":true") != line.npos;
    }
    EXPECT_GE(all, 4);
    EXPECT_LE(all, 5);
}

TEST(StreamFollower, LinesThatItCannotUnderstandAreNoSilence) {
    Followed f;
    f.sidecar.line();  // told all; it is gone from Redis
    f.pass(10);
    EXPECT_TRUE(f.follower.samples().empty());
    EXPECT_EQ(f.follower.skipped(), 10U);
    f.follower.take(f.sidecar.line(SocketStreamWriter::Tell::all), received(f.sidecar));
    EXPECT_EQ(f.follower.samples().size(), 1U);
    EXPECT_EQ(f.follower.lost(), 0U) << "nothing of the watch is missing since it was joined";
}

TEST(CappedRecording, SaysThatItGoesNoFurtherAndCannotGiveTheVerdict) {
    SimulatedWatch watch;
    watch.server = leaking(0.1);
    const auto recording = watch.run().recording;
    std::string kept;
    CappedRecording capped{[&](const std::string& line) { kept += line + "\n"; },
                           recording.size() / 2};
    std::istringstream all{recording};
    for (std::string line; std::getline(all, line);) capped(line);
    EXPECT_LT(kept.size(), recording.size() / 2 + 100);
    std::istringstream lines{kept};
    const auto report = replay_sockets(lines);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_STREQ(to_string(report->word), "UNKNOWN");
    EXPECT_THAT(report->text, HasSubstr("the recording stopped at 0 MiB, so that it did not grow "
                                        "without limit, and cannot give the verdict again"));
}

TEST(Replay, GivesNoCalmWordWhereLinesAreMissing) {
    SimulatedWatch watch;
    watch.server = slow(0, 0.4);
    std::istringstream all{watch.run().recording};
    std::string kept;
    int number = 0;
    for (std::string line; std::getline(all, line);) {
        if (++number < 40 || number > 60) kept += line + "\n";
    }
    std::istringstream lines{kept};
    const auto report = replay_sockets(lines);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_STREQ(to_string(report->word), "INCONCLUSIVE") << report->text;
}

TEST(WatchGap, MattersAtTheEndsAndWhereASocketCouldComeAndGo) {
    const auto samples = [](std::initializer_list<std::pair<int, int>> stretches) {
        std::vector<SocketSample> all;
        for (const auto& [from, to] : stretches) {
            for (Duration t = seconds{from}; t <= seconds{to}; t += period) {
                all.emplace_back().at = our_start + t;
            }
        }
        return all;
    };
    const struct {
        const char* what;
        std::vector<SocketSample> samples;
        std::uint64_t lost;
        bool matters;
        const char* text;
    } rows[] = {
        {"nothing", samples({{-1, 60}}), 0, false, ""},
        {"some lines", samples({{-1, 60}}), 3, false, "3 lines of the watch never came"},
        {"a short hole", samples({{-1, 20}, {24, 60}}), 16, false,
         "16 lines of the watch never came: no sample for 4.00 s of 1m"},
        {"as long as tau", samples({{-1, 20}, {25, 60}}), 20, true,
         "for 5.00 s of 1m there is no sample of the sockets (20 lines missing)"},
        {"many short ones", samples({{-1, 10}, {14, 30}, {34, 60}}), 32, true,
         "for 8.00 s of 1m there is no sample of the sockets (32 lines missing)"},
        {"late", samples({{4, 60}}), 0, true, "the watch began 4.00 s after the load did"},
        {"early", samples({{-1, 50}}), 0, true,
         "the watch ended 10.0 s before the settle time did"},
        {"never", samples({{-5, -1}}), 0, true, "no sample was taken while the load ran"},
        {"at all", {}, 0, true, "no sample was taken while the load ran"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        const auto gap =
            find_gap(row.samples, {our_start, our_start + seconds{60}, shortest_tau, row.lost});
        EXPECT_EQ(gap.matters, row.matters);
        EXPECT_EQ(gap.text, row.text);
    }
}

TEST(RunId, IsOneWordOfPlainCharacters) {
    for (const char* good : {"42", "build-7_a.b"}) EXPECT_TRUE(parse_run_id(good)) << good;
    for (const auto& bad : {std::string{}, std::string{"a b"}, std::string{"x:y"}, std::string{"é"},
                            std::string(65, 'x')}) {
        EXPECT_FALSE(parse_run_id(bad)) << bad;
    }
}

}  // namespace
}  // namespace loadline

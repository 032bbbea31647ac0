// What is read of the target's process, kernel and Redis: texts of known content, and merging.
#include "watch/target.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/procfs.hpp"
#include "temporary_folder.hpp"
#include "watch/kernel_counters.hpp"
#include "watch/process.hpp"
#include "watch/redis_info.hpp"

namespace loadline {
namespace {

using std::chrono::microseconds;
using testing::Contains;

TEST(ProcessStat, IsReadBehindACommandThatLooksLikeIts) {
    // Fields 14 and 15 are the CPU ticks, 20 threads, 22 the start, 24 pages.
    const auto stat = parse_process_stat(
        "77 (a ) S 1 (b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 6 0 9999 4096 25 "
        "18446744073709551615");
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->cpu, seconds(200.0 / static_cast<double>(::sysconf(_SC_CLK_TCK))));
    EXPECT_EQ(stat->parent, 1);
    EXPECT_EQ(stat->threads, 6u);
    EXPECT_EQ(stat->start, 9999u);
    EXPECT_EQ(stat->resident_bytes, 25u * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

TEST(ProcessStat, IsNothingForAnEndedProcessAndForOtherTexts) {
    EXPECT_FALSE(parse_process_stat("77 (a) Z 1 2 3 4 5 6 7 8 9 10 1 5 0 0 20 0 1 0 9 40 25 0"));
    EXPECT_FALSE(parse_process_stat("77 (a) S 1 2"));
    EXPECT_FALSE(parse_process_stat(""));
}

TEST(ScheduleStatText, HasTimeOnTheCoreAndTimeWithout) {
    const auto stat = parse_schedstat("72931527 27390390 316\n");
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->cpu, Duration{72931527});
    EXPECT_EQ(stat->waited, Duration{27390390});
    EXPECT_FALSE(parse_schedstat(""));
}

TEST(ProcessAge, GrowsAndIsNothingOfNobody) {
    const auto age = process_age(::getpid());
    ASSERT_TRUE(age);
    EXPECT_GE(*age, Duration{-std::chrono::milliseconds{10}});  // a tick of the kernel's clock
    EXPECT_LT(*age, std::chrono::hours{1});
    EXPECT_GE(*process_age(::getppid()), *age - std::chrono::milliseconds{10});
    EXPECT_FALSE(process_age(-1));
}

TEST(ProcessTree, IsClimbedUpwards) {
    EXPECT_TRUE(is_below(::getpid(), ::getppid()));
    EXPECT_FALSE(is_below(::getppid(), ::getpid()));
    EXPECT_FALSE(is_below(::getpid(), ::getpid()));
    EXPECT_FALSE(is_below(-1, ::getpid()));
}

/// A cgroup's file that counts, which two paths lead to: as for two processes in one group.
class OomKillsTest : public testing::Test {
protected:
    OomKillsTest() {
        count(7);
        std::filesystem::create_hard_link(first_, second_);
    }

    void count(int kills) const {
        std::ofstream{std::filesystem::exists(second_) ? second_ : first_} << "oom 9\noom_kill "
                                                                           << kills << "\n";
    }

    const TemporaryFolder folder_;
    const std::string first_ = folder_ / "first", second_ = folder_ / "second";
};

TEST_F(OomKillsTest, AreThoseSinceTheFileIsFollowed) {
    OomKills kills;
    EXPECT_EQ(kills.take(), 0u);
    kills.follow(first_);
    EXPECT_EQ(kills.take(), 0u);
    count(9);
    EXPECT_EQ(kills.take(), 2u);
    EXPECT_EQ(kills.take(), 0u);
    kills.follow({});
    count(10);
    EXPECT_EQ(kills.take(), 0u);
}

TEST_F(OomKillsTest, OfTheTargetItselfAreSeenWhenThePathHasGoneWithIt) {
    OomKills kills;
    kills.follow(first_);
    std::filesystem::remove(first_);
    count(8);
    EXPECT_EQ(kills.take(), 1u);
}

TEST_F(OomKillsTest, OfASuccessorInTheSameGroupAreCountedOn) {
    OomKills kills;
    kills.follow(first_);
    count(8);
    kills.follow(second_);
    EXPECT_EQ(kills.take(), 1u);
    folder_.write("other", "oom_kill 3\n");
    kills.follow(folder_ / "other");
    EXPECT_EQ(kills.take(), 0u);
}

TEST(ProcessMeter, SeesThisProcess) {
    ProcessMeter meter;
    const auto first = meter.look(::getpid(), {});
    ASSERT_TRUE(first);
    EXPECT_EQ(first->pid, ::getpid());
    EXPECT_GE(first->processes, 1u);
    EXPECT_FALSE(first->cores_used) << "there is nothing to compare with";
    const auto second = meter.look(::getpid(), seconds(1));
    ASSERT_TRUE(second);
    EXPECT_TRUE(second->cores_used);
    EXPECT_GE(second->cores.value_or(0), 0.01);
    EXPECT_GE(second->threads.value_or(0), 1u);
    EXPECT_GE(second->fds.value_or(0), 3u);
    EXPECT_GT(second->resident_bytes.value_or(0), 100'000u);
    EXPECT_EQ(second->restarts, 0u);
    EXPECT_FALSE(second->gone);
}

TEST(ProcessMeter, TellsAnotherProcessFromTheSameAndAnEndFromBoth) {
    ProcessMeter meter;
    EXPECT_FALSE(meter.look({}, {})) << "none was ever seen";
    ASSERT_TRUE(meter.look(::getpid(), {}));
    const auto gone = meter.look({}, seconds(1));
    ASSERT_TRUE(gone);
    EXPECT_TRUE(gone->gone);
    EXPECT_EQ(gone->pid, ::getpid());
    const auto back = meter.look(::getpid(), seconds(1));
    EXPECT_FALSE(back->gone);
    EXPECT_EQ(back->restarts, 0u) << "it was out of sight, but the same";
    EXPECT_EQ(meter.look(::getppid(), seconds(1))->restarts, 1u);
}

TEST(ProcessMeter, WhatItStartedIsNoRestart) {
    ProcessMeter meter;
    ASSERT_TRUE(meter.look(::getppid(), {}));
    const auto started = meter.look(::getpid(), seconds(1));
    ASSERT_TRUE(started);
    EXPECT_EQ(started->pid, ::getpid());
    EXPECT_EQ(started->restarts, 0u) << "it kept the socket for this process";
    EXPECT_EQ(meter.look(::getppid(), seconds(1))->restarts, 1u);
}

constexpr const char* netstat =
    "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPSynRetrans OutSegs TCPReqQFullDrop "
    "TCPReqQFullDoCookies TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout "
    "TCPAbortOnLinger\n"
    "TcpExt: 1 42 43 7 99 2 3 4 5 6 8 9\n"
    "IpExt: InNoRoutes InTruncatedPkts\n"
    "IpExt: 0 0\n";
constexpr const char* snmp =
    "Ip: Forwarding DefaultTTL\nIp: 1 64\n"
    "Tcp: RtoAlgorithm OutSegs RetransSegs EstabResets\nTcp: 1 1000 12 10\n";

TEST(KernelCounters, AreReadByTableAndName) {
    const auto counts = parse_kernel_counters(netstat, snmp);
    ASSERT_TRUE(counts);
    EXPECT_EQ(counts->listen_overflows, 42u);
    EXPECT_EQ(counts->segments, 1000u);
    EXPECT_EQ(counts->syn_retransmits, 7u);
    EXPECT_EQ(counts->retransmits, 12u);
    EXPECT_EQ(counts->syncookies_sent, 1u);
    EXPECT_EQ(counts->listen_drops, 43u);
    EXPECT_EQ(counts->syn_queue_drops, 2u);
    EXPECT_EQ(counts->syn_queue_cookies, 3u);
    EXPECT_EQ(counts->resets, 10u);
    EXPECT_EQ(counts->aborts_on_data, 4u);
    EXPECT_EQ(counts->aborts_on_close, 5u);
    EXPECT_EQ(counts->aborts_on_memory, 6u);
    EXPECT_EQ(counts->aborts_on_timeout, 8u);
    EXPECT_EQ(counts->aborts_on_linger, 9u);
    EXPECT_FALSE(parse_kernel_counters("", snmp));
    EXPECT_FALSE(parse_kernel_counters(netstat, ""));
}

/// Each with a value of its own, so that none is taken for another.
KernelUse each_its_own(std::uint64_t from) {
    KernelUse use;
    for (const auto& counter : kernel_counters) use.*counter.count = from++;
    return use;
}

TEST(KernelCounters, OfThisKernelAreAllThere) {
    for (const auto& counter : kernel_counters) {
        const auto text =
            read_text(counter.table == "Tcp:" ? "/proc/net/snmp" : "/proc/net/netstat");
        EXPECT_NE(text.find(" " + std::string{counter.name}), std::string::npos) << counter.name;
    }
}

TEST(KernelCounters, AddUpAndBeginAnew) {
    auto sum = each_its_own(100);
    append(sum, each_its_own(1000));
    const auto since = counted_since(sum, each_its_own(100)),
               anew = counted_since(sum, KernelUse{5000});
    for (const auto& counter : kernel_counters) {
        EXPECT_EQ(since.*counter.count, each_its_own(1000).*counter.count) << counter.name;
        EXPECT_EQ(anew.*counter.count, sum.*counter.count) << "went back, or began at 0";
    }
}

constexpr const char* info =
    "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n# Clients\r\nconnected_clients:3\r\n"
    "blocked_clients:2\r\n# "
    "Memory\r\nused_memory:1000\r\nused_memory_human:1K\r\nmaxmemory:2000\r\n"
    "# Stats\r\ntotal_commands_processed:500\r\nevicted_keys:9\r\n# CPU\r\nused_cpu_sys:3.5\r\n"
    "used_cpu_user:4.5\r\n";

TEST(RedisInfo, IsReadByWholeNames) {
    const auto figures = parse_redis_info(info);
    ASSERT_TRUE(figures);
    EXPECT_EQ(figures->run_id, "abc");
    EXPECT_EQ(figures->clients, 3u);
    EXPECT_EQ(figures->blocked, 2u);
    EXPECT_EQ(figures->used_bytes, 1000u);
    EXPECT_EQ(figures->max_bytes, 2000u);
    EXPECT_EQ(figures->commands, 500u);
    EXPECT_EQ(figures->evicted, 9u);
    EXPECT_EQ(figures->cpu, seconds(8));
    EXPECT_FALSE(parse_redis_info("-NOPERM"));
}

TEST(RedisInfo, TakesTheMainThreadsCpuWhereItIsTold) {
    const auto text =
        std::string{info} + "used_cpu_sys_main_thread:1.0\r\nused_cpu_user_main_thread:1.5\r\n";
    EXPECT_EQ(parse_redis_info(text)->cpu, seconds(2.5));
}

TEST(TargetSecond, AddsCountsAndTakesTheMeanOfRates) {
    TargetSecond a, b;
    a.length = seconds(1);
    b.length = seconds(3);
    a.process.emplace().cores_used = 1;
    a.process->fds = 90;
    a.process->restarts = 1;
    b.process.emplace().cores_used = 2;
    b.process->fds = 50;
    b.process->throttled = 0.5;
    b.proxy.emplace().cores_used = 3;
    a.kernel.emplace().listen_overflows = 4;
    b.kernel.emplace().listen_overflows = 5;
    b.redis.emplace().slow = 2;
    b.redis->slowest = seconds(1);
    b.redis->unanswered = 3;
    append(a, b);
    EXPECT_EQ(a.length, seconds(4));
    EXPECT_DOUBLE_EQ(*a.process->cores_used, 1.75);
    EXPECT_DOUBLE_EQ(*a.process->throttled, 0.5) << "known of one stretch alone";
    EXPECT_EQ(a.process->fds, 90u);
    EXPECT_EQ(a.process->restarts, 1u);
    EXPECT_DOUBLE_EQ(*a.proxy->cores_used, 3) << "seen in the later stretch alone";
    EXPECT_EQ(a.kernel->listen_overflows, 9u);
    EXPECT_EQ(a.redis->slow, 2u);
    EXPECT_EQ(a.redis->unanswered, 3u);
    EXPECT_EQ(a.redis->slowest, seconds(1));
}

}  // namespace
}  // namespace loadline

#include "result/generator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loadline {
namespace {

using std::chrono::milliseconds;

Interval quiet_total() {
    Interval total{1, 1};
    total.scheduled = total.started = total.steps[0].sent = 10'000;
    total.send_lag.record(std::chrono::microseconds{20}, 10'000);
    return total;
}

std::vector<std::string> codes(const GeneratorHealth& health) {
    std::vector<std::string> out;
    for (const auto& limit : health.limits) out.push_back(limit.code);
    return out;
}

TEST(JudgeGenerator, IsInnocentWhenNothingProvesItGuilty) {
    const auto total = quiet_total();
    GeneratorFacts facts{total};
    facts.latency_limit = milliseconds{100};
    facts.lag_p99_ms = {0.02, 0.03};
    const auto health = judge_generator(facts);
    EXPECT_TRUE(health.limits.empty());
    EXPECT_TRUE(health.notes.empty());
    EXPECT_EQ(health.scheduled, 10'000u);
    EXPECT_EQ(health.sent, 10'000u);
    EXPECT_NEAR(to_ms(health.send_lag_p99), 0.02, 1e-4);
    EXPECT_EQ(health.pool_wait_p99, Duration{});
    EXPECT_EQ(health.lag_windows, 2u);
}

TEST(JudgeGenerator, NeedsNinetyNinePercentOfTheScheduleStartedOrDropped) {
    const struct {
        std::uint64_t started, dropped;
        bool open, stopped;
        bool guilty;
    } rows[] = {
        {9'900, 0, true, false, false},     {9'899, 0, true, false, true},
        {5'000, 5'000, true, false, false},  // dropped at the cap: judged by cap_waits
        {5'000, 0, true, true, false},      {5'000, 0, false, false, false},
        {10'001, 0, true, false, false},
    };
    for (const auto& row : rows) {
        auto total = quiet_total();
        total.started = row.started;
        total.dropped_arrivals = row.dropped;
        GeneratorFacts facts{total};
        facts.open_model = row.open;
        facts.stopped_early = row.stopped;
        const auto health = judge_generator(facts);
        EXPECT_EQ(!health.limits.empty(), row.guilty) << "row " << &row - rows;
        if (row.guilty) {
            EXPECT_EQ(health.limits[0].code, "schedule");
            EXPECT_EQ(health.limits[0].text, "only 9899 of 10000 scheduled journeys were started");
        }
    }
}

TEST(JudgeGenerator, AllowsLateSendingInOneSecondOfTen) {
    const auto total = quiet_total();
    const struct {
        int limit_ms;
        double lag_ms;
        std::size_t late_seconds;
        bool guilty;
    } rows[] = {
        {100, 5.1, 1, false}, {100, 5.1, 2, true},  {100, 4.9, 10, false},  // 5 % of 100 ms
        {10, 1.1, 2, true},   {10, 0.9, 10, false},                         // never below 1 ms
    };
    for (const auto& row : rows) {
        GeneratorFacts facts{total};
        facts.latency_limit = milliseconds{row.limit_ms};
        facts.lag_p99_ms.assign(10, 0.01);
        std::fill_n(facts.lag_p99_ms.begin(), row.late_seconds, row.lag_ms);
        EXPECT_EQ(!judge_generator(facts).limits.empty(), row.guilty) << "row " << &row - rows;
        facts.open_model = false;
        EXPECT_TRUE(judge_generator(facts).limits.empty());
    }
    GeneratorFacts facts{total};
    facts.latency_limit = milliseconds{100};
    facts.lag_p99_ms = {7, 7, 0.1};
    EXPECT_EQ(
        judge_generator(facts).limits.at(0).text,
        "requests left late: send lag p99 above 5.00 ms in 2 of 3 seconds: fewer requests, or "
        "more threads and cores");
}

TEST(JudgeGenerator, OurOwnCapsAndSocketsAreOurLimit) {
    const auto total = quiet_total();
    GeneratorFacts facts{total};
    facts.latency_limit = milliseconds{100};
    facts.cap_waits = 100;
    EXPECT_TRUE(judge_generator(facts).limits.empty());
    facts.cap_waits = 101;
    EXPECT_THAT(codes(judge_generator(facts)), testing::ElementsAre("client_limit"));
    facts.out_of_sockets = true;
    facts.open_model = false;
    EXPECT_THAT(codes(judge_generator(facts)),
                testing::ElementsAre("client_limit", "client_limit"));
}

TEST(JudgeGenerator, CpuAndStealExplainAndNeverDecide) {
    const auto total = quiet_total();
    const struct {
        bool open;
        double cpu;
        std::optional<double> steal;
        std::vector<std::string> notes;
    } rows[] = {
        {true, 0.85, 0.02, {}},
        {true, 0.9, {}, {"the busiest worker used 90 % of a core"}},
        {false, 0.9, {}, {}},
        {false, 0.97, {}, {"limited by the generator: its busiest worker used 97 % of a core"}},
        {true, 0, 0.031, {"the hypervisor took 3.1 % of the CPU time"}},
    };
    for (const auto& row : rows) {
        GeneratorFacts facts{total};
        facts.open_model = row.open;
        facts.cpu_share_max = row.cpu;
        facts.seconds.resize(1);
        facts.seconds[0].steal_share = row.steal;
        const auto health = judge_generator(facts);
        EXPECT_EQ(health.notes, row.notes);
        EXPECT_TRUE(health.limits.empty());
    }
}

TEST(JudgeGenerator, SumsItsSecondsUp) {
    const Interval total;
    GeneratorFacts facts{total};
    facts.open_model = false;
    facts.seconds = {{{0.2, 0.4}, 0.01, milliseconds{5}, 10, 3},
                     {{0.4, 0.8}, 0.02, milliseconds{40}, 30, 1}};
    const auto health = judge_generator(facts);
    ASSERT_EQ(health.worker_cpu.size(), 2U);
    EXPECT_DOUBLE_EQ(health.worker_cpu[0], 0.3);
    EXPECT_DOUBLE_EQ(health.worker_cpu[1], 0.6);
    EXPECT_DOUBLE_EQ(health.steal_share.value(), 0.015);
    EXPECT_EQ(health.throttled.value(), milliseconds{45});
    EXPECT_EQ(health.descriptors_max.value(), 30U);
    EXPECT_EQ(health.time_wait_max.value(), 3U);
    EXPECT_TRUE(health.limits.empty());
    ASSERT_EQ(health.notes.size(), 1U);
    EXPECT_EQ(health.notes[0], "the CPU quota of a cgroup held us back for 45.0 ms in all");
}

TEST(JudgeGenerator, SaysNothingOfWhatCouldNotBeRead) {
    const Interval total;
    GeneratorFacts facts{total};
    facts.open_model = false;
    facts.seconds.resize(3);
    const auto health = judge_generator(facts);
    EXPECT_FALSE(health.steal_share || health.throttled || health.descriptors_max ||
                 health.time_wait_max);
}

}  // namespace
}  // namespace loadline

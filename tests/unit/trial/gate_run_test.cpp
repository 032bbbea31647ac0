#include "trial/gate_run.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loadline {
namespace {

using testing::ElementsAre;

std::string order_of(const std::vector<SegmentSpec>& schedule) {
    std::string order;
    for (const auto& spec : schedule) {
        order += fmt::format("{}{} ", spec.side == Side::base ? 'A' : 'B', spec.pair);
    }
    return order;
}

TEST(GateSchedule, AlternatesWhichSideComesFirst) {
    GateOptions options;
    options.pairs = 3;
    EXPECT_EQ(order_of(gate_schedule(options)), "A0 B0 B1 A1 A2 B2 ");
    EXPECT_EQ(gate_schedule(options)[4].length, seconds(15));
    EXPECT_EQ(gate_schedule(options)[4].warmup, seconds(1));
    EXPECT_EQ(gate_schedule({}).size(), 20u);
}

Segment whole(const SegmentSpec& spec) {
    Segment segment;
    segment.side = spec.side;
    segment.pair = spec.pair;
    return segment;
}

TEST(RunGate, RunsEverySegmentAndTellsOfEach) {
    GateOptions options;
    options.pairs = 2;
    std::vector<std::size_t> seen;
    const auto gate = run_gate(
        options, [](const SegmentSpec& spec) -> Result<Segment> { return whole(spec); },
        [&](const Segment& segment) { seen.push_back(segment.pair); });
    EXPECT_EQ(gate.segments.size(), 4u);
    EXPECT_THAT(seen, ElementsAre(0, 0, 1, 1));
    EXPECT_FALSE(gate.interrupted);
    EXPECT_FALSE(gate.stopped);
}

TEST(RunGate, EndsWithTheSegmentThatIsInterruptedAndKeepsTheOthers) {
    int runs = 0;
    const auto gate = run_gate({}, [&](const SegmentSpec& spec) -> Result<Segment> {
        auto segment = whole(spec);
        segment.interrupted = ++runs == 3;
        return segment;
    });
    EXPECT_TRUE(gate.interrupted);
    EXPECT_EQ(gate.segments.size(), 3u);
}

TEST(RunGate, EndsWhenAServiceDoesNotComeUpAndKeepsTheOthers) {
    int runs = 0;
    const auto gate = run_gate({}, [&](const SegmentSpec& spec) -> Result<Segment> {
        if (++runs == 4) return usage_error("it ended");
        return whole(spec);
    });
    ASSERT_TRUE(gate.stopped);
    EXPECT_EQ(gate.stopped->message, "it ended");
    EXPECT_EQ(gate.segments.size(), 3u);
    EXPECT_FALSE(gate.interrupted);
}

TEST(SegmentLength, IsFifteenSecondsOrTwoThousandJourneys) {
    const struct { double rate, seconds; } rows[] = {{1000, 15}, {133.4, 15}, {100, 20}, {10, 200}};
    for (const auto& [rate, seconds] : rows) {
        EXPECT_DOUBLE_EQ(to_seconds(segment_length(Rate::per_second(rate))), seconds) << rate;
    }
}

}  // namespace
}  // namespace loadline

#include "missiond/faults.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loadline::missiond {
namespace {

TEST(ParseFaults, ReadsThoseItServes) {
    const std::string texts[] = {"capacity=400/s", "leak-close-wait=2%", "queue=1k", "backlog=5",
                                 "nofile=64"};
    const auto faults = parse_faults(texts);
    ASSERT_TRUE(faults) << faults.error().message;
    EXPECT_DOUBLE_EQ(faults->capacity->per_second(), 400);
    EXPECT_DOUBLE_EQ(*faults->leak_close_wait, 0.02);
    EXPECT_THAT(
        faults->describe(),
        testing::ElementsAre("fault capacity=400/s", "fault leak-close-wait=2%", "fault queue=1000",
                             "fault backlog=5, 16 connections at a time", "fault nofile=64"));
    EXPECT_EQ(faults->queue, 1000u);
    EXPECT_EQ(faults->backlog, 5u);
    EXPECT_EQ(faults->nofile, 64u);
}

TEST(ParseFaults, RefusesTheRestByName) {
    const struct {
        const char *text, *message;
    } rows[] = {
        {"stall=1s/10s",
         "--fault stall=1s/10s: this version serves only capacity, leak-close-wait, queue, "
         "backlog and nofile"},
        {"nothing",
         "--fault nothing: there is no such fault; there are capacity, leak-close-wait, queue, "
         "backlog and nofile"},
        {"",
         "--fault : there is no such fault; there are capacity, leak-close-wait, queue, backlog "
         "and nofile"},
        {"queue=9",
         "--fault queue: it is the queue before --fault capacity=RATE, which is not given"},
        {"queue=0", "--fault queue=0: between 1 and 1000000"},
        {"backlog=-1", "--fault backlog=-1: count \"-1\" is not like 64, 10k or 2M"},
        {"nofile=3", "--fault nofile=3: between 32 and 1000000"},
        {"capacity", "--fault capacity: rate \"\" is not like 500, 500/s or 30/m"},
        {"capacity=0/s",
         "--fault capacity=0/s: the capacity must be above zero and at most 10^9/s"},
        {"leak-close-wait=101%",
         "--fault leak-close-wait=101%: share \"101%\" is not like 5% or 0.05"},
    };
    for (const auto& [text, message] : rows) {
        SCOPED_TRACE(text);
        const std::string texts[] = {text};
        const auto faults = parse_faults(texts);
        ASSERT_FALSE(faults);
        EXPECT_EQ(faults.error().message, message);
    }
    const std::string twice[] = {"capacity=1/s", "capacity=2/s"};
    EXPECT_EQ(parse_faults(twice).error().message,
              "--fault capacity=2/s: the capacity is given twice");
}

TEST(EvenShare, IsExactAfterAnyNumberOfCalls) {
    for (const double share : {0.0, 0.02, 1.0 / 3, 0.5, 1.0}) {
        SCOPED_TRACE(share);
        EvenShare even{share};
        int yes = 0;
        for (int n = 1; n <= 1000; ++n) {
            yes += even.next();
            ASSERT_NEAR(yes, n * share, 0.5 + 1e-9);
        }
    }
}

}  // namespace
}  // namespace loadline::missiond

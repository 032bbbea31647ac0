#include "missiond/faults.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loadline::missiond {
namespace {

TEST(ParseFaults, ReadsTheTwoItServes) {
    const std::string texts[] = {"capacity=400/s", "leak-close-wait=2%"};
    const auto faults = parse_faults(texts);
    ASSERT_TRUE(faults) << faults.error().message;
    EXPECT_DOUBLE_EQ(faults->capacity->per_second(), 400);
    EXPECT_DOUBLE_EQ(*faults->leak_close_wait, 0.02);
    EXPECT_THAT(faults->describe(),
                testing::ElementsAre("fault capacity=400/s", "fault leak-close-wait=2%"));
}

TEST(ParseFaults, RefusesTheRestByName) {
    const struct {
        const char *text, *message;
    } rows[] = {
        {"stall=1s/10s",
         "--fault stall=1s/10s: this version serves only capacity and leak-close-wait"},
        {"never-read", "--fault never-read: this version serves only capacity and leak-close-wait"},
        {"nothing",
         "--fault nothing: there is no such fault; there are capacity and leak-close-wait"},
        {"", "--fault : there is no such fault; there are capacity and leak-close-wait"},
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

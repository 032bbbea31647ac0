#include "engine/cap_drops.hpp"

#include <gtest/gtest.h>

namespace loadline {
namespace {

constexpr Duration notice = std::chrono::milliseconds{140};
constexpr TimePoint start{std::chrono::hours{1}};

TimePoint after(int ms) { return start + std::chrono::milliseconds{ms}; }

CapDrops started() {
    CapDrops drops{notice};
    drops.decide(start);
    return drops;
}

TEST(CapDrops, AreOursWhenNoExchangeTurnsOutSlow) {
    auto drops = started();
    drops.drop();
    drops.drop();
    EXPECT_EQ(drops.decide(after(100)), 0U);
    EXPECT_EQ(drops.decide(after(140)), 0U) << "an exchange under way may still become slow";
    EXPECT_EQ(drops.decide(after(280)), 2U);
    EXPECT_EQ(drops.decide(after(420)), 0U) << "each is told once";
}

TEST(CapDrops, AreTheServersWhenAnExchangeTurnsOutSlowWithinTheNotice) {
    auto drops = started();
    for (int ms = 0; ms < 2000; ms += 20) {
        drops.drop();
        if (ms % 140 == 120) drops.server_slow();
        EXPECT_EQ(drops.decide(after(ms)), 0U) << ms;
    }
}

TEST(CapDrops, AreOursAgainWhenTheServerIsQuickAgain) {
    auto drops = started();
    drops.drop();
    drops.server_slow();
    drops.drop();
    EXPECT_EQ(drops.decide(after(140)) + drops.decide(after(280)), 1U);
}

TEST(CapDrops, AreDecidedAtTheEnd) {
    auto drops = started();
    drops.drop();
    drops.decide(after(140));
    drops.drop();
    EXPECT_EQ(drops.decide_all(), 2U);
    EXPECT_EQ(drops.decide_all(), 0U);
}

}  // namespace
}  // namespace loadline

#include "plan/rate_profile.hpp"

#include <gtest/gtest.h>

namespace loadline {
namespace {

using std::chrono::milliseconds;

Rate per_second(double n) { return Rate::per_second(n); }

/// Up from 0 to 100/s, held, a pause of a second, a jump to 40/s, and down again.
RateProfile mountain() {
    return RateProfile{{{Rate{}, per_second(100), std::chrono::seconds{2}},
                        {per_second(100), per_second(100), std::chrono::seconds{3}},
                        {per_second(100), Rate{}, Duration{}},
                        {Rate{}, Rate{}, std::chrono::seconds{1}},
                        {Rate{}, per_second(40), Duration{}},
                        {per_second(40), Rate{}, std::chrono::seconds{2}}}};
}

TEST(RateProfile, AConstantRateKeepsItsExactOffsets) {
    for (const double rate : {0.5, 3.0, 333.0, 12345.678}) {
        const RateProfile profile{per_second(rate)};
        for (const std::uint64_t n : {0ULL, 1ULL, 7ULL, 999'999ULL, 1'000'000'007ULL}) {
            EXPECT_EQ(profile.instant_of(static_cast<double>(n)), per_second(rate).offset_of(n));
        }
    }
    EXPECT_EQ(RateProfile{Rate{}}.instant_of(0), Duration::max());
    EXPECT_EQ(RateProfile{per_second(1e-9)}.instant_of(100), Duration::max());
}

TEST(RateProfile, CountsTheArrivalsOfEachStage) {
    const auto profile = mountain();
    EXPECT_EQ(profile.length(), std::chrono::seconds{8});
    EXPECT_EQ(profile.highest(), per_second(100));
    const struct {
        Duration at;
        double arrivals;
    } rows[] = {
        {milliseconds{0}, 0},      {milliseconds{1000}, 25},  {milliseconds{2000}, 100},
        {milliseconds{5000}, 400}, {milliseconds{5999}, 400}, {milliseconds{6000}, 400},
        {milliseconds{7000}, 430}, {milliseconds{8000}, 440}, {std::chrono::hours{1}, 440},
    };
    for (const auto& [at, arrivals] : rows) {
        EXPECT_NEAR(profile.arrivals_until(at), arrivals, 1e-9) << to_seconds(at) << " s";
    }
}

TEST(RateProfile, TheInstantOfAnArrivalIsTheInverse) {
    const auto profile = mountain();
    for (double n = 0; n < 440; n += 0.37) {
        ASSERT_NEAR(profile.arrivals_until(profile.instant_of(n)), n, 1e-6);
    }
    EXPECT_EQ(profile.instant_of(25), milliseconds{1000});
    EXPECT_EQ(profile.instant_of(100), milliseconds{2000});
    EXPECT_EQ(profile.instant_of(399), milliseconds{4990});
    EXPECT_EQ(profile.instant_of(400), milliseconds{6000}) << "an arrival waits out a pause";
    EXPECT_EQ(profile.instant_of(440), Duration::max());
}

TEST(RateProfile, NothingCancelsOnAnAlmostFlatRamp) {
    const RateProfile profile{{{per_second(1000), per_second(1000.000001), std::chrono::hours{1}}}};
    for (const double n : {1.0, 1000.0, 1'000'000.0, 3'599'999.0}) {
        EXPECT_NEAR(to_seconds(profile.instant_of(n)), n / 1000, 4e-6);
    }
}

TEST(RateProfile, SaysTheMeanRateOfAStretch) {
    const auto profile = mountain();
    EXPECT_NEAR(profile.mean(milliseconds{0}, milliseconds{1000}).per_second(), 25, 1e-9);
    EXPECT_NEAR(profile.mean(milliseconds{1000}, milliseconds{2000}).per_second(), 75, 1e-9);
    EXPECT_EQ(profile.mean(milliseconds{5000}, milliseconds{6000}), Rate{});
    EXPECT_EQ(RateProfile{per_second(342)}.mean(milliseconds{1}, milliseconds{8}), per_second(342));
}

TEST(RateProfile, ScalesEveryStage) {
    const auto half = mountain().scaled(0.5);
    EXPECT_EQ(half.highest(), per_second(50));
    EXPECT_EQ(half.length(), mountain().length());
    EXPECT_NEAR(half.arrivals_until(half.length()), 220, 1e-9);
    EXPECT_EQ(RateProfile{per_second(10)}.scaled(0.5).highest(), per_second(5));
}

}  // namespace
}  // namespace loadline

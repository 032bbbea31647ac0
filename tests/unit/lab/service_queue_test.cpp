#include "lab/service_queue.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>
#include <vector>

#include "base/rng.hpp"

namespace loadline {
namespace {

const TimePoint start{seconds(1000)};

TEST(ServiceQueue, FinishesOneServiceTimeAfterAnArrivalThatFindsItFree) {
    ServiceQueue queue{Rate::per_second(400)};
    EXPECT_EQ(queue.service_time(), milliseconds(2.5));
    EXPECT_EQ(queue.admit(start), start + milliseconds(2.5));
    EXPECT_EQ(queue.admit(start + seconds(1)), start + seconds(1) + milliseconds(2.5));
}

TEST(ServiceQueue, ServesABurstOneByOne) {
    ServiceQueue queue{Rate::per_second(400)};
    for (int i = 1; i <= 1000; ++i) EXPECT_EQ(queue.admit(start), start + i * milliseconds(2.5));
    EXPECT_EQ(queue.backlog(start), milliseconds(2500));
    EXPECT_EQ(queue.backlog(start + seconds(1)), milliseconds(1500));
    EXPECT_EQ(queue.backlog(start + seconds(9)), Duration{});
}

TEST(ServiceQueue, WithLimitedRoomTakesThatManyAndRefusesTheNext) {
    ServiceQueue queue{Rate::per_second(400)};
    for (int i = 1; i <= 8; ++i) EXPECT_EQ(queue.admit(start, 8), start + i * milliseconds(2.5));
    EXPECT_FALSE(queue.admit(start, 8));
    EXPECT_EQ(queue.backlog(start), milliseconds(20)) << "the refused one takes no room";
    EXPECT_FALSE(queue.admit(start + milliseconds(2.4), 8)) << "the first is still in service";
    EXPECT_EQ(queue.admit(start + milliseconds(2.5), 8), start + milliseconds(22.5));
}

TEST(ServiceQueue, LetsNothingWaitWhenEvenArrivalsAreSlowerThanIt) {
    ServiceQueue queue{Rate::per_second(400)};
    const auto arrivals = Rate::per_second(380);
    for (std::uint64_t n = 0; n < 38'000; ++n) {
        const auto at = start + arrivals.offset_of(n);
        ASSERT_EQ(queue.admit(at) - at, queue.service_time()) << "arrival " << n;
    }
}

TEST(ServiceQueue, LagsByTheExcessWhenEvenArrivalsAreFasterThanIt) {
    ServiceQueue queue{Rate::per_second(400)};
    const auto arrivals = Rate::per_second(420);
    for (std::uint64_t n = 0; n < 42'000; ++n) {  // D/D/1: the n-th finishes at (n + 1)/400
        const auto want = start + static_cast<Duration::rep>(n + 1) * queue.service_time();
        ASSERT_EQ(queue.admit(start + arrivals.offset_of(n)), want) << "arrival " << n;
    }
    EXPECT_NEAR(to_seconds(queue.backlog(start + seconds(100))), 5.0, 0.01);  // 2000 waiting
}

/// Pollaczek-Khinchine for M/D/1: the mean wait is rho / (2 (1 - rho)) service times.
TEST(ServiceQueue, MakesPoissonArrivalsWaitAsLongAsQueueingTheorySays) {
    for (const double load : {0.5, 0.8, 0.9}) {
        SCOPED_TRACE(load);
        ServiceQueue queue{Rate::per_second(400)};
        Rng rng{7};
        double at = 0, waits = 0;
        constexpr int arrivals = 1'000'000;
        for (int i = 0; i < arrivals; ++i) {
            at += rng.exponential() / (400 * load);
            const auto now = start + seconds(at);
            waits += to_seconds(queue.admit(now) - now - queue.service_time());
        }
        const double want = load / (2 * (1 - load)) / 400;
        EXPECT_NEAR(waits / arrivals, want, want * 0.03);
    }
}

TEST(ServiceQueue, KeepsOneQueueForManyThreads) {
    ServiceQueue queue{Rate::per_second(1000)};
    constexpr int each = 20'000;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < each; ++i) queue.admit(start);
            });
        }
    }
    EXPECT_EQ(queue.backlog(start), 4 * each * queue.service_time());
}

}  // namespace
}  // namespace loadline

// What watching costs: the CPU of this whole process while it does nothing else.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>

#include "base/procfs.hpp"
#include "watch/watcher.hpp"
#include "watch_server.hpp"

namespace loadline {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

/// Says nothing under a sanitizer, whose cost it would be.
class WatchCost : public testing::Test {
protected:
    void SetUp() override {
        if (sanitized) GTEST_SKIP() << "a sanitizer's cost would be measured";
    }
};

Duration process_cpu_time() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

struct Cost {
    double percent = 100;  ///< of a core; the best of three stretches: who else runs only adds
    Duration period{};
};

/// With so many connections to the port, of which half are in CLOSE_WAIT.
Cost cost_of_watching(int connections) {
    constexpr auto stretch = std::chrono::seconds{5};
    ListeningSocket server;
    std::vector<Ends> all;
    for (int i = 0; i < connections; ++i) {
        all.push_back({server.connect(), server.accept()});
        if (i % 2 == 0) all.back().client.close();
    }
    WatchOptions options;
    options.port = server.port();
    auto watcher = std::move(*Watcher::start(options));
    EXPECT_EQ(watcher->latest()->close_wait, static_cast<std::uint32_t>(connections) / 2);
    Cost cost;
    for (int i = 0; i < 3; ++i) {
        const auto begin = Clock::now();
        const auto cpu = process_cpu_time();
        std::this_thread::sleep_for(stretch);
        const auto used = process_cpu_time() - cpu;
        cost.percent =
            std::min(cost.percent, 100 * to_seconds(used) / to_seconds(Clock::now() - begin));
    }
    cost.period = watcher->finish_alone().sampling_period;
    return cost;
}

TEST_F(WatchCost, TenThousandAreSampledLessOftenAndTakeAtMostAFiftiethOfACore) {
    if (raise_fd_limit() < 15'200) {  // one end of every other one is closed
        GTEST_SKIP() << "10 000 connections take 15 200 descriptors, and ulimit -Hn allows "
                     << raise_fd_limit();
    }
    const auto cost = cost_of_watching(10'000);
    EXPECT_LE(cost.percent, 2);
    EXPECT_GT(cost.period, milliseconds(250));
}

}  // namespace
}  // namespace loadline

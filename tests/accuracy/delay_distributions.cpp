#include "truth.hpp"

// Open load at low utilisation against delays of known distribution: every percentile that
// loadline reports is held against the server's own log, and a stall against calculation.

namespace loadline {
namespace {

LoadWindow open_load(double per_second, Duration length, Arrivals arrivals) {
    LoadWindow window;
    window.length = length;
    window.rate = Rate::per_second(per_second);
    window.arrivals = arrivals;
    window.seed = 1;
    return window;
}

/// Where the delays differ, a stall that makes a few late moves all percentiles: those few go up
/// to the slowest, and at p90 stands what without them stood a little further on. For every t: so
/// does the share that is later than t, and the others are later by t at most. Beyond `allowed`.
Duration displaced(const MachineNoise& machine, const Histogram& wanted, double q,
                   Duration allowed) {
    const auto at_most = [&](Duration t) {
        return wanted.quantile(std::min(1.0, q + share_late(machine, t))) - wanted.quantile(q) + t;
    };
    auto least = at_most(allowed);
    for (auto t = allowed; t < machine.longest_stall(); t += t / 2) {
        least = std::min(least, at_most(t));
    }
    return least - allowed;
}

void compare(Attempt& attempt, const std::string& what, const Histogram& got,
             const Histogram& wanted) {
    for (const double q : {0.5, 0.75, 0.9, 0.99, 0.999}) {
        const auto want = wanted.quantile(q), allowed = tolerance(want, q);
        attempt.expect_of_server(what, q, got.quantile(q), want, allowed, false,
                                 displaced(attempt.machine, wanted, q, allowed));
    }
}

/// Service time against the log of the server; response time too, since nothing queues.
void expect_the_servers_percentiles(const Delay& delay) {
    hold_to_the_truth([&]() -> Attempt {
        auto server = DelayServer::start({.delay = delay}).value();
        const auto seen =
            observe(*server, plan_of(*server), {}, open_load(400, seconds(4), Arrivals::poisson));
        const auto& step = seen.loadline.total.steps[0];
        EXPECT_EQ(step.errors(), 0u);
        EXPECT_EQ(step.count(), seen.server.count()) << "the server answered what we counted";
        EXPECT_GT(step.count(), 1000u);

        Attempt attempt{seen.machine};
        compare(attempt, "service time", step.service_time, seen.server);
        compare(attempt, "response time", step.response_time, seen.server);
        return attempt;
    });
}

TEST(DelayDistributions, AConstantDelayIsReportedAsTheServerLoggedIt) {
    expect_the_servers_percentiles(ConstantDelay{milliseconds(20)});
}

TEST(DelayDistributions, AUniformDelayIsReportedAsTheServerLoggedIt) {
    expect_the_servers_percentiles(UniformDelay{milliseconds(2), milliseconds(40)});
}

TEST(DelayDistributions, ALognormalDelayIsReportedAsTheServerLoggedIt) {
    expect_the_servers_percentiles(LognormalDelay{milliseconds(10), 0.7});
}

TEST(DelayDistributions, ABimodalDelayIsReportedAsTheServerLoggedIt) {
    expect_the_servers_percentiles(BimodalDelay{milliseconds(5), milliseconds(50), 0.3});
}

/// An even schedule of 5 s whose answers between 2 s and 3 s all leave at 3 s. The k-th
/// slowest of them was due (k - 1/2) arrivals after the stall began, half an arrival more or
/// less, and waited for the rest of it; a fifth of all are slow, so p50 and p75 are not. The
/// server writes 400 answers when the stall ends, and its own log says how long that took.
TEST(DelayDistributions, AStallOfASecondGivesTheCalculatedPercentiles) {
    constexpr double rate = 400, length_s = 5, stall_s = 1;
    constexpr auto delay = milliseconds(20);
    hold_to_the_truth([&]() -> Attempt {
        auto server = DelayServer::start({.delay = ConstantDelay{delay}}).value();
        const auto seen = observe(
            *server, plan_of(*server), {}, open_load(rate, seconds(length_s), Arrivals::paced),
            [&] { server->stall(Clock::now() + seconds(2), seconds(stall_s)); });
        const auto& step = seen.loadline.total.steps[0];
        EXPECT_EQ(step.count(), static_cast<std::uint64_t>(rate * length_s));
        EXPECT_EQ(step.count(), seen.server.count()) << "the server answered what we counted";

        Attempt attempt{seen.machine};
        attempt.alike = 1 - stall_s / length_s;
        compare(attempt, "service time", step.service_time, seen.server);
        for (const double q : {0.5, 0.75, 0.9, 0.99}) {
            const double slower = (1 - q) * rate * length_s + 0.5;
            const auto held = std::max(seconds(stall_s - slower / rate), Duration{});
            const auto logged = seen.server.quantile(q);
            if (const auto late = logged - delay - held; late > milliseconds(30)) {
                attempt.blame("the server was late by " + format_duration(late),
                              late < milliseconds(30) + seen.machine.longest_stall());
            }
            const auto wanted = std::max(delay + held, logged);
            attempt.expect_of_server("response time", q, step.response_time.quantile(q), wanted,
                                     tolerance(delay + held), held > Duration{});
        }
        return attempt;
    });
}

}  // namespace
}  // namespace loadline

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "base/rng.hpp"
#include "trial/search_trials.hpp"
#include "truth.hpp"

/// The search over loopback against servers whose capacity is known exactly: queues of virtual
/// finish times, which cost no CPU. p99 <= 20 ms, so a promise time of 2 s and a budget of 36 s.
namespace loadline {
namespace {

constexpr Duration limit = std::chrono::milliseconds{20};
/// A twentieth of the limit: a machine that adds so much to one request in a hundred makes the
/// service slower than it is, or the requests late, and the search is right to find less.
constexpr Duration noisy = limit / 20;
using Serve = std::function<Served(TimePoint)>;

/// First come, first served, by so many servers.
Serve queue_of(std::size_t servers, std::function<Duration()> service_time) {
    return [free = std::vector<TimePoint>(servers), service_time](TimePoint came) mutable {
        const auto next = std::min_element(free.begin(), free.end());
        *next = std::max(*next, came) + service_time();
        return Served{*next, false};
    };
}
Serve constant_queue(std::size_t servers, Duration time) {
    return queue_of(servers, [time] { return time; });
}

/// So many requests a second, a hundredth of a second's worth at once; the others are refused.
Serve token_bucket(double per_second) {
    return [per_second, tokens = per_second / 100, last = TimePoint{}](TimePoint came) mutable {
        const double full = per_second / 100;
        if (last != TimePoint{}) {
            tokens = std::min(full, tokens + per_second * to_seconds(came - last));
        }
        last = came;
        if (tokens < 1) return Served{came, true};
        tokens -= 1;
        return Served{came + std::chrono::microseconds{200}, false};
    };
}

struct Found {
    CapacityResult capacity;
    std::vector<MachineNoise> machine;  ///< in each probe, its drain included

    MachineNoise whole() const {
        MachineNoise all;
        for (const auto& probe : machine) all.merge(probe);
        return all;
    }
};

Found search_once(const Serve& serve, Arrivals arrivals, double start, std::size_t connections,
                  Duration hold) {
    auto server = DelayServer::start({.serve = serve}).value();
    Plan plan = *plan_of(*server);
    plan.slos = {*parse_slo("p99 <= 20ms"), *parse_slo("errors <= 0.1%")};
    plan.load.arrivals = arrivals;
    TrialOptions trial;
    trial.watch = false;
    trial.connections_capped = connections > 0;
    if (connections > 0) trial.connections = connections;
    SearchOptions options;
    options.start_rate = Rate::per_second(start);
    options.budget = std::chrono::seconds{36};
    options.hold.reset();
    if (hold > Duration{}) options.hold = hold;
    options.clauses = search_clauses(plan);
    Found found;
    std::optional<MachineMeter> meter;
    Observer observer;
    observer.trial = [&](const std::string&, Duration) { meter.emplace(); };
    observer.probe = [&](const ProbeResult&) { found.machine.push_back(meter->stop()); };
    auto result = run_search(std::make_shared<const Plan>(plan), trial, options, observer).value();
    found.capacity = std::move(*result.capacity);
    for (std::size_t i = 0; i < found.capacity.probes.size(); ++i) {
        const auto& probe = found.capacity.probes[i];
        std::printf(
            "%-7s %7.0f/s %5.2f s  p50 %.2f ms p99 %.2f ms  lag %.3f ms  stall %.1f ms  "
            "%s %s\n",
            to_string(probe.kind), probe.rate.per_second(), to_seconds(probe.length),
            to_ms(probe.p50), to_ms(probe.p99), to_ms(probe.send_lag_p99),
            to_ms(found.machine.at(i).longest_stall()), to_string(probe.word), probe.why.c_str());
    }
    std::printf("%s: %s; %s\n", found.capacity.word.c_str(), found.capacity.text.c_str(),
                found.whole().text().c_str());
    return found;
}

struct Truth {
    double line, lowest, highest, claim_at_most;  ///< the last three as parts of the line
};

/// What the service can keep, from one of the probes on.
struct Line {
    double rate;
    std::size_t from = 0;
};

bool says_late(const Found& found) { return found.capacity.word == "GENERATOR-LIMITED"; }

/// Whether a probe that the service could have kept was lost while the machine stood still for a
/// quarter of the limit. So near its line a queue passes that on to hundreds of requests, and a
/// bucket refuses them; in the instants of a whole search it is one of ten thousand. An INVALID one
/// counts where the search ended by such: else it was only repeated.
bool stalled_in_a_lost_probe(const Found& found, const Line& line) {
    for (std::size_t i = line.from; i < found.machine.size(); ++i) {
        const auto& probe = found.capacity.probes.at(i);
        const bool lost = probe.word == VerdictWord::fail ||
                          (probe.word == VerdictWord::invalid && says_late(found));
        const bool keepable = probe.rate.per_second() < line.rate;
        if (lost && keepable && found.machine[i].longest_stall() >= limit / 4) return true;
    }
    return false;
}

/// Less than the truth is excused by a machine that was noisy; more than the truth by nothing. A
/// stall of 10 ms makes a hundredth of a second's requests late, and a probe of a few seconds
/// INVALID: then it need not be in one instant of a hundred.
Attempt less_than_the_truth(const Found& found, const Line& line, const std::string& what) {
    Attempt attempt{found.whole()};
    attempt.blame(what + ": " + found.capacity.text,
                  stalls_at(attempt.machine, says_late(found) ? 0.999 : 0.99) > noisy ||
                      stalled_in_a_lost_probe(found, line));
    return attempt;
}

void hold_to(const Truth& truth, const std::function<Serve()>& serve, Arrivals arrivals) {
    hold_to_the_truth([&]() -> Attempt {
        const auto found = search_once(serve(), arrivals, 200, 0, {});
        const auto& capacity = found.capacity;
        const double claim = capacity.interval ? capacity.interval->q20 / truth.line : 0;
        const double estimate = capacity.estimate_rate.value_or(0) / truth.line;
        EXPECT_LE(claim, truth.claim_at_most) << capacity.text;
        EXPECT_LE(estimate, truth.highest) << capacity.text;
        if (estimate < truth.lowest || capacity.word == "GENERATOR-LIMITED") {
            return less_than_the_truth(found, {truth.line},
                                       fmt::format("{:.3f} of the line", estimate));
        }
        EXPECT_THAT(capacity.word, testing::AnyOf("ESTIMATE-ONLY", "UNSTABLE")) << capacity.text;
        return {found.whole()};
    });
}

TEST(SearchTruth, PacedSingleServer) {
    hold_to(
        {5000, .91, 1.03, 1.01}, [] { return constant_queue(1, std::chrono::microseconds{200}); },
        Arrivals::paced);
}

TEST(SearchTruth, PoissonSingleServerWithExponentialTimes) {
    const double line = 5000 - std::log(100) / .02;
    hold_to(
        {line, .92, 1.08, 1.03},
        [] {
            return queue_of(1, [rng = std::make_shared<Rng>(7)] {
                return seconds(.0002 * rng->exponential());
            });
        },
        Arrivals::poisson);
}

TEST(SearchTruth, PoissonFourServersWithEqualTimes) {
    hold_to(
        {4877, .92, 1.08, 1.03}, [] { return constant_queue(4, std::chrono::microseconds{800}); },
        Arrivals::poisson);
}

TEST(SearchTruth, TokenBucketThatRefusesTheRest) {
    // Beyond R a share 1 - R/rate is refused: 0.1 % at R / (1 - .001).
    hold_to(
        {3000 / (1 - .001), .92, 1.05, 1.03}, [] { return token_bucket(3000); }, Arrivals::paced);
}

/// One connection to a server that takes 1 ms: 1000/s at most, and the server is quick.
TEST(SearchTruth, AThrottledGeneratorIsNeverACapacity) {
    hold_to_the_truth([]() -> Attempt {
        const auto found = search_once(
            [](TimePoint came) {
                return Served{came + std::chrono::milliseconds{1}, false};
            },
            Arrivals::poisson, 100, 1, {});
        EXPECT_LE(found.capacity.estimate_rate.value_or(0), 1000) << found.capacity.text;
        // The only excuse: the server itself was slow, on account of the machine.
        if (!says_late(found)) {
            const auto& probes = found.capacity.probes;
            const bool slow = std::any_of(probes.begin(), probes.end(), [](const auto& probe) {
                return probe.word == VerdictWord::fail;
            });
            EXPECT_TRUE(slow || !found.capacity.interval) << found.capacity.text;
            return less_than_the_truth(found, {1000}, found.capacity.word);
        }
        EXPECT_TRUE(found.capacity.estimate_rate);
        EXPECT_FALSE(found.capacity.interval);
        return {found.whole()};
    });
}

TEST(SearchTruth, NoRateWhereTheIdleServiceIsTooSlow) {
    hold_to_the_truth([]() -> Attempt {
        const auto found = search_once(
            [](TimePoint came) {
                return Served{came + 2 * limit, false};
            },
            Arrivals::poisson, 100, 0, {});
        // No stall makes it quicker; but its requests may leave late, at any rate.
        if (says_late(found)) {
            return less_than_the_truth(found, {std::numeric_limits<double>::infinity()},
                                       found.capacity.word);
        }
        EXPECT_EQ(found.capacity.word, "NO-RATE");
        return {found.whole()};
    });
}

TEST(SearchTruth, AColdServiceIsWarmedUpFirst) {
    // 2.5 times slower at first, warm after some 6000 requests: capacity 800/s, then 2000/s.
    hold_to_the_truth([]() -> Attempt {
        const auto serve = queue_of(1, [n = std::make_shared<double>(0)] {
            return seconds(.0005 * (1 + 1.5 * std::exp(-(*n)++ / 2000)));
        });
        const auto found = search_once(serve, Arrivals::poisson, 100, 0, {});
        const double estimate = found.capacity.estimate_rate.value_or(0);
        EXPECT_LE(estimate, 2000 * 1.05) << found.capacity.text;
        if (found.capacity.word != "WARMING" && estimate < 1400) {
            const auto& probes = found.capacity.probes;
            const auto warm = std::find_if(probes.begin(), probes.end(), [](const auto& probe) {
                return probe.kind == ProbeResult::Kind::warmup;
            });
            const auto from = static_cast<std::size_t>(warm - probes.begin());
            return less_than_the_truth(found, {2000, from}, "not warm");
        }
        return {found.whole()};
    });
}

}  // namespace
}  // namespace loadline

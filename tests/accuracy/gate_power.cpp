#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <random>

#include "base/rng.hpp"
#include "trial/gate_run.hpp"

namespace loadline {
namespace {

/// A machine whose speed wanders: an Ornstein-Uhlenbeck process, a step per second.
class Drift {
public:
    Drift(double deviation, double tau_s, Rng& rng)
        : deviation_{deviation}, keeps_{std::exp(-1 / tau_s)}, rng_{rng} {
        value_ = deviation_ * normal_(rng_);
    }
    double next_second() {
        const double fresh = deviation_ * std::sqrt(1 - keeps_ * keeps_) * normal_(rng_);
        return value_ = keeps_ * value_ + fresh;
    }

private:
    double deviation_, keeps_, value_;
    Rng& rng_;
    std::normal_distribution<double> normal_;
};

/// Eight servers behind one queue with lognormal service times of mean 7 ms and a coefficient
/// of variation of 1, under Poisson arrivals of 700/s, in virtual time: the service of a gate,
/// whose candidate is `slower` (0.1: by 10 %). Each start has its own luck.
class SimulatedService {
public:
    SimulatedService(std::uint64_t seed, double slower, double drift, double luck)
        : rng_{seed}, drift_{drift, 60, rng_}, slower_{slower}, luck_{luck} {
        plan_.steps.emplace_back().transaction = true;
        plan_.steps[0].name = "request";
    }

    Segment run(const SegmentSpec& spec) {
        constexpr double rate = 700;
        const double start = luck_ * normal_(rng_);
        std::array<double, 8> free{};
        TrialMeasurement m;
        m.total = Interval{1, 0};
        m.measured = spec.length;
        auto& step = m.total.steps[0];
        const double begin = to_seconds(spec.warmup), end = begin + to_seconds(spec.length);
        double second = -1, pace = 1;
        for (double t = rng_.exponential() / rate; t < end; t += rng_.exponential() / rate) {
            for (; second < std::floor(t); ++second) {
                pace = (1 + start) * (1 + drift_.next_second());
                if (spec.side == Side::candidate) pace *= 1 + slower_;
            }
            auto& server = *std::min_element(free.begin(), free.end());
            server = std::max(t, server) + service_time() * pace;
            if (t < begin) continue;
            step.response_time.record(seconds(server - t));
            ++step.outcomes[static_cast<std::size_t>(Outcome::ok)];
        }
        return segment_of(spec.side, spec.pair, plan_, m);
    }

private:
    double service_time() {
        static const double sigma = std::sqrt(std::log(2.0));  // cv 1
        return 0.007 * std::exp(sigma * normal_(rng_) - sigma * sigma / 2);
    }

    Rng rng_;
    Drift drift_;
    double slower_, luck_;
    std::normal_distribution<double> normal_;
    Plan plan_;
};

struct Share {
    int fails = 0, repetitions = 0;
    std::array<int, compared_percentiles.size()> by_percentile{};
    double value() const { return static_cast<double>(fails) / repetitions; }
};

Share share_of_failures(double slower, double drift, double luck, int repetitions) {
    Share share;
    for (int i = 0; i < repetitions; ++i) {
        const auto seed = static_cast<std::uint64_t>(1'000'003 * i + 17);
        SimulatedService service{seed, slower, drift, luck};
        const auto gate = run_gate(
            {}, [&](const SegmentSpec& spec) -> Result<Segment> { return service.run(spec); });
        const auto judged = judge_gate(gate.segments, 0.001);
        EXPECT_EQ(judged.kept_pairs, 10u);
        ++share.repetitions;
        share.fails += judged.word == CompareWord::fail;
        for (std::size_t k = 0; k < share.by_percentile.size(); ++k) {
            share.by_percentile[k] += judged.figures[k].word == CompareWord::fail;
        }
    }
    std::cout << "slower by " << slower << ", drift " << drift << ", luck " << luck << ": "
              << share.fails << " of " << share.repetitions << " fail (p50 "
              << share.by_percentile[0] << ", p99 " << share.by_percentile[1] << ", p99.9 "
              << share.by_percentile[2] << ")\n";
    return share;
}

// The environment of a busy CI machine: drift of 3 % with a memory of a minute, and 2 % of
// luck in every start of a process. Fixed seeds: the figures repeat exactly.

TEST(GatePower, RaisesFewFalseAlarmsOnTwoEqualServices) {
    EXPECT_LE(share_of_failures(0, 0.03, 0.02, 200).value(), 0.05);
}

TEST(GatePower, FindsAServiceThatIsTenPercentSlower) {
    EXPECT_GE(share_of_failures(0.1, 0.03, 0.02, 100).value(), 0.95);
}

TEST(GatePower, RaisesNoFalseAlarmOnAQuietMachine) {
    EXPECT_LE(share_of_failures(0, 0, 0, 100).value(), 0.01);
}

}  // namespace
}  // namespace loadline

#pragma once
#include <cstdint>
#include <optional>

#include "base/rate.hpp"
#include "base/rng.hpp"
#include "plan/plan.hpp"

/// engine: makes the load. Arrivals say when, workers execute the plan on their own
/// threads, virtual users carry the state of one journey, pools hold connections; the
/// engine starts and stops the workers and merges what they measured.
namespace loadline {

/// This worker's part of the load: `index` of `count`, across all threads.
struct Share {
    unsigned index = 0, count = 1;
};

/// The instants at which one worker must start journeys under an open load model.
///
/// Worker i of n takes arrivals i, i+n, i+2n ... of an even schedule, or its own
/// Poisson stream at rate/n (independent Poisson streams add up to one). The same
/// rate, seed and share give the same instants on any machine; another number of
/// shares gives the same paced union, and a Poisson union of other instants.
///
/// Pure: reads no clock, allocates nothing. Not thread-safe; each worker owns one.
class ArrivalSchedule {
public:
    /// Requires a rate above zero.
    ArrivalSchedule(Rate rate, Arrivals arrivals, Duration length, Share share, std::uint64_t seed);

    /// Offset of the next arrival from the start of the trial; never decreases.
    /// Nothing once `length` is over.
    std::optional<Duration> next();

private:
    Rate rate_;
    Arrivals arrivals_;
    Duration length_;
    Share share_;
    Rng rng_;
    std::uint64_t n_;  ///< paced: index in the whole schedule
    double poisson_seconds_ = 0;
};

}  // namespace loadline

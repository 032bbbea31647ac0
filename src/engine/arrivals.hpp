#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/rng.hpp"
#include "engine/load_window.hpp"
#include "plan/plan.hpp"
#include "plan/rate_profile.hpp"

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
/// Pure: reads no clock, allocates nothing in next(). Not thread-safe; each worker owns one.
class ArrivalSchedule {
public:
    /// `stream` tells the Poisson streams of one worker apart.
    ArrivalSchedule(RateProfile rate, Arrivals arrivals, Duration length, Share share,
                    std::uint64_t seed, std::uint32_t stream = 0);

    /// Offset of the next arrival from the start of the trial; never decreases.
    /// Nothing once `length` is over.
    std::optional<Duration> next();

    /// Number of the arrival that next() gave last, unlike that of any other share.
    std::uint64_t number() const { return n_ - share_.count; }

private:
    RateProfile rate_;
    Arrivals arrivals_;
    Duration length_;
    Share share_;
    Rng rng_;
    std::uint64_t n_;       ///< of the next arrival; paced: its index in the whole schedule
    double asked_for_ = 0;  ///< Poisson: arrivals that the rate asked for up to the last one
};

/// Which journey an arrival starts, among those without a rate of their own: by share.
/// Immutable.
class JourneyMix {
public:
    explicit JourneyMix(const std::vector<JourneyPlan>& journeys);

    bool empty() const { return journeys_.empty(); }
    /// The journey at `u` of [0, 1) on the line of all shares. Requires that one has a share.
    std::uint32_t pick(double u) const;

private:
    std::vector<std::uint32_t> journeys_;
    std::vector<double> shares_;  ///< cumulative
};

/// An arrival: when, from the start of the window, and what it starts.
struct ScheduledJourney {
    Duration offset{};
    std::uint32_t journey = 0;

    bool operator==(const ScheduledJourney&) const = default;
};

/// All arrivals of one worker in order of time: a stream for each journey with a rate of
/// its own, and one that the others divide by share.
///
/// Which journey an arrival starts follows from the seed and the arrival's number, so the
/// seed repeats the whole schedule for the same number of shares, and a paced one for any.
///
/// Pure: reads no clock, allocates nothing in next(). Not thread-safe; each worker owns one.
class JourneySchedule {
public:
    /// Requires a window with a rate.
    JourneySchedule(const std::vector<JourneyPlan>& journeys, const LoadWindow& window,
                    Share share);

    /// Nothing once the window's load is over.
    std::optional<ScheduledJourney> next();

private:
    struct Stream {
        ArrivalSchedule schedule;
        std::optional<std::uint32_t> journey;  ///< nothing: by share
        std::optional<Duration> due;           ///< its next arrival
    };
    std::uint32_t journey_of(const Stream& stream) const;

    JourneyMix mix_;
    std::uint64_t seed_;
    std::vector<Stream> streams_;
};

/// When the users of a closed model begin. With pacing they begin evenly spread over the
/// first period, as they go on; without it all at once. Worker i of n has users i, i+n, ...
/// Pure.
class FirstStarts {
public:
    FirstStarts() = default;
    FirstStarts(std::uint64_t users, Duration pacing, Duration length, Share share);

    /// Offset from the start of the trial; nothing when all have begun, or `length` is over.
    std::optional<Duration> next();

private:
    std::uint64_t users_ = 0;
    Duration pacing_{}, length_{};
    Share share_;
    std::uint64_t n_ = 0;
};

}  // namespace loadline

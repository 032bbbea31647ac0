#pragma once
#include <atomic>
#include <cstdint>
#include <optional>

#include "base/rate.hpp"
#include "base/time.hpp"

/// lab: servers whose behaviour is known in advance, so that what loadline claims
/// can be held against a calculation.
namespace loadline {

/// One server of fixed speed behind an endless first-come-first-served queue, kept
/// as the single number that describes it: when the server is next free.
///
///     start = max(arrival, free), finish = start + 1/rate, free = finish
///
/// Even arrivals make it D/D/1 (nothing waits below the rate), Poisson arrivals
/// M/D/1. Exact: no timer and no rounding above half a nanosecond per request takes part.
/// Thread-safe and lock-free; reads no clock.
class ServiceQueue {
public:
    /// Requires a rate above zero and at most 10^9/s.
    explicit ServiceQueue(Rate rate);

    /// The instant at which the request that arrives at `now` is finished.
    TimePoint admit(TimePoint now);

    /// The same for a queue with room for `limit` requests, the one in service included:
    /// nothing when it is full.
    std::optional<TimePoint> admit(TimePoint now, std::uint64_t limit);

    /// How long a request that arrived at `now` would wait before its service starts.
    Duration backlog(TimePoint now) const;

    /// What one request takes: 1/rate.
    Duration service_time() const { return service_; }

private:
    Duration service_;
    std::atomic<Duration::rep> free_{0};  ///< since the clock's epoch
};

}  // namespace loadline

#pragma once
#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "plan/plan.hpp"

namespace loadline {

/// One stretch of load, the same for all workers.
struct LoadWindow {
    TimePoint start{};
    Duration settle{};                ///< load that is not measured, first
    Duration length{};                ///< the measured part
    Duration grace{};                 ///< how long the drain may take
    std::optional<RateProfile> rate;  ///< open model: of all journeys together, from `start` on
    std::uint64_t users = 0;          ///< closed model
    Duration pacing{};                ///< closed model: from start to start; zero: none
    Arrivals arrivals = Arrivals::poisson;
    AtCap at_cap = AtCap::queue;  ///< open model
    std::uint64_t seed = 0;
    /// How often the workers report: a second, or a whole part of one.
    Duration tick = std::chrono::seconds{1};

    TimePoint measure_start() const { return start + settle; }
    TimePoint measure_end() const { return start + settle + length; }
};

}  // namespace loadline

#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/churn_mode.hpp"
#include "base/time.hpp"

namespace loadline {

/// How clients end their connections: in which share of the journeys, and in which modes.
struct ChurnPlan {
    double share = 0;  ///< of the journeys; 0: none
    std::array<double, churn_mode_count>
        weights{};  ///< at least one above 0 where there is a share

    Duration inflight_after{};                         ///< fin-inflight, rst-inflight: from `sent`
    Duration timeout_after = std::chrono::seconds{1};  ///< timeout: likewise
    double slow_rate = 1000;                           ///< slow-read: bytes per second
    Duration idle_timeout{};                           ///< reuse-race: the server's
    Duration idle_jitter =
        std::chrono::milliseconds{100};  ///< reuse-race: at most this much off it
    std::uint64_t burst_size = 300;      ///< burst-end: connections kept at most, over all threads

    bool any() const { return share > 0; }
    bool has(ChurnMode mode) const { return weights[static_cast<std::size_t>(mode)] > 0; }
    /// The share of the journeys that end in this mode.
    double share_of(ChurnMode mode) const;
    /// How a journey ends its connection, for `u` evenly drawn from [0, 1); nothing: as others.
    std::optional<ChurnMode> pick(double u) const;
    /// What weakens a watch of the server's sockets under this churn, over a load of this
    /// length; empty: nothing.
    std::string doubt(Duration load) const;
};

/// The exchange with which a journey that churns ends its connection: its last over HTTP.
struct ChurnPoint {
    std::size_t action = 0;    ///< index into the journey's actions
    std::uint32_t target = 0;  ///< the journey has a connection of its own to it
};

}  // namespace loadline

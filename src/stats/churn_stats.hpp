#pragma once
#include <array>
#include <cstdint>

#include "base/churn_mode.hpp"
#include "stats/histogram.hpp"

namespace loadline {

/// What became of the connections that were to end in one mode.
struct ChurnCounts {
    std::uint64_t closes = 0;          ///< by us, as the mode says
    std::uint64_t unmeasured = 0;      ///< exchanges sent for the mode, counted nowhere else
    std::uint64_t answered_first = 0;  ///< the answer came before we could leave
    /// The server ended the connection before we did, or what it sent is no HTTP.
    std::uint64_t server_first = 0;
    std::uint64_t failed = 0;  ///< unmeasured exchanges that got no connection, or no user
    /// Closed before its race or burst: more than may be kept, or the load ended first.
    std::uint64_t not_kept = 0;
};

/// How clients ended their connections over a stretch of time; mergeable in any order.
struct ChurnStats {
    std::array<ChurnCounts, churn_mode_count> modes{};
    /// Of `half`: from our FIN to the server's end of stream; at 1 h where none came within
    /// the step's time-out, or before the drain was over.
    Histogram fin_to_eof;

    ChurnCounts& of(ChurnMode mode) { return modes[static_cast<std::size_t>(mode)]; }
    const ChurnCounts& of(ChurnMode mode) const { return modes[static_cast<std::size_t>(mode)]; }
    ChurnCounts sum() const;  ///< over the modes

    void merge(const ChurnStats& other);
    void clear();
};

}  // namespace loadline

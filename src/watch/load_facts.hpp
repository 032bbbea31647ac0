#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.hpp"

namespace loadline {

/// The connections closed up to an instant: by us, and the server should have closed them too.
/// Since the begin of the load.
struct CloseCount {
    TimePoint at{};
    std::uint64_t closes = 0;
    std::uint64_t abandoned = 0;  ///< of them those that left a request behind: the server may work
                                  ///< on it still
};

/// The last of the counts, oldest first, that was taken by then; zeros when there is none.
CloseCount count_until(std::span<const CloseCount> counts, TimePoint at);

/// Nobody who gave up on a request can tell how long the server goes on with it; unless more is
/// known, no longer than this.
inline constexpr Duration longest_handler = std::chrono::seconds{60};

/// What the load did: known in `run` and `search`, not to a watcher that stands alone.
struct LoadFacts {
    std::uint64_t closes = 0;            ///< connections that we ended and the server should have
    bool settled = false;                ///< the settle time was complete, or nothing was left
    std::optional<TimePoint> closed_at;  ///< when the last of our connections was closed
    TimePoint begin{}, end{};            ///< of the load
    /// Over the load, oldest first: one a second, of long ago perhaps fewer.
    std::vector<CloseCount> closed;
    std::uint64_t requests = 0;
    /// For how long at most the server may work on a request whose answer nobody awaits any more.
    Duration handler_limit = longest_handler;

    /// How many requests nobody awaits that the server may still work on at `now`.
    std::uint64_t at_work_at_most(TimePoint now) const;
    /// The part of the load that met the server that is there since `at`. Its requests are not
    /// known.
    LoadFacts since(TimePoint at) const;
};

}  // namespace loadline

#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "watch/socket_report.hpp"

namespace loadline {

/// What the samples of a watcher elsewhere lack; nothing where a watcher of our own took them.
struct WatchGap {
    std::string text;      ///< empty: nothing
    bool matters = false;  ///< so much that no calm word is given

    bool operator==(const WatchGap&) const = default;
};

/// Where holes in the samples count: between the load's begin and the last look.
struct WatchedStretch {
    TimePoint begin{}, end{};
    Duration tau{};
    std::uint64_t lost = 0;  ///< lines that never came
};

/// Looks for holes of more than 3 s (samples are at most 2 s apart). It matters when the begin
/// or the end is in one, when one is as long as tau (a socket could get stale and go in it), or
/// when they are more than a tenth of the stretch. Pure.
WatchGap find_gap(std::span<const SocketSample> samples, const WatchedStretch& stretch);

}  // namespace loadline

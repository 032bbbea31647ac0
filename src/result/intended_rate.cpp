#include "result/intended_rate.hpp"

#include <algorithm>

namespace loadline {

std::optional<double> intended_rate_at(std::span<const TimelinePoint> timeline, Duration at) {
    const auto then = std::find_if(timeline.begin(), timeline.end(), [&](const auto& point) {
        return at <= point.since_start && at >= point.since_start - point.length;
    });
    if (then == timeline.end() || then->intended_rate <= 0) return {};
    return then->intended_rate;
}

}  // namespace loadline

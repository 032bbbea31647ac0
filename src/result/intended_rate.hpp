#pragma once
#include <optional>
#include <span>

#include "result/trial_result.hpp"

namespace loadline {

/// Journeys per second that the load asked for at an instant since the start of the run; nothing
/// where none was, as in a closed model or beyond the load.
std::optional<double> intended_rate_at(std::span<const TimelinePoint> timeline, Duration at);

}  // namespace loadline

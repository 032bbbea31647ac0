#pragma once
#include <nlohmann/json.hpp>

#include "result/trial_result.hpp"

namespace loadline {

/// One line of timeline.jsonl: one second of a run or a search.
nlohmann::ordered_json timeline_json(const TimelinePoint& point);

}  // namespace loadline

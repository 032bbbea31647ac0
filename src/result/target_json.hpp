#pragma once
#include <nlohmann/json.hpp>

#include "watch/target.hpp"

namespace loadline {

/// The "target" of one line of timeline.jsonl: {"process": ..., "kernel": ..., "redis": ...}.
/// Shares and rates are those of the second; what is not known is absent.
nlohmann::ordered_json target_json(const TargetSecond& second);

}  // namespace loadline

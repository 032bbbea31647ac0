#pragma once
#include <nlohmann/json.hpp>

#include "result/trial_result.hpp"

namespace loadline {

/// What the charts of report.html draw: columns of numbers, no text from outside. Latencies
/// in ms; null where there is no value: nothing ended, or unanswered ones reach the percentile
/// (those seconds are listed apart, as spans under `unanswered`).
nlohmann::ordered_json chart_data(const RunResult& result);

}  // namespace loadline

#pragma once
#include <nlohmann/json.hpp>

#include "plan/plan.hpp"
#include "stats/churn_stats.hpp"

namespace loadline {

/// What is set: {"share": 0.05, "weights": {"fin-idle": 60}, ...} and the settings of its modes.
nlohmann::ordered_json churn_config_json(const ChurnPlan& plan);

/// What became of it, over the whole load: counts by mode, and FIN to end of stream.
nlohmann::ordered_json churn_json(const Plan& plan, const ChurnStats& stats);

/// {"fin-idle": 5}: closes by mode, those that occurred.
nlohmann::ordered_json churn_closes_json(const std::array<std::uint64_t, churn_mode_count>& closes);

}  // namespace loadline

#pragma once
#include <nlohmann/json.hpp>

#include "result/trial_result.hpp"

namespace loadline {

/// The document of summary.json: {version, metadata, config, results, verdict}, as
/// docs/summary.schema.json describes it. Units stand in the keys; what was not measured
/// is absent; a percentile that unanswered exchanges reach is null with "..._over_ms" beside it.
nlohmann::ordered_json summary_json(const RunResult& result);

}  // namespace loadline

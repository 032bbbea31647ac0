#pragma once
#include <nlohmann/json.hpp>

#include "result/comparison.hpp"

namespace loadline {

/// The document of compare.json: {version, metadata, config, results, verdict}, as
/// docs/compare.schema.json describes it. Units stand in the keys; what is not known is
/// absent; a percentile that unanswered exchanges reach is null.
nlohmann::ordered_json comparison_json(const Comparison& comparison);

}  // namespace loadline

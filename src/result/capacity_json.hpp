#pragma once
#include <nlohmann/json.hpp>

#include "result/trial_result.hpp"

namespace loadline {

/// `results.capacity` of summary.json: what a search found, its certificate's figures and its
/// probes, as docs/summary.schema.json describes it.
nlohmann::ordered_json capacity_json(const CapacityResult& capacity);

}  // namespace loadline

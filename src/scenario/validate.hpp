#pragma once
#include <vector>

#include "scenario/scenario.hpp"

namespace loadline {

/// Everything that is wrong in a scenario's structure: unknown keys, keys this version
/// does not serve, missing ones, values of a wrong kind. What the values mean (durations,
/// names, templates) is the compiler's business. In the order of the scenario.
std::vector<Diagnostic> validate_structure(const nlohmann::ordered_json& json);

}  // namespace loadline

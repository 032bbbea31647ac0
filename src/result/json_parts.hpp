#pragma once
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/outcome.hpp"
#include "base/time.hpp"

namespace loadline {

/// Milliseconds with microseconds kept.
double rounded_ms(Duration d);

/// A percentile in ms; null when unanswered exchanges reach it.
nlohmann::ordered_json percentile_ms_json(Duration value);

/// Text that a service or the kernel wrote, as valid UTF-8: JSON can carry nothing else.
nlohmann::ordered_json text_json(const std::string& raw);

/// {"ok": 5, "timeout": 1}: those that occurred.
nlohmann::ordered_json outcomes_json(const std::array<std::uint64_t, outcome_count>& counts);

}  // namespace loadline

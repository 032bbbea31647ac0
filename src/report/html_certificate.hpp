#pragma once
#include <string>

#include "result/trial_result.hpp"

namespace loadline {

/// The sections of report.html that only a search has; empty for a run.
/// What was found, with the curve of latency over load.
std::string certificate_section(const RunResult& result, Duration timeout);
/// The probes as a table.
std::string probes_section(const RunResult& result, Duration timeout);

}  // namespace loadline

#pragma once
#include <string>

#include "result/trial_result.hpp"

namespace loadline {

/// The section of report.html on how clients ended their connections; empty where none churns.
std::string churn_section(const RunResult& result);

}  // namespace loadline

#pragma once
#include <string>

#include "result/cause_report.hpp"

namespace loadline {

/// "10 s at 120 journeys/s from 0 s on against 8 s at 430 journeys/s from 12 s on": what was
/// compared; empty when nothing was.
std::string compared_text(const CauseReport& cause);

/// "began within 13 s, at 430 journeys/s": when a finding showed first; empty when not known.
std::string began_text(const CauseFinding& finding);

}  // namespace loadline

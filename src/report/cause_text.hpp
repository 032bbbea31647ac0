#pragma once
#include <string>

#include "result/trial_result.hpp"

namespace loadline {

/// "good seconds: 10 s from the start at 120 journeys/s; bad seconds: ...", or of a search "last
/// good probe: hold, 60 s at 374 journeys/s; first bad probe: ...": what was compared; empty when
/// nothing was.
std::string compared_text(const CauseReport& cause);

/// "began before 13 s, at 430 journeys/s", "first seen at 430 journeys/s" in a search: when a
/// finding showed first; empty when not known.
std::string began_text(const CauseFinding& finding);

/// "Why", of a search "Why it breaks there".
const char* cause_title(const RunResult& result);

}  // namespace loadline

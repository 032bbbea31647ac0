#pragma once
#include <string>

#include "result/trial_result.hpp"

namespace loadline {

/// "GET http://127.0.0.1:8080/healthz/live every 10 s, time-out 1 s, 3 failures in a row; of 62
/// shadow probes 12 failed, the slowest good one took 3.1 ms": what was asked, and what came back.
std::string probe_text(const ProbeReport& report);

/// "; the load asked for 640 journeys/s then": when the first of it would have happened; empty
/// when nothing would have, or no rate was asked for then.
std::string rate_then_text(const RunResult& result, const ProbeReport& report);

}  // namespace loadline

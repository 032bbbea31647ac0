#pragma once
#include <iosfwd>

#include "result/trial_result.hpp"

namespace loadline {

/// The summary for a person at a terminal, at most 100 columns wide. The first line is the
/// verdict and why; then the SLOs, for a search its probes, the percentile ladder, the steps,
/// rate and throughput, outcomes with examples, the generator's health, the server's sockets.
/// Reads the same without `colour`; the caller honours NO_COLOR.
void write_terminal(std::ostream& out, const RunResult& result, bool colour);

}  // namespace loadline

#pragma once
#include "report/terminal_paper.hpp"
#include "result/trial_result.hpp"

namespace loadline {

/// What a search found, in about a dozen lines.
void write_certificate(TerminalPaper& paper, const CapacityResult& capacity, Duration timeout);

/// Its probes, one a row, with why some of them were INVALID.
void write_probes(TerminalPaper& paper, const RunResult& result, Duration timeout);

}  // namespace loadline

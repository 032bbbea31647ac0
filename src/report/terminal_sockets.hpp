#pragma once
#include "report/terminal_paper.hpp"
#include "result/trial_result.hpp"

namespace loadline {

/// What became of the server's sockets: the word, its figures and the oldest in CLOSE_WAIT; or why
/// nobody watched them.
void write_sockets(TerminalPaper& paper, const RunResult& result);

}  // namespace loadline

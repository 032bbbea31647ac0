#pragma once
#include <string>

#include "result/trial_result.hpp"

namespace loadline {

/// The sections of report.html on what was seen of the target; each is empty where
/// there is nothing to tell.

/// The server's sockets: verdict, charts, facts and the oldest ones in CLOSE_WAIT.
std::string sockets_section(const RunResult& result);
/// What the kubelet would have done.
std::string kubelet_section(const RunResult& result);

}  // namespace loadline

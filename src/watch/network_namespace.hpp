#pragma once
#include <functional>

#include "base/error.hpp"

namespace loadline {

/// Calls `what` in the network namespace of a process, such as the first one of a container. A
/// socket belongs for ever to the namespace it was opened in, whatever thread uses it then and
/// whether or not the process still runs: so a thread of its own enters, opens and ends, and the
/// calling thread stays where it is. Where the process shares our namespace, nobody has to enter.
///
/// The error names what is missing: CAP_SYS_PTRACE to look the namespace up, unless the process
/// is our user's; CAP_SYS_ADMIN to enter it. Then `what` was not called; it must not throw.
Result<void> in_network_namespace(int pid, const std::function<void()>& what);

}  // namespace loadline

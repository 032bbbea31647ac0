#pragma once

namespace loadline {

/// The stop flag: the one thing besides the logger that threads share. SIGINT and SIGTERM
/// set it; the engine looks at it every 20 ms, ends the load, drains and reports.

/// Installs the handlers. A second signal makes the drain end at once.
void catch_stop_signals();

/// The signal that asked to stop (SIGINT or SIGTERM), or 0.
int stop_signal();
/// How many came.
int stop_count();

}  // namespace loadline

#pragma once
#include "missiond/options.hpp"

namespace loadline::missiond {

/// Runs the whole service until SIGTERM or SIGINT, then ends what is in flight
/// (at most 2 s). Prints "missiond listening on HOST:PORT" and a line per fault on
/// stdout once it serves. Must be called before any other
/// thread is started.
Result<void> serve(const Options& options);

}  // namespace loadline::missiond

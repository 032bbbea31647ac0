#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>

#include "base/time.hpp"

namespace loadline {

/// What `loadline watch` was asked for.
struct WatchCommandOptions {
    std::uint16_t port = 0;
    std::optional<int> pid;          ///< nothing: whoever listens
    std::optional<Duration> length;  ///< nothing: until SIGINT or SIGTERM
    std::optional<Duration> tau;     ///< nothing: 5 s
    bool json = false;               ///< JSON lines instead of the table
    bool terminal = false;           ///< repeat the heading as the table scrolls
};

/// Watches the sockets of a listening port: a line a second, then the verdict and the oldest
/// sockets, all on `out`. The first SIGINT or SIGTERM (see catch_stop_signals) ends the
/// watch, not the report. Knows nothing of a load: see `judge_alone`.
///
/// Exit codes: 0 OK, 1 LEAK_CONFIRMED, 4 INCONCLUSIVE or UNKNOWN; 3 when nothing listens on
/// the port, 2 for a usage error: then the reason is on stderr.
int watch_command(const WatchCommandOptions& options, std::ostream& out);

/// Adds the command `watch`. When it was parsed, `run()` does it and returns the exit code.
CLI::App* add_watch_command(CLI::App& app, std::function<int()>& run);

}  // namespace loadline

#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "watch/remote_watcher.hpp"

namespace loadline {

/// What `loadline watch` was asked for.
struct WatchCommandOptions {
    std::uint16_t port = 0;             ///< 0: replay
    std::optional<std::string> replay;  ///< a recording to judge again, instead of watching
    std::optional<int> pid;             ///< nothing: whoever listens
    std::optional<int> container_pid;   ///< in whose network namespace; nothing: ours
    std::optional<Duration> length;     ///< nothing: until SIGINT or SIGTERM
    std::optional<Duration> tau;        ///< nothing: 5 s
    std::optional<WatchFrom> send_to;   ///< nothing: the samples stay here
    bool json = false;                  ///< JSON lines instead of the table
    bool jsonl = false;     ///< instead of the table, every sample as watch/stream has it
    bool strict = false;    ///< BUILD_UP and SUSPECT fail too
    bool terminal = false;  ///< repeat the heading as the table scrolls
};

/// Watches the sockets of a listening port: a line a second, then the verdict and the oldest
/// sockets, all on `out`. The first SIGINT or SIGTERM (see catch_stop_signals) ends the
/// watch, not the report. Knows nothing of a load: see `judge_alone`. With `send_to` a Redis
/// stream gets every sample too; whether Redis takes them changes nothing here.
///
/// Exit codes: 1 what `fails`; 4 INCONCLUSIVE or UNKNOWN; 0 any other word; 3 when
/// nothing listens on the port (with `send_to` it may come later), 2 for a usage error or a file
/// that is no recording: then the reason is on stderr.
int watch_command(const WatchCommandOptions& options, std::ostream& out);

/// Adds the command `watch`. When it was parsed, `run()` does it and returns the exit code.
CLI::App* add_watch_command(CLI::App& app, std::function<int()>& run);

}  // namespace loadline

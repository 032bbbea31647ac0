#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plan/compile.hpp"
#include "plan/one_liner.hpp"
#include "trial/trial.hpp"

/// cli: flags, commands, exit codes. Each command is one function from its options to an
/// exit code; texts go to stdout (the report) and stderr (everything else).
namespace loadline {

/// Flags that `run`, `search` and the one-liner share, as strings: read and checked by
/// `to_trial_options` and `to_overrides`, so that every error names its flag.
struct SharedFlags {
    std::vector<std::string> targets, slos, allow_hosts;
    std::string arrivals, threads, connections, max_users, max_rate, seed, out, data_dir;
    std::string pipeline, timeout, connect_timeout, dns_ttl, tls_ca, tls_cert, tls_key;
    std::vector<std::string> sources;
    bool insecure = false, no_tls_resume = false;
    std::string watch_pid, watch_container_pid, watch_from, run_id, watch_redis, socket_tau;
    int watch_port = 0;
    bool no_watch = false, strict_sockets = false, quiet = false, json = false;
    std::vector<std::string> arguments;  ///< the command line as typed, without the program
};

void add_shared_flags(CLI::App& app, SharedFlags& flags);
/// Those of them that say what is loaded, and how: without sockets, folder and output.
void add_load_flags(CLI::App& app, SharedFlags& flags);

Result<TrialOptions> to_trial_options(const SharedFlags& flags);
/// Reads a process id from a flag; nothing for "auto" where that is allowed, and for no text.
Result<std::optional<int>> read_pid(const char* flag, const std::string& text, bool auto_allowed);
Result<Overrides> to_overrides(const SharedFlags& flags);

/// The Redis of a stream of a watch: redis://[user:password@]host[:port][/db]. Usage errors name
/// the flag.
Result<Url> parse_stream_redis(const char* flag, const std::string& text);

/// What `run` alone knows.
struct RunFlags {
    SharedFlags shared;
    std::string scenario, rate, duration, warmup;
};

/// What `search` alone knows.
struct SearchFlags {
    SharedFlags shared;
    std::string scenario, budget = "3m", hold = "10m", start_rate;
    std::string current, pods, resume;
};

/// wrk's letters.
struct OneLinerFlags {
    SharedFlags shared;
    std::string url, rate, duration = "10s", warmup, method = "GET", body;
    std::vector<std::string> headers, command;
};

/// What `selftest` knows of the shared flags: threads, quiet, json.
struct SelftestFlags {
    SharedFlags shared;
};

struct DemoFlags {
    std::string out;
    bool close_wait = false, quiet = false;
};

class ReportSession;
/// Called when every report is written, before the command returns.
using AfterReport = std::function<void(const RunResult&, const ReportSession&)>;

int run_and(const RunFlags& flags, const AfterReport& after);
int search_and(const SearchFlags& flags, const AfterReport& after);
inline int run_command(const RunFlags& flags) { return run_and(flags, {}); }
inline int search_command(const SearchFlags& flags) { return search_and(flags, {}); }
int one_liner_command(const OneLinerFlags& flags);
/// Relative CSV files are looked for in `data_dir` first, unless it is empty.
int validate_command(const std::vector<std::string>& scenarios, const std::string& data_dir);
int demo_command(const DemoFlags& flags);
/// 0; 4 when not even the lowest rate left on time.
int selftest_command(const SelftestFlags& flags);

/// Prints "error: ..." on stderr and returns the exit code of its kind.
int fail(const Error& error);

}  // namespace loadline

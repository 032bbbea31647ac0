#include "cli/command_watch.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "base/stop.hpp"
#include "cli/options.hpp"
#include "cli/watch_printer.hpp"
#include "watch/stream.hpp"
#include "watch/stream_publisher.hpp"
#include "watch/watcher.hpp"

namespace loadline {
namespace {

constexpr Duration line_every = std::chrono::seconds{1};
constexpr Duration last_lines_take = std::chrono::seconds{3};
constexpr Duration look_for_stop_every = std::chrono::milliseconds{100};

/// Sleeps until `end`; true when a stop signal came first.
bool stopped_before(TimePoint end) {
    while (Clock::now() < end) {
        if (stop_signal() != 0) return true;
        std::this_thread::sleep_for(std::min<Duration>(look_for_stop_every, end - Clock::now()));
    }
    return stop_signal() != 0;
}

int exit_code(const SocketReport& report) {
    if (fails(report)) return 1;
    const bool judged =
        report.word != SocketWord::inconclusive && report.word != SocketWord::unknown;
    return judged ? 0 : 4;
}

bool listens(const SocketSample& sample) {
    return sample.states[static_cast<std::size_t>(TcpState::listen)] > 0;
}

Result<std::optional<Duration>> read_duration(const char* flag,
                                              const std::optional<std::string>& text) {
    if (!text) return std::optional<Duration>{};
    const auto value = parse_duration(*text);
    if (!value) return usage_error(fmt::format("{}: {}", flag, value.error().message));
    if (*value <= Duration{}) return usage_error(fmt::format("{}: must be above zero", flag));
    return std::optional<Duration>{*value};
}

struct WatchFlags {
    int port = 0;
    std::string pid = "auto", container_pid;
    std::optional<std::string> length, tau, replay;
    std::string redis, run;
    bool json = false, jsonl = false, strict = false;
};

Result<WatchCommandOptions> to_options(const WatchFlags& flags) {
    WatchCommandOptions options;
    if ((flags.port == 0) == !flags.replay) {
        return usage_error("watch takes --port N, or --replay FILE");
    }
    const bool sends = !flags.redis.empty() || !flags.run.empty();
    if (flags.replay && (flags.length || flags.tau || flags.jsonl || flags.pid != "auto" ||
                         !flags.container_pid.empty() || sends)) {
        return usage_error("--replay goes with --json and --strict-sockets only");
    }
    options.port = static_cast<std::uint16_t>(flags.port);
    const auto pid = read_pid("--pid", flags.pid, true);
    if (!pid) return pid.error();
    const auto container = read_pid("--watch-container-pid", flags.container_pid, false);
    if (!container) return container.error();
    const auto length = read_duration("--for", flags.length);
    if (!length) return length.error();
    const auto tau = read_duration("--socket-tau", flags.tau);
    if (!tau) return tau.error();
    if (sends) {
        if (flags.redis.empty()) return usage_error("--run goes with --redis, which is missing");
        if (flags.run.empty()) {
            return usage_error(
                "--redis needs --run ID: the one that run or search are given with --watch-from");
        }
        auto url = parse_stream_redis("--redis", flags.redis);
        if (!url) return url.error();
        const auto run = parse_run_id(flags.run);
        if (!run) return usage_error("--run: " + run.error().message);
        options.send_to = WatchFrom{std::move(*url), *run};
    }
    options.pid = *pid;
    options.container_pid = *container;
    options.length = *length;
    options.tau = *tau;
    options.json = flags.json;
    options.jsonl = flags.jsonl;
    options.replay = flags.replay;
    options.strict = flags.strict;
    options.terminal = ::isatty(STDOUT_FILENO) == 1;
    return options;
}

int end_of_watch(SocketReport report, const WatchCommandOptions& options, std::ostream& out,
                 WatchPrinter& printer) {
    report.strict = options.strict;
    printer.verdict(report);
    if (!out) return fail(output_error("the watch could not be written: stdout is closed or full"));
    return exit_code(report);
}

int replay_command(const WatchCommandOptions& options, std::ostream& out) {
    std::ifstream in{*options.replay, std::ios::binary};
    if (!in) return fail(usage_error(fmt::format("{}: {}", *options.replay, std::strerror(errno))));
    const auto report = replay_sockets(in);
    if (!report) {
        return fail(usage_error(fmt::format("{}: {}", *options.replay, report.error().message)));
    }
    WatchPrinter printer{options, report->tau, out};
    return end_of_watch(*report, options, out, printer);
}

/// Sends what is left, and says what Redis never took.
void end_stream(StreamPublisher& stream) {
    stream.flush(last_lines_take);
    const auto never = stream.lost() + stream.waiting();
    if (never > 0) log_warn(fmt::format("{} lines of the watch never reached Redis", never));
}

}  // namespace

int watch_command(const WatchCommandOptions& options, std::ostream& out) {
    if (options.replay) return replay_command(options, out);
    const auto begin = Clock::now();
    std::optional<StreamPublisher> stream;
    if (options.send_to) stream.emplace(options.send_to->redis, options.send_to->run);
    WatchOptions watch;
    watch.port = options.port;
    watch.tau = options.tau;
    watch.pid = options.pid;
    watch.container_pid = options.container_pid;
    if (options.jsonl || stream) {
        watch.record = [&](const std::string& line) {
            if (options.jsonl) out << line << std::endl;
            if (stream) stream->push(line);
        };
    }
    if (stream) watch.tell_all = [&] { return stream->take_loss(); };
    auto started = Watcher::start(watch);
    if (!started && options.pid) {
        return fail(usage_error("--pid: " + started.error().message));
    }
    if (!started) return fail(started.error());
    auto& watcher = **started;
    if (const auto trouble = watcher.trouble(); !trouble.empty()) log_warn(trouble);
    if (const auto first = watcher.latest(); first && !listens(*first)) {
        const auto text = fmt::format(
            "nothing listens on port {} in {}", options.port,
            options.container_pid
                ? fmt::format("the network namespace of process {}", *options.container_pid)
                : "this network namespace");
        if (!stream) return fail(unreachable_error(text));
        log_warn(text + " so far");  // beside a server that starts at the same time
    }

    WatchPrinter printer{options, socket_tau(options.tau, {}), out};
    printer.start(watcher.owner());
    const auto end = options.length ? begin + *options.length : TimePoint::max();
    for (auto next = begin + line_every; out; next += line_every) {
        const bool stopped = stopped_before(std::min(next, end));
        if (stopped || next > end) break;
        if (const auto sample = watcher.latest();
            sample && Clock::now() - sample->at < 2 * longest_sampling_period) {
            printer.line(next - begin, *sample, watcher.owner());
        } else {
            printer.no_sample(next - begin, watcher.trouble());
        }
    }
    const auto report = watcher.finish_alone();
    if (stream) end_stream(*stream);
    return end_of_watch(report, options, out, printer);
}

CLI::App* add_watch_command(CLI::App& app, std::function<int()>& run) {
    auto flags = std::make_shared<WatchFlags>();  // lives as long as `run`
    auto* watch = app.add_subcommand(
        "watch", "watch the sockets of a listening port: does CLOSE_WAIT build up?");
    watch->add_option("--port", flags->port, "the port the server listens on")
        ->check(CLI::Range(1, 65535));
    watch->add_option("--pid", flags->pid, "the server's process: a number, or auto")
        ->capture_default_str();
    watch
        ->add_option("--watch-container-pid", flags->container_pid,
                     "watch in the network namespace of this process: a container's first one")
        ->type_name("PID");
    watch->add_option("--for", flags->length, "how long, such as 10m (default: until Ctrl-C)");
    watch->add_option("--socket-tau", flags->tau,
                      "how old a socket in CLOSE_WAIT must be to count (default: 5s)");
    auto* json =
        watch->add_flag("--json", flags->json, "JSON lines: a sample a second, then the verdict");
    watch
        ->add_flag("--jsonl", flags->jsonl,
                   "JSON lines: every sample with what changed, for --replay; then the verdict")
        ->excludes(json);
    watch
        ->add_option("--redis", flags->redis,
                     "redis://host[:port][/db]: send every sample there, for a run or search with "
                     "--watch-from elsewhere")
        ->type_name("URL");
    watch
        ->add_option("--run", flags->run,
                     "with --redis: an ID that this watch and that run agree on")
        ->type_name("ID");
    watch
        ->add_option("--replay", flags->replay,
                     "judge a recording again: of --jsonl, or a run's sockets.jsonl")
        ->type_name("FILE");
    watch->add_flag("--strict-sockets", flags->strict, "exit 1 also for BUILD_UP and SUSPECT");
    run = [flags] {
        const auto options = to_options(*flags);
        if (!options) return fail(options.error());
        return watch_command(*options, std::cout);
    };
    return watch;
}

}  // namespace loadline

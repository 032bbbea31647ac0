#include "cli/command_watch.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "base/stop.hpp"
#include "cli/options.hpp"
#include "report/figures.hpp"
#include "result/sockets_json.hpp"
#include "watch/stream.hpp"
#include "watch/watcher.hpp"

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

constexpr Duration line_every = std::chrono::seconds{1};
constexpr Duration look_for_stop_every = std::chrono::milliseconds{20};
constexpr int lines_per_heading = 20;

std::uint32_t in_state(const SocketSample& sample, TcpState state) {
    return sample.states[static_cast<std::size_t>(state)];
}

std::string or_unknown(std::uint64_t value, bool known) {
    return known ? fmt::to_string(value) : std::string{"?"};
}

/// What the watch prints, as a table for people or as JSON lines.
class WatchPrinter {
public:
    WatchPrinter(const WatchCommandOptions& options, Duration tau, std::ostream& out)
        : options_{options}, tau_{tau}, out_{out} {}

    void start(const std::optional<ProcessInfo>& owner) {
        if (options_.json || options_.jsonl) return;
        out_ << fmt::format("watching port {}", options_.port)
             << (owner ? fmt::format(", pid {}: {}", owner->pid, owner->command)
                       : ", whose process is not visible (needs the same user or CAP_SYS_PTRACE)")
             << std::endl;
    }

    void line(Duration since_start, const SocketSample& sample) {
        if (options_.jsonl) return;  // the sampler writes
        if (options_.json) {
            out_ << sample_json(since_start, sample) << std::endl;
            return;
        }
        if (lines_ == 0 || (options_.terminal && lines_ % lines_per_heading == 0)) heading();
        ++lines_;
        out_ << row(fmt::format("{:.0f} s", to_seconds(since_start)),
                    fmt::format("{}/{}", sample.accept_queue,
                                or_unknown(sample.backlog, sample.backlog > 0)),
                    in_state(sample, TcpState::established), sample.close_wait, sample.stale,
                    in_state(sample, TcpState::fin_wait2),
                    fmt::format(
                        "{}/{}", or_unknown(sample.fds.value_or(0), sample.fds.has_value()),
                        or_unknown(sample.fd_limit.value_or(0), sample.fd_limit.has_value())))
             << std::endl;
    }

    void no_sample(Duration since_start, const std::string& why) {
        if (options_.jsonl) return;
        if (options_.json) {
            out_
                << Json{{"type", "failure"}, {"t_s", to_seconds(since_start)}, {"text", why}}.dump()
                << std::endl;
        } else {
            out_ << fmt::format("{:>7.0f} s  {}", to_seconds(since_start), why) << std::endl;
        }
    }

    void verdict(const SocketReport& report) {
        if (options_.json || options_.jsonl) {
            out_ << verdict_json(report) << std::endl;
            return;
        }
        if (!options_.replay) out_ << '\n';
        out_ << to_string(report.word) << "  " << report.text << '\n';
        for (const auto& flag : report.flags) out_ << "  flag: " << flag << '\n';
        for (const auto& [name, fact] : socket_facts(report)) {
            out_ << "  " << name << ": " << fact << '\n';
        }
        if (report.oldest.empty()) {
            out_.flush();
            return;
        }
        out_ << fmt::format("  {:<26}{:<24}{:<26}{}\n", "peer", "in CLOSE_WAIT", "class", "kernel");
        for (const auto& socket : report.oldest) {
            out_ << fmt::format("  {:<26}{:<24}{:<26}{}\n", socket.peer, age(socket),
                                to_string(stuck_class(socket)),
                                socket.keep_alive ? "keep-alive may reap it" : "never reaps it");
        }
        if (report.leaked > report.oldest.size()) {
            out_ << fmt::format("  and {} more\n", report.leaked - report.oldest.size());
        }
        out_.flush();
    }

private:
    template <class Time, class Queue, class Count, class Stale, class Fds>
    static std::string row(const Time& time, const Queue& queue, const Count& established,
                           const Count& close_wait, const Stale& stale, const Count& fin_wait2,
                           const Fds& fds) {
        return fmt::format("{:>9} {:>14} {:>12} {:>11} {:>12} {:>10} {:>14}", time, queue,
                           established, close_wait, stale, fin_wait2, fds);
    }

    void heading() {
        using Text = std::string;
        out_ << row(Text{"time"}, Text{"queue/backlog"}, Text{"ESTABLISHED"}, Text{"CLOSE_WAIT"},
                    fmt::format(">= {}", format_duration_exact(tau_)), Text{"FIN_WAIT2"},
                    Text{"fds/limit"})
             << '\n';
    }

    static std::string age(const StuckSocket& socket) {
        if (!socket.age_bounded) return format_duration(socket.age_at_least) + " or longer";
        return fmt::format("{} to {}", format_duration(socket.age_at_least),
                           format_duration(socket.age_at_most));
    }

    static std::string sample_json(Duration since_start, const SocketSample& sample) {
        Json out{{"type", "sample"}, {"t_s", to_seconds(since_start)}};
        out["accept_queue"] = sample.accept_queue;
        if (sample.backlog > 0) out["backlog"] = sample.backlog;
        out["states"] = Json::object();
        for (std::size_t i = 1; i < tcp_state_count; ++i) {
            if (sample.states[i] > 0) out["states"][tcp_state_name(i)] = sample.states[i];
        }
        out["close_wait"] = sample.close_wait;
        out["stale"] = sample.stale;
        if (sample.fds) out["fds"] = *sample.fds;
        if (sample.fd_limit) out["fd_limit"] = *sample.fd_limit;
        return out.dump();
    }

    static std::string verdict_json(const SocketReport& report) {
        Json out{{"type", "verdict"}};
        out.update(socket_report_json(report));
        return out.dump(-1, ' ', false, Json::error_handler_t::replace);
    }

    const WatchCommandOptions& options_;
    Duration tau_;
    std::ostream& out_;
    int lines_ = 0;
};

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
    const bool judged = report.word != SocketWord::not_exercised &&
                        report.word != SocketWord::inconclusive &&
                        report.word != SocketWord::unknown;
    return judged ? 0 : 4;
}

bool listens(const SocketSample& sample) { return in_state(sample, TcpState::listen) > 0; }

Result<std::optional<Duration>> read_duration(const char* flag,
                                              const std::optional<std::string>& text) {
    if (!text) return std::optional<Duration>{};
    const auto value = parse_duration(*text);
    if (!value) return usage_error(fmt::format("{}: {}", flag, value.error().message));
    if (*value <= Duration{}) return usage_error(fmt::format("{}: must be above zero", flag));
    return std::optional<Duration>{*value};
}

Result<std::optional<int>> read_pid(const std::string& text) {
    if (text == "auto") return std::optional<int>{};
    int pid = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, ec] = std::from_chars(text.data(), end, pid);
    if (ec != std::errc{} || rest != end || pid <= 0) {
        return usage_error(fmt::format("--pid: \"{}\" is not a process id or auto", text));
    }
    return std::optional<int>{pid};
}

struct WatchFlags {
    int port = 0;
    std::string pid = "auto";
    std::optional<std::string> length, tau, replay;
    bool json = false, jsonl = false, strict = false;
};

Result<WatchCommandOptions> to_options(const WatchFlags& flags) {
    WatchCommandOptions options;
    if ((flags.port == 0) == !flags.replay) {
        return usage_error("watch takes --port N, or --replay FILE");
    }
    if (flags.replay && (flags.length || flags.tau || flags.jsonl || flags.pid != "auto")) {
        return usage_error("--replay goes with --json and --strict-sockets only");
    }
    options.port = static_cast<std::uint16_t>(flags.port);
    const auto pid = read_pid(flags.pid);
    if (!pid) return pid.error();
    const auto length = read_duration("--for", flags.length);
    if (!length) return length.error();
    const auto tau = read_duration("--socket-tau", flags.tau);
    if (!tau) return tau.error();
    options.pid = *pid;
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

}  // namespace

int watch_command(const WatchCommandOptions& options, std::ostream& out) {
    if (options.replay) return replay_command(options, out);
    const auto begin = Clock::now();
    WatchOptions watch;
    watch.port = options.port;
    watch.tau = options.tau;
    watch.pid = options.pid;
    if (options.jsonl) watch.record = [&out](const std::string& line) { out << line << std::endl; };
    auto started = Watcher::start(watch);
    if (!started) return fail(started.error());
    auto& watcher = **started;
    if (const auto trouble = watcher.trouble(); !trouble.empty()) log_warn(trouble);
    if (const auto first = watcher.latest(); first && !listens(*first)) {
        return fail(unreachable_error(
            fmt::format("nothing listens on port {} in this network namespace", options.port)));
    }

    WatchPrinter printer{options, socket_tau(options.tau, {}), out};
    printer.start(watcher.owner());
    const auto end = options.length ? begin + *options.length : TimePoint::max();
    for (auto next = begin + line_every; out; next += line_every) {
        const bool stopped = stopped_before(std::min(next, end));
        if (stopped || next > end) break;
        if (const auto sample = watcher.latest();
            sample && Clock::now() - sample->at < 2 * longest_sampling_period) {
            printer.line(next - begin, *sample);
        } else {
            printer.no_sample(next - begin, watcher.trouble());
        }
    }
    return end_of_watch(watcher.finish_alone(), options, out, printer);
}

CLI::App* add_watch_command(CLI::App& app, std::function<int()>& run) {
    auto flags = std::make_shared<WatchFlags>();  // lives as long as `run`
    auto* watch = app.add_subcommand(
        "watch", "watch the sockets of a listening port: does CLOSE_WAIT build up?");
    watch->add_option("--port", flags->port, "the port the server listens on")
        ->check(CLI::Range(1, 65535));
    watch->add_option("--pid", flags->pid, "the server's process: a number, or auto")
        ->capture_default_str();
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

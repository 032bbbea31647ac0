#include "cli/session.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/log.hpp"
#include "cli/preflight.hpp"
#include "cli/version.hpp"
#include "report/terminal.hpp"
#include "result/verdict.hpp"
#include "trial/topology.hpp"

namespace loadline {
namespace {

bool all_local(const Plan& plan) {
    return std::all_of(plan.targets.begin(), plan.targets.end(), [](const auto& target) {
        return target.url.is_unix() || is_loopback_address(target.url.host);
    });
}

}  // namespace

std::string hash_of(const std::string& text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001b3;
    return fmt::format("{:016x}", hash);
}

std::optional<LoadedPlan> load_plan(const std::string& file, const Overrides& overrides) {
    std::ifstream in{file, std::ios::binary};
    std::ostringstream text;
    if (!in || !(text << in.rdbuf())) {
        const bool folder = std::filesystem::is_directory(file);
        fail(usage_error(fmt::format("{}: {}; nothing was sent", file,
                                     folder ? "is a folder, not a scenario file"
                                     : in   ? "is empty"
                                            : std::strerror(errno))));
        return {};
    }
    auto compiled = compile_text(text.str(), file, overrides);
    if (const auto* wrong = std::get_if<std::vector<Diagnostic>>(&compiled)) {
        fmt::print(stderr, "{}", format_diagnostics(text.str(), file, *wrong));
        return {};
    }
    auto& [scenario, plan] = std::get<CompiledScenario>(compiled);
    return LoadedPlan{plan, {plan->name, text.str(), std::move(scenario.json)}};
}

Result<ReportSession> ReportSession::open(const SharedFlags& flags, const TrialOptions& options,
                                          std::shared_ptr<const Plan> plan,
                                          const ScenarioSource& source, double highest_rate) {
    const auto doubts = preflight(flags, options, *plan, highest_rate);
    if (!doubts) return doubts.error();
    auto folder = flags.out.empty()
                      ? RunFolder::create_default(source.name, std::chrono::system_clock::now())
                      : RunFolder::create(flags.out);
    if (!folder) return folder.error();
    auto live = flags.quiet
                    ? nullptr
                    : std::make_unique<LiveDisplay>(std::cerr, ::isatty(STDERR_FILENO) != 0);
    set_log_quiet(flags.quiet);
    for (const auto& doubt : *doubts) log_warn(doubt);
    ReportSession session{std::move(*folder), std::move(live)};
    session.flags_ = flags;
    session.options_ = options;
    session.source_ = source;
    return session;
}

Observer ReportSession::observer() {
    Observer observer;
    auto* folder = &folder_;
    auto* live = live_.get();
    observer.second = [folder, live](const TimelinePoint& point) {
        folder->record(point);
        if (live) live->second(point);
    };
    observer.socket_line = [folder](const std::string& line) { folder->record_sockets(line); };
    if (!live) return observer;
    observer.trial = [live](const std::string& label, Duration planned) {
        live->trial_started(label, planned);
    };
    observer.probe = [live](const ProbeResult& probe) { live->probe_finished(probe); };
    observer.note = [live](const std::string& text) { live->note(text); };
    return observer;
}

void ReportSession::abandon() const {
    std::error_code ec;
    std::filesystem::remove(folder_.path() / "sockets.jsonl", ec);  // began before the load
    std::filesystem::remove(folder_.path(), ec);                    // only an empty folder goes
}

int ReportSession::finish(RunResult& result) {
    result.scenario_name = source_.name;
    result.scenario_hash = hash_of(source_.text);
    result.version = version;
    result.arguments = flags_.arguments;
    result.seed = options_.seed;
    result.threads = options_.threads;
    result.user_cap = options_.max_users;
    result.connection_cap = options_.connections_capped ? options_.connections : 0;
    // All targets that have any have the same.
    for (const auto& target : result.addresses) {
        if (!target.sources.empty()) result.sources = target.sources;
    }
    result.started_at = started_at_;
    result.elapsed = Clock::now() - started_;
    result.machine = read_machine();
    result.selftest = kept_selftest(result.machine);
    result.target_shares_machine = all_local(*result.plan);
    if (result.capacity) {
        result.capacity->topology = topology_of(
            result.target_shares_machine,
            result.sockets && result.sockets->source.empty() ? result.sockets->pid : std::nullopt);
    }

    if (live_) live_->finish();
    if (const auto& sockets = result.sockets; sockets && warns(*sockets) && !fails(*sockets)) {
        log_warn(
            fmt::format("sockets word={} text=\"{}\"", to_string(sockets->word), sockets->text));
    }
    for (const auto& probe : result.probes) {
        if (!probe.alarming()) continue;
        log_warn(fmt::format("probe={} text=\"{}\"", to_string(probe.probe.kind), probe.text));
    }
    if (flags_.json) {
        write_summary(std::cout, result);
    } else {
        const bool colour = ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
        write_terminal(std::cout, result, colour);
    }
    std::cout.flush();
    const auto effective =
        source_.json.is_null() ? std::string{} : write_scenario(source_.json, result.plan->secrets);
    if (const auto written = folder_.write_all(result, effective); !written)
        return fail(written.error());
    if (!flags_.quiet)
        fmt::print(stderr, "report: {}\n", (folder_.path() / "report.html").string());
    return exit_code(result);
}

}  // namespace loadline

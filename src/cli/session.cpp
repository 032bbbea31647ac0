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
#include "cli/version.hpp"
#include "net/endpoint.hpp"
#include "report/terminal.hpp"
#include "result/verdict.hpp"

namespace loadline {
namespace {

constexpr std::size_t spare_descriptors = 64;  // files, watcher, epoll, reports

/// FNV-1a, 64 bits, hexadecimal: tells scenarios apart, protects against nothing.
std::string hash_of(const std::string& text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001b3;
    return fmt::format("{:016x}", hash);
}

bool all_local(const Plan& plan) {
    for (const auto& target : plan.targets) {
        const auto& host = target.url.host;
        if (target.url.is_unix()) continue;
        if (host != "localhost" && host != "::1" && host.rfind("127.", 0) != 0) return false;
    }
    return true;
}

/// Whether every address of the host lies in a loopback or private range.
bool resolves_locally(const Url& url) {
    if (url.is_unix() || is_local_address(url.host)) return true;
    const auto endpoints = resolve(url, std::chrono::seconds{5});
    if (!endpoints) return true;  // the engine says "cannot resolve" with the right exit code
    for (const auto& endpoint : *endpoints) {
        const auto address = address_of(endpoint);
        if (address && !is_local_address(address->to_string())) return false;
    }
    return true;
}

}  // namespace

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

Result<void> preflight(const SharedFlags& flags, const TrialOptions& options, const Plan& plan,
                       double highest_rate) {
    for (const auto& target : plan.targets) {
        const bool allowed = std::find(flags.allow_hosts.begin(), flags.allow_hosts.end(),
                                       target.url.host) != flags.allow_hosts.end();
        if (!allowed && !resolves_locally(target.url)) {
            return usage_error(fmt::format(
                "target {} ({}) is outside loopback and private ranges; nothing was sent\n"
                "   hint: if you may load it, give --allow-host {}",
                target.name, target.url.endpoint(), target.url.host));
        }
    }
    if (!flags.max_rate.empty()) {
        const auto max_rate = parse_rate(flags.max_rate);
        if (!max_rate) return usage_error("--max-rate: " + max_rate.error().message);
        if (highest_rate > max_rate->per_second()) {
            return usage_error(fmt::format("the rate {} is above --max-rate {}; nothing was sent",
                                           format_rate(Rate::per_second(highest_rate)),
                                           format_rate(*max_rate)));
        }
    }
    const auto descriptors = raise_fd_limit();
    const auto needed =
        (options.connections_capped ? options.connections * plan.targets.size() : 1) +
        spare_descriptors;
    if (needed > descriptors) {
        return usage_error(fmt::format(
            "{} connections need {} file descriptors, and {} are allowed; nothing was sent\n"
            "   hint: raise the limit (ulimit -Hn {}), or give fewer --connections",
            options.connections, needed, descriptors, needed));
    }
    return {};
}

Result<ReportSession> ReportSession::open(const SharedFlags& flags, const TrialOptions& options,
                                          std::shared_ptr<const Plan> plan,
                                          const ScenarioSource& source, double highest_rate) {
    if (const auto fits = preflight(flags, options, *plan, highest_rate); !fits)
        return fits.error();
    auto folder = flags.out.empty()
                      ? RunFolder::create_default(source.name, std::chrono::system_clock::now())
                      : RunFolder::create(flags.out);
    if (!folder) return folder.error();
    auto live = flags.quiet
                    ? nullptr
                    : std::make_unique<LiveDisplay>(std::cerr, ::isatty(STDERR_FILENO) != 0);
    set_log_quiet(flags.quiet);
    ReportSession session{std::move(*folder), std::move(live)};
    session.flags_ = flags;
    session.options_ = options;
    session.source_ = source;
    return session;
}

Observer ReportSession::observer() {
    Observer observer;
    if (!live_) return observer;
    auto* live = live_.get();
    observer.trial = [live](const std::string& label, Duration planned) {
        live->trial_started(label, planned);
    };
    observer.second = [live](const TimelinePoint& point) { live->second(point); };
    observer.probe = [live](const ProbeResult& probe) { live->probe_finished(probe); };
    observer.note = [live](const std::string& text) { live->note(text); };
    return observer;
}

void ReportSession::abandon() const {
    std::error_code ec;
    std::filesystem::remove(folder_.path(), ec);  // only an empty folder goes
}

int ReportSession::finish(RunResult& result) {
    result.scenario_name = source_.name;
    result.scenario_hash = hash_of(source_.text);
    result.version = version;
    result.seed = options_.seed;
    result.threads = options_.threads;
    result.user_cap = options_.max_users;
    result.connection_cap = options_.connections_capped ? options_.connections : 0;
    result.started_at = started_at_;
    result.elapsed = Clock::now() - started_;
    result.machine = read_machine();
    result.target_shares_machine = all_local(*result.plan);

    if (live_) live_->finish();
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

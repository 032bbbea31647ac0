#include "cli/preflight.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/units.hpp"
#include "net/endpoint.hpp"
#include "result/selftest.hpp"

namespace loadline {
namespace {

constexpr std::size_t spare_descriptors = 64;  // files, watcher, epoll, reports
constexpr double time_wait_s = 60;
constexpr double reuse_after_s = 1;
constexpr double ports_used = 0.8;           // of an address, where several share the load
constexpr std::size_t most_sources = 200;    // 127.0.0.1 to 127.0.0.200
constexpr std::size_t sources_for_any = 32;  // 15 000 closes a second

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

Result<void> check_hosts(const SharedFlags& flags, const Plan& plan) {
    for (const auto& target : plan.targets) {
        const auto& allowed = flags.allow_hosts;
        if (std::find(allowed.begin(), allowed.end(), target.url.host) != allowed.end()) continue;
        if (resolves_locally(target.url)) continue;
        return usage_error(
            fmt::format("target {} ({}) is outside loopback and private ranges; nothing was sent\n"
                        "   hint: if you may load it, give --allow-host {}",
                        target.name, target.url.endpoint(), target.url.host));
    }
    return {};
}

Result<void> check_rate(const SharedFlags& flags, double highest_rate) {
    if (flags.max_rate.empty()) return {};
    const auto max_rate = parse_rate(flags.max_rate);
    if (!max_rate) return usage_error("--max-rate: " + max_rate.error().message);
    if (highest_rate <= max_rate->per_second()) return {};
    return usage_error(fmt::format("the rate {} is above --max-rate {}; nothing was sent",
                                   format_rate(Rate::per_second(highest_rate)),
                                   format_rate(*max_rate)));
}

Result<void> check_users(const SharedFlags& flags, const TrialOptions& options, const Plan& plan) {
    if (flags.max_users.empty() || plan.load.users.value_or(0) <= options.max_users) return {};
    return usage_error(
        fmt::format("the load's {} users are more than --max-users {}; nothing was sent\n"
                    "   hint: leave --max-users out, or lower \"users\"",
                    *plan.load.users, options.max_users));
}

/// The connections that the load is sure to open, as far as that is known beforehand.
std::size_t sure_connections(const TrialOptions& options, const Plan& plan) {
    const auto targets = plan.targets.size();
    if (options.connections_capped) return options.connections * targets;
    const bool one_each = plan.connections == ConnectionMode::per_session;
    return one_each ? std::max<std::size_t>(1, plan.load.users.value_or(0) * targets) : 1;
}

Result<void> check_descriptors(const TrialOptions& options, const Plan& plan) {
    const auto descriptors = raise_fd_limit();
    const auto connections = sure_connections(options, plan);
    const auto needed = connections + spare_descriptors;
    if (needed <= descriptors) return {};
    return usage_error(fmt::format(
        "{} connections need {} file descriptors, and {} are allowed; nothing was sent\n"
        "   hint: raise the limit (ulimit -Hn {}), or give fewer {}",
        connections, needed, descriptors, needed,
        options.connections_capped ? "--connections" : "users"));
}

bool reuses_ports(const Url& url, const Machine& machine) {
    return machine.tcp_tw_reuse == 1 ||
           (machine.tcp_tw_reuse == 2 && is_loopback_address(url.host));
}

/// Exchanges with one target that an average journey makes.
double exchanges_per_journey(const Plan& plan, std::size_t target) {
    double weighted = 0, sum = 0;
    for (const auto& journey : plan.journeys) {
        const auto n = std::count_if(
            journey.actions.begin(), journey.actions.end(), [&](const Action& action) {
                const auto* exchange = std::get_if<ExchangeAction>(&action);
                return exchange && plan.steps[exchange->step].target == target;
            });
        weighted += journey.share * static_cast<double>(n);
        sum += journey.share;
    }
    return sum > 0 ? weighted / sum : 0;
}

/// Connections with one target that we close, in the average second.
double closes_per_second(const Plan& plan, std::size_t target, double journeys_per_second) {
    if (plan.connections == ConnectionMode::per_request) {
        return journeys_per_second * exchanges_per_journey(plan, target);
    }
    double churning = 0, sum = 0;
    for (const auto& journey : plan.journeys) {
        sum += journey.share;
        if (journey.churn && journey.churn->target == target) churning += journey.share;
    }
    return sum > 0 ? journeys_per_second * plan.churn.share * churning / sum : 0;
}

/// Whether we close connections with this target first, as a matter of course.
bool closes_first(const Plan& plan, std::size_t target) {
    return closes_per_second(plan, target, 1) > 0;
}

/// `localhost` may turn out to be ::1 alone, which has no second address: only who connects
/// knows, and uses the one.
bool gets_loopback_sources(const Url& url) {
    return !url.is_redis() && is_loopback_address(url.host) && url.host != "::1";
}

double load_seconds(const Plan& plan) { return to_seconds(plan.load.length()); }

Result<void> check_ports(const TrialOptions& options, const Plan& plan, double highest_rate,
                         const Machine& machine) {
    for (std::size_t i = 0; i < plan.targets.size(); ++i) {
        const auto& target = plan.targets[i];
        if (target.url.is_unix()) continue;
        const auto [needed, allowed] = port_budget(plan, i, options, highest_rate, machine);
        if (allowed <= 0 || needed <= allowed) continue;
        return usage_error(fmt::format(
            "target {} needs {:.0f} local ports, and there are {:.0f} ({} to {}); nothing was "
            "sent\n   hint: connect from more addresses (--source), widen "
            "net.ipv4.ip_local_port_range, or keep connections (\"connections\": \"pool\")",
            target.name, needed, allowed, machine.port_low, machine.port_high));
    }
    return {};
}

}  // namespace

PortBudget port_budget(const Plan& plan, std::size_t target, const TrialOptions& options,
                       double journeys_per_second, const Machine& machine) {
    PortBudget budget;
    const auto& url = plan.targets[target].url;
    auto addresses = options.sources.size();
    if (addresses == 0 && gets_loopback_sources(url)) addresses = options.loopback_sources.size();
    const auto sources = static_cast<double>(std::max<std::size_t>(1, addresses));
    if (machine.port_high > 0)
        budget.allowed = (machine.port_high - machine.port_low + 1) * sources;
    if (options.connections_capped) budget.needed = static_cast<double>(options.connections);
    const double keeps =
        std::min(reuses_ports(url, machine) ? reuse_after_s : time_wait_s, load_seconds(plan));
    budget.needed += closes_per_second(plan, target, journeys_per_second) * keeps;
    return budget;
}

std::vector<std::string> spread_sources(const Plan& plan, const TrialOptions& options,
                                        double highest_rate, const Machine& machine) {
    if (!options.sources.empty() || machine.port_high <= machine.port_low) return {};
    const double ports = ports_used * (machine.port_high - machine.port_low + 1);
    std::size_t most = 1;
    for (std::size_t i = 0; i < plan.targets.size(); ++i) {
        if (!gets_loopback_sources(plan.targets[i].url) || !closes_first(plan, i)) continue;
        const double kept =
            closes_per_second(plan, i, highest_rate) * std::min(time_wait_s, load_seconds(plan));
        const auto enough = static_cast<std::size_t>(std::ceil(kept / ports));
        most = std::max(most, highest_rate > 0 ? enough : sources_for_any);
    }
    if (most == 1) return {};
    std::vector<std::string> sources;
    for (std::size_t i = 1; i <= std::min(most, most_sources); ++i) {
        sources.push_back(fmt::format("127.0.0.{}", i));
    }
    return sources;
}

Result<std::vector<std::string>> preflight(const SharedFlags& flags, const TrialOptions& options,
                                           const Plan& plan, double highest_rate) {
    const auto machine = read_machine();
    for (const auto& check : {check_hosts(flags, plan), check_rate(flags, highest_rate),
                              check_users(flags, options, plan), check_descriptors(options, plan),
                              check_ports(options, plan, highest_rate, machine)}) {
        if (!check) return check.error();
    }
    std::vector<std::string> doubts;
    if (machine.cores > 0 && options.threads > machine.cores) {
        doubts.push_back(fmt::format("{} threads on {} cores: they will wait for each other",
                                     options.threads, machine.cores));
    }
    double exchanges = 0;
    for (std::size_t i = 0; i < plan.targets.size(); ++i)
        exchanges += exchanges_per_journey(plan, i);
    const auto selftest = kept_selftest(machine);
    if (selftest && selftest->ceiling_per_s > 0 &&
        highest_rate * exchanges > selftest->ceiling_per_s) {
        doubts.push_back(fmt::format(
            "{}/s are {} requests/s, and the selftest found that this machine makes {}/s on time",
            format_number(highest_rate), format_number(highest_rate * exchanges),
            format_number(selftest->ceiling_per_s)));
    }
    if (const auto doubt = plan.churn.doubt(plan.load.length()); !doubt.empty())
        doubts.push_back(doubt);
    const bool often = plan.connections == ConnectionMode::per_request || plan.churn.any();
    if (often && machine.tcp_tw_reuse == 0) {
        doubts.emplace_back(
            "net.ipv4.tcp_tw_reuse is 0: opening connections becomes slow once the ports are in "
            "TIME_WAIT, without any error; sysctl -w net.ipv4.tcp_tw_reuse=1 mends it");
    }
    return doubts;
}

}  // namespace loadline

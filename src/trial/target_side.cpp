#include "trial/target_side.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.hpp"
#include "base/stop.hpp"
#include "base/units.hpp"
#include "net/endpoint.hpp"
#include "watch/count_watcher.hpp"
#include "watch/process.hpp"
#include "watch/remote_watcher.hpp"
#include "watch/watcher.hpp"

namespace loadline {
namespace {

/// Of "127.0.0.1:80" or "[::1]:80": whether a socket of ours may have this address.
bool is_of_this_machine(const std::string& endpoint) {
    auto host = endpoint.substr(0, endpoint.rfind(':'));
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    return source_endpoint(host).has_value();
}

/// What ended between two windows of load is told in the second.
void carry_ends(TargetSecond& second, const std::optional<TargetSecond>& before) {
    if (!before) return;
    if (second.process && before->process) {
        second.process->restarts += before->process->restarts;
        second.process->oom_kills += before->process->oom_kills;
    }
    if (second.redis && before->redis) second.redis->restarts += before->redis->restarts;
}

/// A run of days must not fill the disk: this is about 17 h of quiet sockets (some 550 bytes a
/// sample). A socket that a sample finds in CLOSE_WAIT takes 100 to 150 more as it comes and goes:
/// with 100 of them a second it is two and a half hours.
constexpr std::uint64_t longest_recording = 128 << 20;

std::function<void(const std::string&)> capped(std::function<void(const std::string&)> line) {
    return [to = std::make_shared<CappedRecording>(std::move(line), longest_recording)](
               const std::string& text) { (*to)(text); };
}

}  // namespace

TargetSide::TargetSide(const Plan& plan, const TrialOptions& options, const Observer& observer,
                       TimePoint zero)
    : plan_{plan}, options_{options}, observer_{observer}, zero_{zero} {
    watch_sockets();
    if (refused_) return;
    watch_target();
    start_probes();
}

void TargetSide::watch_sockets() {
    if (!options_.watch) {
        not_watched_ = "--no-watch";
    } else if (options_.watch_from) {
        follow_stream();
    } else if (options_.node_exporter) {
        count_sockets();
    } else {
        watch_here();
    }
}

/// By whoever runs beside the server: what it says of processes is not of this machine.
bool TargetSide::watched_elsewhere() const { return options_.watch_from || options_.node_exporter; }

/// Who names a port or a process on the command line wants its sockets judged, whatever the
/// scenario says. Else they are still looked at, for the causes.
bool TargetSide::sockets_are_judged() const {
    const bool asked = options_.watch_port || options_.watch_pid || options_.watch_container_pid ||
                       watched_elsewhere();
    return options_.watch && (plan_.judge_sockets || asked);
}

/// Follows the watcher beside the server. Without it the load runs all the same: the word will
/// be UNKNOWN.
void TargetSide::follow_stream() {
    RemoteWatchOptions watch;
    watch.from = *options_.watch_from;
    watch.tau = options_.socket_tau;
    if (!plan_.probes.empty()) watch.own = own_sockets_;
    if (observer_.socket_line) watch.record = capped(observer_.socket_line);
    auto follower = std::make_unique<RemoteWatcher>(std::move(watch));
    if (const auto trouble = follower->trouble(); !trouble.empty()) {
        log_warn("the server's sockets cannot be watched: " + trouble);
    } else if (observer_.note) {
        const auto owner = follower->owner();
        observer_.note(fmt::format(
            "watching port {} from beside the server{}", follower->port(),
            owner ? fmt::format(", pid {} there: {}", owner->pid, owner->command) : ""));
    }
    sockets_ = std::move(follower);
}

/// Counts the sockets of the server's machine, where nobody watches them. Without an answer the
/// load runs all the same, and the word will be UNKNOWN.
void TargetSide::count_sockets() {
    auto counter = std::make_unique<CountWatcher>(
        CountWatchOptions{*options_.node_exporter, options_.socket_tau});
    if (const auto trouble = counter->trouble(); !trouble.empty()) {
        log_warn("the server's sockets cannot be counted: " + trouble);
    } else if (observer_.note) {
        observer_.note("counting the sockets of the whole machine, by the node_exporter at " +
                       options_.node_exporter->endpoint());
    }
    sockets_ = std::move(counter);
}

/// The port that was asked for; else that of the first HTTP target on this machine, of which one
/// with another address than loopback's is known only where its process was named; or of the first
/// elsewhere, where a container was named, which may have published its port on this machine, too.
std::optional<std::uint16_t> TargetSide::port_to_watch() const {
    if (options_.watch_port) return options_.watch_port;
    if (plan_.watch_port) return plan_.watch_port;
    const bool container = options_.watch_container_pid.has_value();
    std::optional<std::uint16_t> second_choice;
    for (const auto& target : plan_.targets) {
        const auto& url = target.url;
        if (url.is_redis() || url.is_unix()) continue;
        if (is_loopback_address(url.host) != container) return url.port;
        if (!second_choice) second_choice = url.port;
    }
    return options_.watch_pid || container ? second_choice : std::nullopt;
}

/// Where the load goes to one other port of this machine than the one that is watched, and not to
/// that: whoever listens there is a proxy before the target.
std::optional<std::uint16_t> TargetSide::proxy_port() const {
    std::set<std::uint16_t> ports;
    for (const auto& target : plan_.targets) {
        const auto& url = target.url;
        if (!url.is_redis() && is_loopback_address(url.host)) ports.insert(url.port);
    }
    if (ports.size() != 1 || ports.contains(sockets_->port())) return {};
    return *ports.begin();
}

void TargetSide::watch_here() {
    const auto port = port_to_watch();
    if (!port) {
        not_watched_ = "no HTTP target on this machine and no --watch-port";
        return;
    }
    WatchOptions watch;
    watch.port = *port;
    watch.tau = options_.socket_tau;
    watch.pid = options_.watch_pid;
    watch.container_pid = options_.watch_container_pid;
    if (!plan_.probes.empty()) watch.own = own_sockets_;
    if (observer_.socket_line && sockets_are_judged()) watch.record = capped(observer_.socket_line);
    auto started = Watcher::start(watch);
    if (started) {
        sockets_ = std::move(*started);
    } else {
        not_watched_ = started.error().message;
        // Of two processes that were named it is the message that says which one is wrong.
        const char* flag = options_.watch_container_pid ? "" : "--watch-pid: ";
        if (!options_.watch_pid) return;
        const auto http = std::count_if(plan_.targets.begin(), plan_.targets.end(),
                                        [](const auto& t) { return !t.url.is_redis(); });
        const char* other = http > 1 && !options_.watch_port && process_exists(*options_.watch_pid)
                                ? "\n   hint: --watch-port names the port of another target"
                                : "";
        refused_ = usage_error(flag + not_watched_ + other);
    }
}

/// Watches the process behind the watched port, and the target's Redis.
void TargetSide::watch_target() {
    if (!options_.watch) return;
    TargetWatchOptions watch;
    if (sockets_ && !watched_elsewhere()) {
        watch.process = [watcher = sockets_.get()]() -> std::optional<int> {
            const auto owner = watcher->owner();
            return owner ? std::optional{owner->pid} : std::nullopt;
        };
        watch.proxy_port = proxy_port();
        if (!options_.watch_container_pid) watch.watched_port = sockets_->port();
    }
    watch.namespace_of = options_.watch_container_pid;
    watch.redis = options_.watch_redis;
    for (const auto& target : plan_.targets) {
        if (!watch.redis && target.url.scheme == "redis") watch.redis = target.url;
    }
    if (watch.process || watch.redis) target_ = std::make_unique<TargetWatch>(std::move(watch));
}

/// Probes as the kubelet would. The container began when the process did that is watched on the
/// port of a probe.
void TargetSide::start_probes() {
    if (!options_.watch || plan_.probes.empty()) return;
    const bool same = std::any_of(
        plan_.probes.begin(), plan_.probes.end(),
        [&](const KubeletProbe& probe) { return sockets_ && probe.url.port == sockets_->port(); });
    // The pid of a watch beside the server is of another machine.
    if (const auto owner = same && !watched_elsewhere() ? sockets_->owner() : std::nullopt) {
        if (const auto age = process_age(owner->pid)) {
            container_start_ = Clock::now() - zero_ - *age;
        }
    }
    prober_ = std::make_unique<ShadowProber>(plan_.probes, zero_, own_sockets_);
}

std::vector<std::string> TargetSide::not_seen() const {
    auto list = target_ ? target_->not_seen() : std::vector<std::string>{};
    if (sockets_ && options_.node_exporter) {
        list.emplace_back(
            "the target's process, whose sockets are in CLOSE_WAIT, and most counters of the "
            "kernel: "
            "a node_exporter counts sockets of its whole machine; loadline watch beside the server "
            "sees more");
    } else if (sockets_ && options_.watch_from) {
        list.emplace_back(
            "the target's CPU, run queue and memory: the watch beside the server sends its "
            "sockets, descriptors and kernel counters only");
    } else if (sockets_ && !sockets_->trouble().empty()) {
        list.push_back("the sockets by netlink: " + sockets_->trouble());
    }
    if (!sockets_) list.push_back("the target's process and kernel counters: " + not_watched_);
    return list;
}

/// What was seen since the last call: Redis from here, the process from wherever it is watched.
std::optional<TargetSecond> TargetSide::take_target() {
    auto seen = target_ ? target_->take() : std::nullopt;
    auto told = sockets_ ? sockets_->take_target() : std::nullopt;
    if (!seen) return told;
    if (told) {
        seen->process = told->process;
        seen->kernel = told->kernel;
    }
    return seen;
}

void TargetSide::connected_to(const std::vector<TargetAddresses>& addresses) {
    of_this_machine_.clear();
    for (const auto& target : addresses) {
        const auto& found = target.addresses;
        of_this_machine_.push_back(std::any_of(found.begin(), found.end(), is_of_this_machine));
    }
    if (!sockets_are_judged() || sockets_) return;
    std::vector<std::string> http;
    for (std::size_t i = 0; i < plan_.targets.size(); ++i) {
        const auto& found = addresses[i].addresses;
        if (!plan_.targets[i].url.is_redis()) http.insert(http.end(), found.begin(), found.end());
    }
    mirror_.emplace(std::move(http));
}

void TargetSide::begin_window() {
    before_ = take_target();
    if (sockets_) sockets_->take_fullest_queue();
    if (prober_) prober_->take();
}

void TargetSide::look(TimelinePoint& point) {
    if (sockets_) {
        point.sockets = sockets_->latest();
        point.fullest_queue = sockets_->take_fullest_queue();
    }
    point.target = take_target();
    if (point.target) carry_ends(*point.target, std::exchange(before_, {}));
    if (prober_) point.probes = prober_->take();
}

void TargetSide::end_probes(RunResult& result) {
    if (prober_) result.probes = report_probes(prober_->finish(), container_start_);
}

/// Those on the watched port: of this machine, where there is one, as another machine may use the
/// same port. Behind a proxy there are none, and what we do to any HTTP target stands for what the
/// server should have seen.
std::vector<bool> TargetSide::watched_targets() const {
    std::vector<bool> http, there, here;
    const bool on_this_machine = !watched_elsewhere() && !options_.watch_container_pid;
    for (std::size_t i = 0; i < plan_.targets.size(); ++i) {
        const auto& url = plan_.targets[i].url;
        http.push_back(!url.is_redis());
        there.push_back(http.back() && sockets_ && url.port == sockets_->port());
        here.push_back(there.back() && on_this_machine && of_this_machine_.at(i));
    }
    for (const auto* some : {&here, &there}) {
        if (std::find(some->begin(), some->end(), true) != some->end()) return *some;
    }
    return http;
}

void TargetSide::judge_sockets(RunResult& result, const std::vector<std::uint64_t>& closes,
                               const LoadRecord& record, Duration slowest_response,
                               const Wait& wait) {
    const auto watched = watched_targets();
    auto load = record.facts(watched);
    for (std::size_t i = 0; i < closes.size(); ++i) load.closes += watched[i] ? closes[i] : 0;
    load.handler_limit = options_.socket_tau.value_or(load.handler_limit);
    if (sockets_ && !sockets_are_judged()) {
        result.not_watched = R"(the scenario's "watch" says "close_wait": false)";
        return;
    }
    if (!sockets_) {
        result.not_watched = not_watched_;
        if (mirror_) result.sockets = look_into_mirror(load.closes, slowest_response, wait);
        return;
    }
    sockets_->connections_closed(Clock::now());
    const auto settle = sockets_->settle_time(slowest_response);
    if (observer_.note && settle > Duration{}) {
        const auto port = sockets_->port();
        observer_.note(fmt::format("all connections closed; watching {} settle (at most {})",
                                   port > 0 ? fmt::format("port {}", port) : "the machine",
                                   format_duration(settle)));
    }
    const auto settle_end = Clock::now() + settle;
    wait(settle, [&] { return load.settled = sockets_->settled(); });
    load.settled = load.settled || Clock::now() >= settle_end;
    result.sockets = sockets_->finish(std::move(load), slowest_response);
    result.sockets->strict = options_.strict_sockets;
    result.socket_samples = sockets_->samples();
}

/// Waits for tau at most: until fewer of our own ends are half closed than a leak takes.
std::optional<SocketReport> TargetSide::look_into_mirror(std::uint64_t closes,
                                                         Duration slowest_response,
                                                         const Wait& wait) const {
    constexpr std::uint32_t leak_needs = 3;
    constexpr Duration between_looks = std::chrono::milliseconds{250};
    const auto tau = socket_tau(options_.socket_tau, slowest_response);
    const auto end = Clock::now() + tau;
    auto half_closed = mirror_->half_closed();
    if (half_closed >= leak_needs && observer_.note) {
        observer_.note(
            fmt::format("all connections closed by us, {} of them not by the other end; "
                        "waiting (at most {})",
                        half_closed, format_duration(tau)));
    }
    while (half_closed >= leak_needs && Clock::now() < end && stop_signal() == 0) {
        wait(between_looks, [] { return false; });
        half_closed = mirror_->half_closed();
    }
    const auto http = std::find_if(plan_.targets.begin(), plan_.targets.end(), [](const auto& t) {
        return !t.url.is_redis() && !t.url.is_unix();
    });
    if (half_closed < leak_needs || Clock::now() < end || http == plan_.targets.end()) return {};
    auto report = judge_mirror(half_closed, closes, tau, http->url.port, not_watched_);
    report.strict = options_.strict_sockets;
    return report;
}

}  // namespace loadline

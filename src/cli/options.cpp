#include "cli/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <thread>

#include "base/units.hpp"
#include "watch/attribution.hpp"
#include "watch/count_watcher.hpp"
#include "watch/stream_publisher.hpp"

namespace loadline {
namespace {

Error in_flag(const char* flag, const Error& error) {
    return {error.kind, fmt::format("{}: {}", flag, error.message)};
}

/// Reads a count above zero from a flag that may be absent.
Result<std::optional<std::uint64_t>> count_of(const char* flag, const std::string& text) {
    if (text.empty()) return std::optional<std::uint64_t>{};
    const auto n = parse_count(text);
    if (!n) return in_flag(flag, n.error());
    if (*n == 0) return usage_error(fmt::format("{}: must be at least 1", flag));
    return std::optional{*n};
}

/// Who watches instead of us: a loadline beside the server, or a node_exporter.
Result<void> read_watch_from(const SharedFlags& flags, TrialOptions& options) {
    if (flags.watch_from.empty() && flags.run_id.empty()) return {};
    if (flags.watch_from.empty()) {
        return usage_error("--run names the stream of --watch-from, which is missing");
    }
    if (flags.no_watch) return usage_error("--watch-from and --no-watch exclude each other");
    const std::pair<const char*, bool> told_there[] = {
        {"--watch-port", flags.watch_port != 0},
        {"--watch-pid", !flags.watch_pid.empty()},
        {"--watch-container-pid", !flags.watch_container_pid.empty()}};
    for (const auto& [flag, given] : told_there) {
        if (!given) continue;
        return usage_error(
            fmt::format("--watch-from and {} exclude each other: the watch beside the server was "
                        "told what to watch",
                        flag));
    }
    if (flags.watch_from.starts_with("http")) {
        if (!flags.run_id.empty()) {
            return usage_error("--run names a stream in Redis; a node_exporter has none");
        }
        auto exporter = parse_node_exporter("--watch-from", flags.watch_from);
        if (!exporter) return exporter.error();
        options.node_exporter = std::move(*exporter);
        return {};
    }
    auto url = parse_stream_redis("--watch-from", flags.watch_from);
    if (!url) return url.error();
    if (flags.run_id.empty()) {
        return usage_error(
            "--watch-from needs --run ID: the one that loadline watch --redis was given");
    }
    const auto run = parse_run_id(flags.run_id);
    if (!run) return in_flag("--run", run.error());
    options.watch_from = WatchFrom{std::move(*url), *run};
    return {};
}

}  // namespace

Result<Url> parse_stream_redis(const char* flag, const std::string& text) {
    auto url = parse_url(text);
    if (!url) return in_flag(flag, url.error());
    if (url->scheme != "redis") {
        return usage_error(
            fmt::format("{}: only redis:// carries the stream, not {}", flag, url->scheme));
    }
    const auto db = std::string_view{url->path}.substr(url->path.empty() ? 0 : 1);
    if (std::all_of(db.begin(), db.end(), [](char c) { return c >= '0' && c <= '9'; })) return url;
    return usage_error(
        fmt::format("{}: behind the host there may be the number of a database, not \"{}\"\n"
                    "   hint: the run's ID is given as --run ID",
                    flag, db));
}

void add_load_flags(CLI::App& app, SharedFlags& flags) {
    app.add_option("--target", flags.targets,
                   "NAME=URL: send what the scenario sends to NAME to URL instead (repeatable)")
        ->allow_extra_args(false)
        ->type_name("NAME=URL");
    app.add_option("--slo", flags.slos,
                   "a promise such as 'p99 < 100ms' (repeatable; replaces the scenario's)")
        ->allow_extra_args(false)
        ->type_name("CLAUSE");
    app.add_option("--arrivals", flags.arrivals, "poisson or paced")->envname("LOADLINE_ARRIVALS");
    app.add_option("--seed", flags.seed,
                   "repeats arrivals and data exactly (same number of threads)")
        ->envname("LOADLINE_SEED");
    app.add_option("-t,--threads", flags.threads, "worker threads (default: cores)")
        ->envname("LOADLINE_THREADS");
    app.add_option("-c,--connections", flags.connections, "most connections per target")
        ->envname("LOADLINE_CONNECTIONS");
    app.add_option("-P,--pipeline", flags.pipeline,
                   "most commands in flight per Redis connection (default 1)")
        ->envname("LOADLINE_PIPELINE");
    app.add_option("--source", flags.sources,
                   "an address of this machine to connect from (repeatable: used in turn)")
        ->allow_extra_args(false)
        ->type_name("ADDRESS");
    app.add_option("--timeout", flags.timeout,
                   "for the whole answer, counted from the request (default 10s)")
        ->envname("LOADLINE_TIMEOUT");
    app.add_option("--connect-timeout", flags.connect_timeout, "for a connection (default 5s)")
        ->envname("LOADLINE_CONNECT_TIMEOUT");
    app.add_option("--dns-ttl", flags.dns_ttl,
                   "ask for a name's addresses again after this long (default: once, before the "
                   "load; 0s: for every connection)")
        ->envname("LOADLINE_DNS_TTL");
    app.add_option("--tls-ca", flags.tls_ca, "PEM file of certificates to trust")
        ->envname("LOADLINE_TLS_CA");
    app.add_option("--tls-cert", flags.tls_cert, "PEM file of our own certificate")
        ->envname("LOADLINE_TLS_CERT");
    app.add_option("--tls-key", flags.tls_key, "PEM file of its private key")
        ->envname("LOADLINE_TLS_KEY");
    app.add_flag("--insecure", flags.insecure, "do not check the server's certificate");
    app.add_flag("--no-tls-resume", flags.no_tls_resume, "a full TLS handshake every time");
    app.add_option("--max-users", flags.max_users, "most virtual users (default 10k)")
        ->envname("LOADLINE_MAX_USERS");
    app.add_option("--max-rate", flags.max_rate, "never send more journeys per second than this")
        ->envname("LOADLINE_MAX_RATE");
    app.add_option("--data-dir", flags.data_dir, "where relative CSV files are looked for first")
        ->envname("LOADLINE_DATA_DIR");
    app.add_option("--allow-host", flags.allow_hosts,
                   "allow a target outside loopback and private ranges (repeatable)")
        ->allow_extra_args(false)
        ->type_name("NAME");
}

void add_shared_flags(CLI::App& app, SharedFlags& flags) {
    add_load_flags(app, flags);
    app.add_option("--watch-port", flags.watch_port,
                   "watch the sockets of this listening port (default: the target's, when it is on "
                   "this machine)")
        ->check(CLI::Range(1, 65535))
        ->envname("LOADLINE_WATCH_PORT");
    app.add_option("--watch-pid", flags.watch_pid,
                   "the process behind the port (a number, or auto)")
        ->envname("LOADLINE_WATCH_PID");
    app.add_option(
           "--watch-container-pid", flags.watch_container_pid,
           "watch the sockets in the network namespace of this process: a container's first "
           "one (needs CAP_SYS_ADMIN and CAP_SYS_PTRACE; without them it reads "
           "/proc/PID/net)")
        ->envname("LOADLINE_WATCH_CONTAINER_PID")
        ->type_name("PID");
    app.add_option("--watch-from", flags.watch_from,
                   "redis://host[:port][/db] to which loadline watch --redis writes beside the "
                   "server: judge its samples instead of watching from here; or http://host:9100 "
                   "of the node_exporter of the server's machine: judge its counts, if there is "
                   "nothing better")
        ->envname("LOADLINE_WATCH_FROM")
        ->type_name("URL");
    app.add_option("--run", flags.run_id,
                   "with --watch-from: the ID that loadline watch was given as --run")
        ->envname("LOADLINE_RUN")
        ->type_name("ID");
    app.add_option("--watch-redis", flags.watch_redis,
                   "redis://... that the service uses: ask it what it is doing (default: the "
                   "scenario's redis:// target)")
        ->envname("LOADLINE_WATCH_REDIS")
        ->type_name("URL");
    app.add_option(
           "--socket-tau", flags.socket_tau,
           "a CLOSE_WAIT socket older than this is stale (default: max(5s, 2 x slowest response))")
        ->envname("LOADLINE_SOCKET_TAU");
    app.add_flag("--strict-sockets", flags.strict_sockets,
                 "sockets that build up (BUILD_UP, SUSPECT) are a FAIL, not a warning");
    app.add_flag("--no-watch", flags.no_watch,
                 "do not watch the target: its sockets, its process, its Redis");
    app.add_option("--out", flags.out,
                   "this run's folder, exactly (default reports/<scenario>/<UTC time>)")
        ->envname("LOADLINE_OUT");
    app.add_flag("--quiet", flags.quiet, "no progress on stderr");
    app.add_flag("--json", flags.json, "summary.json on stdout instead of text");
}

Result<std::optional<int>> read_pid(const char* flag, const std::string& text, bool auto_allowed) {
    if (text.empty() || (auto_allowed && text == "auto")) return std::optional<int>{};
    int pid = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, ec] = std::from_chars(text.data(), end, pid);
    if (ec != std::errc{} || rest != end || pid <= 0) {
        return usage_error(fmt::format("{}: \"{}\" is not a process id{}", flag, text,
                                       auto_allowed ? " or auto" : ""));
    }
    if (!process_exists(pid)) {
        return usage_error(fmt::format("{}: no process {} is visible here", flag, pid));
    }
    return std::optional<int>{pid};
}

Result<TrialOptions> to_trial_options(const SharedFlags& flags) {
    TrialOptions options;
    options.threads = std::max(1U, read_machine().cores);
    const auto threads = count_of("--threads", flags.threads == "auto" ? "" : flags.threads);
    const auto connections = count_of("--connections", flags.connections);
    const auto users = count_of("--max-users", flags.max_users);
    const auto pipeline = count_of("--pipeline", flags.pipeline);
    for (const auto* read : {&threads, &connections, &users, &pipeline}) {
        if (!*read) return read->error();
    }
    if (*threads) {
        if (**threads > 1024) return usage_error("--threads: more than 1024 threads help nobody");
        options.threads = static_cast<unsigned>(**threads);
    }
    if (*connections) {
        options.connections = **connections;
        options.connections_capped = true;
        if (options.connections < options.threads) {
            options.threads =
                static_cast<unsigned>(options.connections);  // each thread owns its connections
        }
    }
    if (*users) options.max_users = **users;
    if (*pipeline) {
        if (**pipeline > 10'000) return usage_error("--pipeline: more than 10k help nobody");
        options.pipeline = **pipeline;
    }
    options.sources = flags.sources;
    if (!flags.seed.empty()) {
        const auto* end = flags.seed.data() + flags.seed.size();
        const auto [rest, ec] = std::from_chars(flags.seed.data(), end, options.seed);
        if (ec != std::errc{} || rest != end) {
            return usage_error(fmt::format("--seed: \"{}\" is not a whole number", flags.seed));
        }
    }
    if (flags.watch_port != 0) options.watch_port = static_cast<std::uint16_t>(flags.watch_port);
    const auto pid = read_pid("--watch-pid", flags.watch_pid, true);
    if (!pid) return pid.error();
    options.watch_pid = *pid;
    const auto container = read_pid("--watch-container-pid", flags.watch_container_pid, false);
    if (!container) return container.error();
    options.watch_container_pid = *container;
    if (!flags.socket_tau.empty()) {
        const auto tau = parse_duration(flags.socket_tau);
        if (!tau) return in_flag("--socket-tau", tau.error());
        if (*tau <= Duration{}) return usage_error("--socket-tau: must be above zero");
        options.socket_tau = *tau;
    }
    options.strict_sockets = flags.strict_sockets;
    options.watch = !flags.no_watch;
    if (options.strict_sockets && !options.watch) {
        return usage_error("--strict-sockets and --no-watch exclude each other");
    }
    if (options.watch_container_pid && !options.watch) {
        return usage_error("--watch-container-pid and --no-watch exclude each other");
    }
    if (const auto read = read_watch_from(flags, options); !read) return read.error();
    if (!flags.watch_redis.empty()) {
        auto url = parse_url(flags.watch_redis);
        if (!url) return in_flag("--watch-redis", url.error());
        if (url->scheme != "redis") {
            return usage_error("--watch-redis: only redis:// can be asked");
        }
        if (!options.watch) return usage_error("--watch-redis and --no-watch exclude each other");
        options.watch_redis = std::move(*url);
    }
    return options;
}

Result<Overrides> to_overrides(const SharedFlags& flags) {
    Overrides overrides;
    for (const auto& target : flags.targets) {
        const auto equals = target.find('=');
        if (equals == std::string::npos || equals == 0) {
            return usage_error(
                fmt::format("--target: \"{}\" is not like service=http://127.0.0.1:8080", target));
        }
        overrides.targets.emplace_back(target.substr(0, equals), target.substr(equals + 1));
    }
    overrides.slos = flags.slos;
    if (flags.arrivals == "poisson") {
        overrides.arrivals = Arrivals::poisson;
    } else if (flags.arrivals == "paced") {
        overrides.arrivals = Arrivals::paced;
    } else if (!flags.arrivals.empty()) {
        return usage_error(
            fmt::format("--arrivals: \"{}\" is not poisson or paced", flags.arrivals));
    }
    if (!flags.data_dir.empty()) overrides.data_dir = flags.data_dir;
    auto& transport = overrides.transport;
    const struct {
        const char* flag;
        const std::string& text;
        std::optional<Duration>& into;
        bool zero_allowed = false;
    } limits[] = {{"--timeout", flags.timeout, transport.timeout},
                  {"--connect-timeout", flags.connect_timeout, transport.connect_timeout},
                  {"--dns-ttl", flags.dns_ttl, transport.dns_ttl, true}};
    for (const auto& [flag, text, into, zero_allowed] : limits) {
        if (text.empty()) continue;
        const auto d = parse_duration(text);
        if (!d) return in_flag(flag, d.error());
        if (*d <= Duration{} && !zero_allowed)
            return usage_error(fmt::format("{}: must be above zero", flag));
        into = *d;
    }
    transport.tls_ca = flags.tls_ca;
    transport.tls_cert = flags.tls_cert;
    transport.tls_key = flags.tls_key;
    transport.insecure = flags.insecure;
    transport.no_tls_resume = flags.no_tls_resume;
    return overrides;
}

int fail(const Error& error) {
    std::fflush(stdout);
    fmt::print(stderr, "error: {}\n", error.message);
    switch (error.kind) {
        case ErrorKind::usage:
            return 2;
        case ErrorKind::unreachable:
            return 3;
        case ErrorKind::output:
        case ErrorKind::internal:
            return 70;
    }
    return 70;
}

}  // namespace loadline

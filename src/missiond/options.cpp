#include "missiond/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "base/procfs.hpp"

namespace loadline::missiond {
namespace {

/// The flags as text, before they are judged.
struct RawOptions {
    std::string listen = "127.0.0.1:8080", store = "memory", users, sessions = "jwt";
    std::string token_life = "1h";
    std::vector<std::string> faults;
    std::optional<unsigned> threads;
};

constexpr const char* footer =
    "Access tokens are signed with a random secret unless one is given: after a restart\n"
    "without --jwt-secret they are refused (401), and clients refresh or log in again.\n"
    "With --store redis://... a restart loses nothing that was acknowledged, as far as\n"
    "that Redis keeps it (appendonly yes).";

void define(CLI::App& app, RawOptions& raw, Options& options) {
    app.footer(footer);
    app.add_option("--listen", raw.listen,
                   "Where to serve HTTP; port 0 takes a free one and prints it")
        ->type_name("HOST:PORT")
        ->capture_default_str();
    app.add_option("--threads", raw.threads, "I/O threads (default: the cores we may use)")
        ->type_name("N");
    app.add_option("--store", raw.store, "memory, or redis://[:PASSWORD@]HOST[:PORT][/DB]")
        ->type_name("STORE")
        ->capture_default_str();
    app.add_option("--users", raw.users,
                   "Another Redis for users and sessions; cash and missions stay in --store")
        ->type_name("redis://...");
    app.add_option("--sessions", raw.sessions,
                   "jwt: a token is good until it expires; strict: each request asks the store")
        ->type_name("jwt|strict")
        ->capture_default_str();
    app.add_option("--admin-token", options.admin_token,
                   "Bearer token of the admin; without it the admin's endpoints answer 403")
        ->type_name("TOKEN")
        ->envname("MISSIOND_ADMIN_TOKEN");
    app.add_option("--jwt-secret", options.jwt_secret, "Signs the access tokens")
        ->type_name("SECRET")
        ->envname("MISSIOND_JWT_SECRET");
    app.add_option("--token-life", raw.token_life, "Life of an access token")
        ->type_name("DURATION")
        ->capture_default_str();
    options.kdf_rounds = 100'000;
    app.add_option("--kdf-rounds", options.kdf_rounds,
                   "PBKDF2 rounds per password; 100000 take about 23 ms, the demo uses 1000")
        ->type_name("N")
        ->capture_default_str()
        ->check(CLI::Range(1u, 10'000'000u));
    app.add_option(
           "--fault", raw.faults,
           "capacity=400/s: serves exactly that many requests a second, in turn;\n"
           "leak-close-wait=2%: never closes that share of connections after the client's FIN;\n"
           "queue=1024: answers 503 beyond that many requests in the capacity's queue;\n"
           "backlog=5: serves 16 connections at a time before an accept queue of 5;\n"
           "nofile=512: may open that many files")
        ->type_name("FAULT")
        ->allow_extra_args(false);
    app.add_option(
           "--seed-demo", options.seed_demo,
           "Make 1000 viewers, 1000 newcomers, 50 streamers (10^12 cash each) and missions "
           "1..1000 in an empty store; write viewers.csv, newcomers.csv, streamers.csv here")
        ->type_name("DIR");
}

Result<void> read_listen(const std::string& text, Options& options) {
    const auto colon = text.rfind(':');
    const auto host = text.substr(0, std::min(colon, text.size()));
    const auto port = colon == std::string::npos ? std::string{} : text.substr(colon + 1);
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), options.port);
    if (host.empty() || ec != std::errc{} || end != port.data() + port.size()) {
        return usage_error(fmt::format("--listen {}: it is not like 127.0.0.1:8080", text));
    }
    options.host =
        host.front() == '[' && host.back() == ']' ? host.substr(1, host.size() - 2) : host;
    return {};
}

Result<Url> read_redis(std::string_view flag, const std::string& text) {
    auto url = parse_url(text);
    if (!url) return usage_error(fmt::format("{}: {}", flag, url.error().message));
    if (url->scheme != "redis") {
        return usage_error(fmt::format("{} {}: this version serves only redis://", flag, text));
    }
    const auto db = std::string_view{url->path}.substr(std::min<std::size_t>(1, url->path.size()));
    if (!std::all_of(db.begin(), db.end(), [](char c) { return c >= '0' && c <= '9'; }) ||
        db.size() > 4) {
        return usage_error(fmt::format("{} {}: the path must be a database number", flag, text));
    }
    return url;
}

Result<void> judge(const RawOptions& raw, Options& options) {
    if (auto done = read_listen(raw.listen, options); !done) return done;
    options.threads = raw.threads.value_or(std::max(1u, read_machine().cores));
    if (options.threads < 1 || options.threads > 256) {
        return usage_error("--threads: between 1 and 256");
    }
    if (raw.store != "memory") {
        if (!raw.store.starts_with("redis")) {
            return usage_error(
                fmt::format("--store {}: there are memory and redis://...", raw.store));
        }
        auto url = read_redis("--store", raw.store);
        if (!url) return url.error();
        options.store = std::move(*url);
    }
    if (!raw.users.empty()) {
        if (!options.store) return usage_error("--users needs --store redis://...");
        auto url = read_redis("--users", raw.users);
        if (!url) return url.error();
        options.users = std::move(*url);
    }
    if (raw.sessions != "jwt" && raw.sessions != "strict") {
        return usage_error(fmt::format("--sessions {}: there are jwt and strict", raw.sessions));
    }
    options.strict_sessions = raw.sessions == "strict";
    const auto life = parse_duration(raw.token_life);
    if (!life) return usage_error("--token-life: " + life.error().message);
    if (*life < seconds(1)) return usage_error("--token-life: at least 1s");
    options.token_life = *life;
    auto faults = parse_faults(raw.faults);
    if (!faults) return faults.error();
    options.faults = *faults;
    return {};
}

}  // namespace

Result<std::variant<Options, JustPrint>> parse_options(int argc, const char* const* argv) {
    using Parsed = std::variant<Options, JustPrint>;
    CLI::App app{"missiond: a mission-betting service of known behaviour, for loadline to measure",
                 "missiond"};
    RawOptions raw;
    Options options;
    define(app, raw, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return Parsed{JustPrint{app.help()}};
    } catch (const CLI::ParseError& e) {
        return usage_error(e.what());
    }
    if (auto done = judge(raw, options); !done) return done.error();
    return Parsed{std::move(options)};
}

}  // namespace loadline::missiond

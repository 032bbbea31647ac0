#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <string_view>

#include "base/stop.hpp"
#include "base/units.hpp"
#include "base/url.hpp"
#include "cli/command_compare.hpp"
#include "cli/command_watch.hpp"
#include "cli/options.hpp"
#include "cli/version.hpp"

namespace loadline {
namespace {

constexpr std::array<std::string_view, 7> commands{"run",      "search", "compare", "watch",
                                                   "validate", "demo",   "selftest"};
/// Commands of later versions: refused by name, so that nobody thinks they worked.
constexpr std::array<std::string_view, 3> later_commands{"replay", "report", "agent"};

/// Finds what this version does not serve, with a message that says so.
std::optional<Error> refused_by_name(int argc, char** argv) {
    const std::string_view command = argc > 1 ? argv[1] : "";
    if (std::find(later_commands.begin(), later_commands.end(), command) != later_commands.end()) {
        return usage_error(
            fmt::format("\"loadline {}\" is not served by version {}\n   hint: it serves {}",
                        command, version, fmt::join(commands, ", ")));
    }
    return {};
}

/// Runs CLI11 over the arguments; its own errors become exit code 2 with a hint.
template <class Run>
int parse_and(CLI::App& app, int argc, char** argv, Run run) {
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& done) {  // --help, --version
        return app.exit(done);
    } catch (const CLI::ParseError& e) {
        return fail(usage_error(fmt::format(
            "{}\n   hint: see loadline {}--help", e.what(),
            argc > 1 && argv[1][0] != '-' && !looks_like_url(argv[1]) ? std::string{argv[1]} + " "
                                                                      : "")));
    }
    return run();
}

int one_liner(int argc, char** argv) {
    CLI::App app{"loadline URL: one request, wrk's letters"};
    OneLinerFlags flags;
    flags.shared.arguments.assign(argv + 1, argv + argc);
    add_shared_flags(app, flags.shared);
    app.add_option("url", flags.url,
                   "http[s]://host[:port]/path or unix:/socket[:/path]; ${counter}, ${uuid} and "
                   "${random(a, b)} work in it. Or redis[s]://host, with a command behind --")
        ->required();
    app.add_option("command", flags.command, "Redis: the words of the command");
    app.add_option("-R,--rate", flags.rate,
                   "requests per second, paced (open loop); without it: closed loop");
    app.add_option("-d,--duration", flags.duration, "how long to measure")->capture_default_str();
    app.add_option("--warmup", flags.warmup, "load that is not measured, first");
    app.add_option("-H,--header", flags.headers, "'Name: value' (repeatable)")
        ->allow_extra_args(false);
    app.add_option("-X,--method", flags.method, "GET, POST, ...")->capture_default_str();
    app.add_option("--body", flags.body, "the request's body");
    return parse_and(app, argc, argv, [&] { return one_liner_command(flags); });
}

int subcommands(int argc, char** argv) {
    CLI::App app{"loadline: how many transactions per second does a service carry within its SLO?"};
    app.set_version_flag("--version", std::string{"loadline "} + version);
    app.require_subcommand(1);
    app.footer(
        "One request: loadline http://host/path -t2 -c64 -d30s [-R1000]\n"
        "One command: loadline redis://host -c50 [-P16] -- GET 'key:${counter}'\n"
        "Exit codes: 0 PASS, 1 FAIL, 2 usage, 3 unreachable, 4 INVALID, 70 internal, 130/143 "
        "interrupted");
    int exit = 70;

    RunFlags run;
    run.shared.arguments.assign(argv + 1, argv + argc);
    auto* run_app = app.add_subcommand("run", "run a scenario at its rate and judge it");
    run_app->add_option("scenario", run.scenario, "the scenario file")->required();
    add_shared_flags(*run_app, run.shared);
    run_app->add_option("-R,--rate", run.rate, "journeys per second: 500/s, 30/m")
        ->envname("LOADLINE_RATE");
    run_app->add_option("-d,--duration", run.duration, "the measured part: 30s, 1m30s")
        ->envname("LOADLINE_DURATION");
    run_app->add_option("--warmup", run.warmup, "load that is not measured, first")
        ->envname("LOADLINE_WARMUP");
    run_app->callback([&] { exit = run_command(run); });

    SearchFlags search;
    search.shared.arguments.assign(argv + 1, argv + argc);
    auto* search_app =
        app.add_subcommand("search", "find the largest rate that keeps the SLO, and hold it");
    search_app->add_option("scenario", search.scenario, "the scenario file")->required();
    add_shared_flags(*search_app, search.shared);
    search_app
        ->add_option("--budget", search.budget,
                     "time for the search itself: quick (1m), 3m, thorough (10m) or any other")
        ->capture_default_str()
        ->envname("LOADLINE_BUDGET");
    search_app
        ->add_option("--hold", search.hold,
                     "how long the found rate is held to confirm it, or none")
        ->capture_default_str()
        ->envname("LOADLINE_HOLD");
    search_app
        ->add_option("--start-rate", search.start_rate,
                     "first rate (default: a tenth of the scenario's, else 50/s)")
        ->envname("LOADLINE_START_RATE");
    search_app
        ->add_option("--current", search.current,
                     "today's rate of journeys: the result says how much headroom is left")
        ->envname("LOADLINE_CURRENT");
    search_app
        ->add_option("--pods", search.pods, "how many pods serve: the result says the TPS of one")
        ->envname("LOADLINE_PODS");
    search_app->add_option("--resume", search.resume,
                           "folder of an earlier search of the same SLO: go on from its probes");
    search_app->callback([&] { exit = search_command(search); });

    std::function<int()> compare;
    auto* compare_app = add_compare_command(app, {argv + 1, argv + argc}, compare);
    compare_app->callback([&] { exit = compare(); });

    std::vector<std::string> scenarios;
    std::string data_dir;
    auto* validate_app = app.add_subcommand("validate", "check scenario files; send nothing");
    validate_app->add_option("scenario", scenarios, "scenario files")->required();
    validate_app
        ->add_option("--data-dir", data_dir, "where relative CSV files are looked for first")
        ->envname("LOADLINE_DATA_DIR");
    validate_app->callback([&] { exit = validate_command(scenarios, data_dir); });

    DemoFlags demo;
    auto* demo_app = app.add_subcommand(
        "demo", "find the load line of a private missiond whose capacity is known");
    demo_app->add_flag("--close-wait", demo.close_wait, "find a socket leak instead");
    demo_app->add_flag("--quiet", demo.quiet, "no progress on stderr");
    demo_app->add_option("--out", demo.out, "the report's folder");
    demo_app->callback([&] { exit = demo_command(demo); });

    SelftestFlags selftest;
    auto* selftest_app = app.add_subcommand(
        "selftest", "how much load this machine makes, and how right the percentiles are");
    selftest_app
        ->add_option("-t,--threads", selftest.shared.threads, "worker threads (default: cores)")
        ->envname("LOADLINE_THREADS");
    selftest_app->add_flag("--quiet", selftest.shared.quiet, "no progress on stderr");
    selftest_app->add_flag("--json", selftest.shared.json, "the result as JSON on stdout");
    selftest_app->callback([&] { exit = selftest_command(selftest); });

    std::function<int()> watch;
    auto* watch_app = add_watch_command(app, watch);
    watch_app->callback([&] { exit = watch(); });

    return parse_and(app, argc, argv, [&] { return exit; });
}

int dispatch(int argc, char** argv) {
    catch_stop_signals();
    if (const auto refused = refused_by_name(argc, argv)) return fail(*refused);
    const std::string_view first = argc > 1 ? argv[1] : "";
    const bool command = std::find(commands.begin(), commands.end(), first) != commands.end();
    if (!command && std::any_of(argv + 1, argv + argc, looks_like_url))
        return one_liner(argc, argv);
    if (!command && !first.empty() && first[0] != '-') {
        const auto near = nearest_word(first, commands);
        return fail(usage_error(
            fmt::format("\"{}\" is not a command{}\n   hint: loadline {} ..., or a URL", first,
                        near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near),
                        fmt::join(commands, "|"))));
    }
    return subcommands(argc, argv);
}

}  // namespace
}  // namespace loadline

int main(int argc, char** argv) {
    try {
        return loadline::dispatch(argc, argv);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "internal error: %s\n", e.what());
        return 70;
    }
}

#include <fmt/format.h>

#include "cli/options.hpp"
#include "cli/preflight.hpp"
#include "cli/session.hpp"

namespace loadline {
namespace {

/// Plan, options and pre-flight are settled: run, report, exit code.
int run_and_report(const SharedFlags& shared, TrialOptions options,
                   std::shared_ptr<const Plan> plan, const ScenarioSource& source,
                   const AfterReport& after) {
    const auto profile = plan->load.profile();
    const double highest_rate = profile ? profile->highest().per_second() : 0;
    options.loopback_sources = spread_sources(*plan, options, highest_rate, read_machine());
    auto session = ReportSession::open(shared, options, plan, source, highest_rate);
    if (!session) return fail(session.error());
    auto result = run_trial(plan, options, session->observer());
    if (!result) {
        session->abandon();
        return fail(result.error());
    }
    const int exit = session->finish(*result);
    if (after) after(*result, *session);
    return exit;
}

template <class T>
Result<void> read_into(const char* flag, const std::string& text, std::optional<T>& into,
                       Result<T> (*parse)(std::string_view)) {
    if (text.empty()) return {};
    const auto value = parse(text);
    if (!value)
        return Error{value.error().kind, fmt::format("{}: {}", flag, value.error().message)};
    into = *value;
    return {};
}

}  // namespace

int run_and(const RunFlags& flags, const AfterReport& after) {
    const auto options = to_trial_options(flags.shared);
    if (!options) return fail(options.error());
    auto overrides = to_overrides(flags.shared);
    if (!overrides) return fail(overrides.error());
    for (const auto& read :
         {read_into("--rate", flags.rate, overrides->rate, parse_rate),
          read_into("--duration", flags.duration, overrides->duration, parse_duration),
          read_into("--warmup", flags.warmup, overrides->warmup, parse_duration)}) {
        if (!read) return fail(read.error());
    }
    const auto loaded = load_plan(flags.scenario, *overrides);
    if (!loaded) return 2;  // its diagnostics are printed
    if (!loaded->plan->load.says_load()) {
        return fail(usage_error(fmt::format(
            "{} says no load\n   hint: add \"load\": {{\"rate\": \"100/s\"}}, or give --rate",
            flags.scenario)));
    }
    return run_and_report(flags.shared, *options, loaded->plan, loaded->source, after);
}

int one_liner_command(const OneLinerFlags& flags) {
    auto options = to_trial_options(flags.shared);
    if (!options) return fail(options.error());
    const auto url = parse_url(flags.url);
    if (!url) return fail(url.error());
    const auto overrides = to_overrides(flags.shared);
    if (!overrides) return fail(overrides.error());
    if (!overrides->targets.empty()) {
        return fail(
            usage_error("--target belongs to a scenario; the one-liner's target is its URL"));
    }
    if (options->pipeline > 1 && !url->is_redis()) {
        return fail(usage_error("--pipeline is for redis:// URLs: HTTP clients do not pipeline"));
    }
    if (!options->connections_capped) {
        options->connections = 10;  // as wrk
        options->connections_capped = true;
    }
    options->threads = std::min(
        options->threads, static_cast<unsigned>(std::min<std::size_t>(options->connections, 1024)));

    std::optional<Duration> duration, warmup;
    OneLiner line;
    line.url = *url;
    line.method = flags.method;
    line.headers = flags.headers;
    line.body = flags.body;
    line.command = flags.command;
    line.transport = overrides->transport;
    line.slos = overrides->slos;
    for (const auto& read : {read_into("--duration", flags.duration, duration, parse_duration),
                             read_into("--warmup", flags.warmup, warmup, parse_duration),
                             read_into("--rate", flags.rate, line.load.rate, parse_rate)}) {
        if (!read) return fail(read.error());
    }
    line.load.duration = *duration;
    line.load.warmup = warmup.value_or(Duration{});
    line.load.arrivals = overrides->arrivals.value_or(Arrivals::paced);  // as wrk2
    // A closed loop, as wrk: each connection is busy all the time, to its depth.
    if (!line.load.rate) line.load.users = options->connections * options->pipeline;

    auto plan = plan_for_url(line);
    if (!plan) return fail(plan.error());
    return run_and_report(flags.shared, *options, *plan, {(*plan)->name, {}, {}}, {});
}

int validate_command(const std::vector<std::string>& scenarios, const std::string& data_dir) {
    int exit = 0;
    Overrides overrides;
    overrides.data_dir = data_dir;
    for (const auto& file : scenarios) {
        const auto loaded = load_plan(file, overrides);
        if (!loaded) {
            exit = 2;
            continue;
        }
        const auto& plan = *loaded->plan;
        fmt::print("{}: valid: {} journeys, {} steps, {} SLO clauses\n", file, plan.journeys.size(),
                   plan.steps.size(), plan.slos.size());
        if (const auto doubt = plan.churn.doubt(plan.load.length()); !doubt.empty()) {
            fmt::print("{}: note: {}\n", file, doubt);
        }
    }
    return exit;
}

}  // namespace loadline

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/log.hpp"
#include "base/units.hpp"
#include "cli/options.hpp"
#include "cli/preflight.hpp"
#include "cli/session.hpp"
#include "result/read_probes.hpp"
#include "trial/search_trials.hpp"

namespace loadline {
namespace {

constexpr int hold_promise_times = 20;
/// Probes shorter than 1.5 promise times see too few bad clusters. Where the whole budget is no
/// more than that, nothing can be found; below 6 of them little is left for long probes.
constexpr double budget_least = 1.5;
constexpr int budget_good = 6;

Result<Rate> rate_of(const char* flag, const std::string& text) {
    const auto rate = parse_rate(text);
    if (!rate) return usage_error(fmt::format("{}: {}", flag, rate.error().message));
    if (rate->per_second() <= 0) return usage_error(fmt::format("{}: must be above zero", flag));
    return *rate;
}

Result<Duration> budget_of(const std::string& text) {
    if (text == "quick") return Duration{std::chrono::seconds{60}};
    if (text == "thorough") return Duration{std::chrono::seconds{600}};
    const auto budget = parse_duration(text);
    if (!budget) return usage_error("--budget: " + budget.error().message + ", quick or thorough");
    if (*budget < std::chrono::seconds{5})
        return usage_error("--budget: less than 5s finds nothing");
    return *budget;
}

/// Refuses clauses of which one says nothing beside the other: one of them is not meant so.
Result<void> consistent(const Plan& plan) {
    for (const auto& strict : plan.slos) {
        for (const auto& mild : plan.slos) {
            const bool same = strict.metric == SloClause::Metric::percentile &&
                              mild.metric == SloClause::Metric::percentile &&
                              strict.scope == mild.scope && strict.index == mild.index &&
                              !strict.over_every && !mild.over_every;
            if (!same || strict.quantile <= mild.quantile || strict.limit >= mild.limit) continue;
            return usage_error(fmt::format(
                "the SLO clauses \"{}\" and \"{}\" do not go together: the higher percentile "
                "has the lower limit\n   hint: leave \"{}\" out, or mend its limit",
                mild.text, strict.text, mild.text));
        }
        const auto times =
            std::count_if(plan.slos.begin(), plan.slos.end(), [&](const auto& other) {
                return other.metric == strict.metric && other.scope == strict.scope &&
                       other.index == strict.index && other.quantile == strict.quantile &&
                       other.over_every == strict.over_every;
            });
        if (times > 1) {
            return usage_error(
                fmt::format("the SLO limits the same figure twice, by \"{}\" and another clause\n"
                            "   hint: keep the one that is meant",
                            strict.text));
        }
    }
    return {};
}

Result<SearchOptions> to_search_options(const SearchFlags& flags, const Plan& plan) {
    SearchOptions options;
    if (const auto checked = consistent(plan); !checked) return checked.error();
    const auto budget = budget_of(flags.budget);
    if (!budget) return budget.error();
    options.budget = *budget;
    options.hold.reset();
    if (flags.hold != "none") {
        const auto hold = parse_duration(flags.hold);
        if (!hold) return usage_error("--hold: " + hold.error().message + ", or none");
        if (*hold <= Duration{}) return usage_error("--hold: must be above zero, or none");
        options.hold = *hold;
    }
    const auto profile = plan.load.profile();  // of stages the highest rate counts
    options.start_rate =
        Rate::per_second(profile ? std::max(1.0, profile->highest().per_second() / 10) : 50);
    if (!flags.start_rate.empty()) {
        const auto rate = rate_of("--start-rate", flags.start_rate);
        if (!rate) return rate.error();
        options.start_rate = *rate;
    }
    if (!flags.shared.max_rate.empty()) {
        const auto rate = rate_of("--max-rate", flags.shared.max_rate);
        if (!rate) return rate.error();
        options.max_rate = *rate;
    }
    if (!flags.current.empty()) {
        const auto rate = rate_of("--current", flags.current);
        if (!rate) return rate.error();
        options.current = *rate;
    }
    if (!flags.pods.empty()) {
        const auto pods = parse_count(flags.pods);
        if (!pods) return usage_error("--pods: " + pods.error().message);
        if (*pods == 0) return usage_error("--pods: must be at least 1");
        options.pods = *pods;
    }
    options.clauses = search_clauses(plan);
    if (std::all_of(options.clauses.begin(), options.clauses.end(),
                    [](const auto& clause) { return clause.only_in_holds; })) {
        return usage_error(
            "every SLO clause goes over windows, and these are judged in the holds only\n"
            "   hint: add one over the whole probe, such as \"p99 < 100ms\"");
    }
    const auto promise = promise_time(options.clauses);
    if (to_seconds(options.budget) < budget_least * to_seconds(promise)) {
        return usage_error(fmt::format(
            "--budget: {} is too short for this SLO, whose limit / allowed share is {}\n"
            "   hint: give the search {} or more, or promise a lower percentile",
            format_duration_exact(options.budget), format_duration(promise),
            format_duration_exact(budget_good * promise)));
    }
    return options;
}

/// A start above what this machine can send would only find the generator's own limit.
Result<void> generator_can(const SearchOptions& options) {
    const auto selftest = kept_selftest(read_machine());
    const double start = options.start_rate.per_second();
    if (!selftest || selftest->ceiling_per_s <= 0 || start <= selftest->ceiling_per_s) return {};
    return usage_error(fmt::format(
        "--start-rate: {} is above what loadline can send from this machine, {}/s (selftest of "
        "{})\n"
        "   hint: begin lower, or run loadline selftest again",
        format_rate(options.start_rate), format_number(selftest->ceiling_per_s), selftest->at));
}

Result<std::vector<ProbeResult>> earlier_probes(const std::string& folder, const Plan& plan) {
    const auto path = std::filesystem::path{folder} / "summary.json";
    std::ifstream in{path, std::ios::binary};
    const auto summary = nlohmann::ordered_json::parse(in, nullptr, false);
    if (!in.is_open() || summary.is_discarded()) {
        return usage_error(fmt::format("--resume: {} is no summary of a search", path.string()));
    }
    std::vector<std::string> clauses;
    for (const auto& slo : plan.slos) clauses.push_back(slo.text);
    auto probes = read_probes(summary, clauses);
    if (!probes) return usage_error("--resume: " + probes.error().message);
    return probes;
}

void warn_of_short_times(const SearchOptions& options) {
    const auto promise = promise_time(options.clauses);
    if (options.budget < budget_good * promise) {
        log_warn(fmt::format("the budget of {} is short for this SLO: {} finds more",
                             format_duration_exact(options.budget),
                             format_duration_exact(budget_good * promise)));
    }
    const auto needed = hold_promise_times * promise;
    if (!options.hold || *options.hold >= needed) return;
    log_warn(fmt::format("the hold of {} may pass by luck: for this SLO it takes {}",
                         format_duration_exact(*options.hold), format_duration_exact(needed)));
}

}  // namespace

int search_and(const SearchFlags& flags, const AfterReport& after) {
    auto options = to_trial_options(flags.shared);
    if (!options) return fail(options.error());
    const auto overrides = to_overrides(flags.shared);
    if (!overrides) return fail(overrides.error());
    const auto loaded = load_plan(flags.scenario, *overrides);
    if (!loaded) return 2;  // its diagnostics are printed
    if (loaded->plan->load.users) {
        return fail(
            usage_error("search needs an open load: \"users\" is a closed model, whose rate "
                        "follows the service\n"
                        "   hint: replace \"users\" by \"rate\" in the scenario's \"load\""));
    }
    const auto search = to_search_options(flags, *loaded->plan);
    if (!search) return fail(search.error());
    if (const auto can = generator_can(*search); !can) return fail(can.error());
    std::vector<ProbeResult> earlier;
    if (!flags.resume.empty()) {
        auto probes = earlier_probes(flags.resume, *loaded->plan);
        if (!probes) return fail(probes.error());
        earlier = std::move(*probes);
    }

    options->loopback_sources = spread_sources(*loaded->plan, *options, 0, read_machine());
    auto session = ReportSession::open(flags.shared, *options, loaded->plan, loaded->source,
                                       search->start_rate.per_second());
    if (!session) return fail(session.error());
    warn_of_short_times(*search);
    auto result =
        run_search(loaded->plan, *options, *search, session->observer(), std::move(earlier));
    if (!result) {
        session->abandon();
        return fail(result.error());
    }
    const int exit = session->finish(*result);
    if (after) after(*result, *session);
    return exit;
}

}  // namespace loadline

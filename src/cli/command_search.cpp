#include <fmt/format.h>

#include <algorithm>

#include "cli/options.hpp"
#include "cli/session.hpp"
#include "stats/quantile.hpp"
#include "trial/search_trials.hpp"

namespace loadline {
namespace {

Result<SearchOptions> to_search_options(const SearchFlags& flags, const Plan& plan) {
    SearchOptions options;
    const auto budget = flags.budget == "quick"      ? Result<Duration>{std::chrono::seconds{60}}
                        : flags.budget == "thorough" ? Result<Duration>{std::chrono::seconds{600}}
                                                     : parse_duration(flags.budget);
    if (!budget) return usage_error("--budget: " + budget.error().message + ", quick or thorough");
    if (*budget < std::chrono::seconds{5})
        return usage_error("--budget: less than 5s finds nothing");
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
        const auto rate = parse_rate(flags.start_rate);
        if (!rate) return usage_error("--start-rate: " + rate.error().message);
        if (rate->per_second() <= 0) return usage_error("--start-rate: must be above zero");
        options.start_rate = *rate;
    }
    if (!flags.shared.max_rate.empty()) {
        const auto rate = parse_rate(flags.shared.max_rate);
        if (!rate) return usage_error("--max-rate: " + rate.error().message);
        options.max_rate = *rate;
    }
    options.smallest_latency_limit = smallest_latency_limit(plan);
    for (const auto& clause : plan.slos) {
        if (clause.metric == SloClause::Metric::percentile) {
            options.fewest_samples =
                std::max(options.fewest_samples, samples_needed(clause.quantile));
        }
    }
    return options;
}

}  // namespace

int search_and(const SearchFlags& flags, const AfterReport& after) {
    const auto options = to_trial_options(flags.shared);
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

    auto session = ReportSession::open(flags.shared, *options, loaded->plan, loaded->source,
                                       search->start_rate.per_second());
    if (!session) return fail(session.error());
    auto result = run_search(loaded->plan, *options, *search, session->observer());
    if (!result) {
        session->abandon();
        return fail(result.error());
    }
    const int exit = session->finish(*result);
    if (after) after(*result, *session);
    return exit;
}

}  // namespace loadline

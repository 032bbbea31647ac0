#include <gtest/gtest.h>

#include "search_table.hpp"

/// All services, budgets and holds: the table that docs/search.md shows. Takes some ten minutes.
namespace loadline {
namespace {

constexpr std::uint64_t seeds = 60;

bool is_steady(const std::string& name) {
    return name != "pauses" && name != "noisy" && name != "cold" && name != "slow";
}

TEST(SearchTable, EveryServiceAndBudget) {
    const struct {
        double budget_s, median, p95;
    } rows[] = {{60, 5, 25}, {180, 2, 7}, {600, 1.2, 4.5}};
    print_head();
    for (const auto& [budget_s, median, p95] : rows) {
        SearchFigures steady, everything;
        for (const auto& model : known_services()) {
            const auto figures = search_many(model, budget_s, {}, seeds);
            print_row(model.name, budget_s, figures);
            everything.add(figures);
            if (is_steady(model.name)) steady.add(figures);
        }
        print_row("steady", budget_s, steady);
        print_row("all", budget_s, everything);
        EXPECT_LE(steady.median_off(), median);
        EXPECT_LE(steady.p95_off(), p95);
        EXPECT_GE(steady.share(steady.covered), .85);
        EXPECT_LE(steady.share(steady.claim_fails), .30);
    }
}

TEST(SearchTable, WithAHoldOfTenMinutes) {
    std::printf("after 180 s and holds of 600 s: rate confirmed, by percent of the load line\n");
    SearchFigures steady;
    for (const auto& model : known_services()) {
        const auto figures = search_many(model, 180, 600, seeds / 2);
        const auto confirmed = std::max<double>(1, static_cast<double>(figures.confirmed));
        std::printf("%-11s confirmed %.2f, first hold passed %.2f, a repeat fails %.2f\n",
                    model.name.c_str(), figures.share(static_cast<double>(figures.confirmed)),
                    figures.share(static_cast<double>(figures.first_hold_passed)),
                    figures.confirmed_fails / confirmed);
        if (is_steady(model.name)) steady.add(figures);
    }
    EXPECT_GE(steady.share(static_cast<double>(steady.confirmed)), .95);
    EXPECT_LE(steady.confirmed_fails / static_cast<double>(steady.confirmed), .20);
}

/// The load lines of the data file, by holds of our own: most pass below, most fail above.
TEST(SearchTruth, HoldsPassBelowTheLoadLinesAndFailAbove) {
    for (const auto& model : known_services()) {
        if (!is_steady(model.name)) continue;
        int failed[2] = {0, 0};
        for (std::uint64_t seed = 1; seed <= 10; ++seed) {
            for (const int above : {0, 1}) {
                SimulatedService service{model, seed};
                TrialSpec spec{ProbeResult::Kind::hold,
                               Rate::per_second(model.load_line * (above ? 1.025 : .975)),
                               std::chrono::seconds{5},
                               std::chrono::minutes{10},
                               {}};
                const double n = spec.rate.per_second() * 600;
                spec.expected = {n, n};
                failed[above] += service.run(spec, two_clauses()).word == VerdictWord::fail;
            }
        }
        EXPECT_LE(failed[0], 3) << model.name;
        EXPECT_GE(failed[1], 7) << model.name;
    }
}

}  // namespace
}  // namespace loadline

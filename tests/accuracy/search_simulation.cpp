#include <gtest/gtest.h>

#include "search_table.hpp"

/// The capacity search against services whose load lines are known, in virtual time: a busy machine
/// cannot disturb it. tests/slow has the whole table.
namespace loadline {
namespace {

/// Six services that do not change over time; the bounds are on all of them together.
const char* const steady[] = {"M/M/1", "M/M/8", "M/G/16", "M/D/4", "bounded", "metastable"};

SearchFigures over_steady_services(double budget_s, std::uint64_t seeds) {
    const auto all = known_services();
    SearchFigures pooled;
    print_head();
    for (const auto* name : steady) {
        const auto figures = search_many(known_service(all, name), budget_s, {}, seeds);
        print_row(name, budget_s, figures);
        pooled.add(figures);
    }
    print_row("all six", budget_s, pooled);
    return pooled;
}

TEST(SearchInVirtualTime, FindsTheLoadLineIn180Seconds) {
    const auto all = over_steady_services(180, 30);
    EXPECT_LE(all.median_off(), 2);
    EXPECT_LE(all.p95_off(), 7);
    EXPECT_GE(all.share(all.covered), .85);
    EXPECT_LE(all.share(all.claim_fails), .30);
    EXPECT_LE(all.share_of_word("UNSTABLE"), .10);
}

TEST(SearchInVirtualTime, ComesCloserIn600Seconds) {
    const auto all = over_steady_services(600, 80);  // the claim's share needs as many
    EXPECT_LE(all.median_off(), 1.2);
    EXPECT_LE(all.p95_off(), 4.5);
    EXPECT_GE(all.share(all.covered), .85);
    EXPECT_LE(all.share(all.claim_fails), .30);
}

TEST(SearchInVirtualTime, SaysUnstableOfLongPausesRatherThanAWrongFigure) {
    const auto all = known_services();
    print_head();
    const auto figures = search_many(known_service(all, "pauses"), 180, {}, 30);
    print_row("pauses", 180, figures);
    EXPECT_GE(figures.share_of_word("UNSTABLE"), .8);
}

}  // namespace
}  // namespace loadline

#include "trial/posterior.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>

namespace loadline {
namespace {

constexpr ClauseModel latency{0.01, 0.1};
constexpr ClauseModel errors{0.001, 0.03};
constexpr std::array both{latency, errors};

LoadLine line_over(double low, double high) { return LoadLine{both, low, high}; }

/// A recorded history and what the reference made of it; see the file's head.
struct History {
    std::string name;
    double low = 0, high = 0;
    std::vector<std::array<Sighting, 2>> probes;
    std::array<double, 7> quantiles{};
};

std::vector<History> recorded_histories() {
    std::vector<History> out;
    std::ifstream file{std::string{TEST_DATA} + "/posterior_histories.txt"};
    for (std::string line; std::getline(file, line);) {
        std::istringstream in{line};
        std::string word;
        in >> word;
        if (word == "history") {
            auto& h = out.emplace_back();
            in >> h.name >> h.low >> h.high;
        } else if (word == "probe") {
            auto& [of_latency, of_errors] = out.back().probes.emplace_back();
            in >> of_latency.rate >> of_latency.length_s >> of_latency.bad_s >>
                of_latency.aborted >> of_errors.bad_s >> of_errors.aborted;
            of_errors.rate = of_latency.rate;
            of_errors.length_s = of_latency.length_s;
        } else if (word == "quantiles") {
            for (auto& q : out.back().quantiles) in >> q;
        }
    }
    return out;
}

TEST(LoadLine, IsWithinOnePercentOfTheReferenceOnTenRecordedHistories) {
    constexpr std::array levels{.05, .2, .35, .5, .65, .8, .95};
    const auto histories = recorded_histories();
    ASSERT_EQ(histories.size(), 10u);
    for (const auto& h : histories) {
        SCOPED_TRACE(h.name);
        auto line = line_over(h.low, h.high);
        for (const auto& probe : h.probes) {
            line.observe(0, probe[0]);
            line.observe(1, probe[1]);
        }
        line.settle();
        for (std::size_t i = 0; i < levels.size(); ++i)
            EXPECT_NEAR(line.quantile(levels[i]) / h.quantiles[i], 1, 0.01) << levels[i];
    }
}

TEST(LoadLine, IsFlatBeforeAnythingIsSeenAndTheLowestClauseCounts) {
    const LoadLine one{std::array{latency}, 100, 400};
    EXPECT_NEAR(one.quantile(.5), 200, 1);
    EXPECT_NEAR(one.above(200), .5, .01);
    // Two independent clauses: the chance that both lines are above is the product.
    const auto two = line_over(100, 400);
    EXPECT_NEAR(two.above(200), .25, .01);
    EXPECT_EQ(two.above(99), 1);
    EXPECT_EQ(two.above(500), 0);
}

TEST(LoadLine, RisesWithCleanProbesAndFallsWithBadOnes) {
    auto line = line_over(100, 400);
    const double before = line.quantile(.5);
    line.observe(0, {200, 0, 30, false});
    line.observe(1, {200, 0, 30, false});
    line.settle();
    const double clean = line.quantile(.5);
    EXPECT_GT(clean, before * 1.1);
    line.observe(0, {260, 6, 30, true});
    line.settle();
    EXPECT_LT(line.quantile(.5), clean);
    EXPECT_GT(line.quantile(.05), 150);
    EXPECT_LT(line.quantile(.95), 280);
    EXPECT_EQ(line.binding_clause(), 0u);
}

TEST(LoadLine, NamesTheClauseThatBinds) {
    auto line = line_over(100, 400);
    line.observe(0, {200, 0, 30, false});
    line.observe(1, {200, 3, 30, true});
    line.settle();
    EXPECT_EQ(line.binding_clause(), 1u);
}

TEST(LoadLine, KeepsWhatItHasSeenWhenItsGridGrows) {
    auto wide = line_over(50, 600), grown = line_over(100, 400);
    for (auto* line : {&wide, &grown}) {
        line->observe(0, {200, 0.1, 30, false});
        line->observe(1, {200, 0, 30, false});
        line->observe(0, {240, 3, 30, true});
        line->settle();
    }
    grown.extend(50, 600);
    for (const double p : {.05, .5, .95})
        EXPECT_NEAR(grown.quantile(p) / wide.quantile(p), 1, 0.003) << p;
    EXPECT_LE(grown.low(), 51);
    EXPECT_GE(grown.high(), 595);
}

TEST(LoadLine, LosesNothingAtTheExtremes) {
    auto line = line_over(100, 400);
    line.observe(0, {100, 1e6, 1, false});
    line.observe(0, {400, 1e-9, 1e6, false});
    line.observe(0, {1, 0, 1e-6, true});
    line.settle();
    const double middle = line.quantile(.5);
    EXPECT_TRUE(std::isfinite(middle));
    EXPECT_GE(middle, 99);
    EXPECT_LE(middle, 401);
}

/// What an observation costs is its cells times 96 hypotheses; the time itself is
/// posterior_update_and_decision of tests/bench.
TEST(Posterior, HasACellForEach6PermilleOfTheRateHoweverMuchItHasSeen) {
    Posterior posterior{latency, 100, 700};
    EXPECT_EQ(posterior.cells(), 324u);  // ln(7) / 0.006
    for (int i = 0; i < 50; ++i) posterior.observe({300, .1, 15, i % 2 == 0});
    EXPECT_EQ(posterior.cells(), 324u);
    EXPECT_EQ(posterior.probabilities().size(), 324u);
    posterior.extend(100, 1400);
    EXPECT_NEAR(static_cast<double>(posterior.cells()), 324 + 115, 2);  // ln(2) more
    posterior.extend(200, 300);
    EXPECT_NEAR(static_cast<double>(posterior.cells()), 324 + 115, 2) << "never narrower";
}

}  // namespace
}  // namespace loadline

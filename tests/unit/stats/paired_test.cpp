#include "stats/paired.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace loadline {
namespace {

/// Mean ranks of the sizes, by counting for each how many are smaller or equal.
std::vector<double> mean_ranks(const std::vector<double>& differences) {
    std::vector<double> ranks;
    for (const double d : differences) {
        double smaller = 0, equal = 0;
        for (const double other : differences) {
            smaller += std::abs(other) < std::abs(d);
            equal += std::abs(other) == std::abs(d);
        }
        ranks.push_back(smaller + (equal + 1) / 2);
    }
    return ranks;
}

/// The p-value by trying every way of signing the ranks.
double by_brute_force(std::vector<double> differences) {
    std::erase(differences, 0.0);
    const auto ranks = mean_ranks(differences);
    double observed = 0;
    for (std::size_t i = 0; i < ranks.size(); ++i) observed += differences[i] > 0 ? ranks[i] : 0;
    const std::size_t all = std::size_t{1} << ranks.size();
    std::size_t as_large = 0;
    for (std::size_t signs = 0; signs < all; ++signs) {
        double sum = 0;
        for (std::size_t i = 0; i < ranks.size(); ++i) sum += (signs >> i & 1) ? ranks[i] : 0;
        as_large += sum >= observed;
    }
    return static_cast<double>(as_large) / static_cast<double>(all);
}

std::vector<double> draw(std::mt19937_64& random, std::size_t n, double shift) {
    std::normal_distribution<double> normal{shift, 1};
    std::vector<double> values(n);
    for (double& v : values) v = normal(random);
    return values;
}

/// Differences 1..n, of which the first `negatives` are negative: the sum of the positive
/// ranks is n(n+1)/2 less theirs.
std::vector<double> with_negative(std::size_t n, std::initializer_list<std::size_t> negatives) {
    std::vector<double> values;
    for (std::size_t i = 1; i <= n; ++i) {
        const bool negative = std::find(negatives.begin(), negatives.end(), i) != negatives.end();
        values.push_back(negative ? -static_cast<double>(i) : static_cast<double>(i));
    }
    return values;
}

TEST(WilcoxonGreater, AgreesWithThePublishedCriticalValues) {
    // One-sided 5 %: the largest rank sum of the negatives that is still significant
    // (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, table A.4).
    EXPECT_NEAR(wilcoxon_greater(with_negative(5, {})), 0.03125, 5e-5);               // 0
    EXPECT_NEAR(wilcoxon_greater(with_negative(8, {5})), 0.0391, 5e-5);               // 5
    EXPECT_NEAR(wilcoxon_greater(with_negative(8, {6})), 0.0547, 5e-5);               // 6: no more
    EXPECT_NEAR(wilcoxon_greater(with_negative(10, {10})), 0.0420, 5e-5);             // 10
    EXPECT_NEAR(wilcoxon_greater(with_negative(10, {1, 10})), 0.0527, 5e-5);          // 11: no more
    EXPECT_NEAR(wilcoxon_greater(with_negative(20, {20, 19, 18, 3})), 0.0487, 5e-5);  // 60
}

TEST(WilcoxonGreater, EqualsTheCountOverAllSignsAlsoWithTiesAndZeros) {
    std::mt19937_64 random{7};
    for (std::size_t n = 1; n <= 12; ++n) {
        for (int repeat = 0; repeat < 5; ++repeat) {
            auto values = draw(random, n, 0.3);
            EXPECT_DOUBLE_EQ(wilcoxon_greater(values), by_brute_force(values)) << n;
            for (double& v : values) v = std::round(v * 2) / 2;  // ties, and zeros among them
            if (std::all_of(values.begin(), values.end(), [](double v) { return v == 0; }))
                continue;
            EXPECT_DOUBLE_EQ(wilcoxon_greater(values), by_brute_force(values)) << n << " ties";
        }
    }
}

TEST(WilcoxonGreater, TellsNothingWithoutDifferences) {
    EXPECT_EQ(wilcoxon_greater({}), 1);
    EXPECT_EQ(wilcoxon_greater(std::vector<double>{0, 0, 0}), 1);
}

TEST(WilcoxonGreater, GoesOverToTheApproximationWithoutAStep) {
    std::mt19937_64 random{11};
    for (int repeat = 0; repeat < 20; ++repeat) {
        auto values = draw(random, 50, 0.2);
        const double exact = wilcoxon_greater(values);
        values.push_back(1e-9);  // rank 1; the other ranks rise by one
        EXPECT_NEAR(wilcoxon_greater(values), exact, 0.02);
    }
}

TEST(WilcoxonGreater, IsSymmetric) {
    std::mt19937_64 random{3};
    auto values = draw(random, 10, 0.5);
    const double up = wilcoxon_greater(values);
    for (double& v : values) v = -v;
    EXPECT_LT(up, 0.5);
    EXPECT_GT(wilcoxon_greater(values), 0.5);
    EXPECT_GT(up + wilcoxon_greater(values), 1);  // both count the observed sum itself
}

TEST(HodgesLehmann, IsTheMedianOfTheMeansOfPairs) {
    EXPECT_EQ(hodges_lehmann(std::vector<double>{4}).estimate, 4);
    EXPECT_EQ(hodges_lehmann(std::vector<double>{1, 3}).estimate, 2);
    // Means of pairs: 0, .5, 1, 5, 5.5, 10: the middle two are 1 and 5.
    EXPECT_EQ(hodges_lehmann(std::vector<double>{0, 1, 10}).estimate, 3);
}

TEST(HodgesLehmann, GivesTheIntervalOfThePublishedExample) {
    // Hollander, Wolfe and Chicken, example 3.1 (depression scores, signs turned):
    // estimate .46; the 96.1 % interval runs from .010 to .786.
    const std::vector<double> scores{0.952, -0.147, 1.022,  0.430, 0.620,
                                     0.590, 0.490,  -0.080, 0.010};
    const auto shift = hodges_lehmann(scores, 0.95);
    EXPECT_NEAR(shift.estimate, 0.46, 1e-9);
    EXPECT_NEAR(shift.low, 0.010, 1e-9);
    EXPECT_NEAR(shift.high, 0.786, 1e-9);
    EXPECT_NEAR(shift.confidence, 0.961, 5e-4);
}

TEST(HodgesLehmann, SpansAllWhenThereAreTooFewForTheConfidence) {
    const auto shift = hodges_lehmann(std::vector<double>{1, 2, 3, 4, 5}, 0.95);
    EXPECT_EQ(shift.low, 1);
    EXPECT_EQ(shift.high, 5);
    EXPECT_NEAR(shift.confidence, 1 - 2.0 / 32, 1e-12);
}

TEST(HodgesLehmann, CoversTheTruthAsOftenAsItPromises) {
    std::mt19937_64 random{5};
    for (const std::size_t n : {8u, 10u, 60u}) {
        int covered = 0;
        constexpr int repeats = 1000;
        double promised = 0;
        for (int i = 0; i < repeats; ++i) {
            const auto shift = hodges_lehmann(draw(random, n, 0.7), 0.9);
            covered += shift.low <= 0.7 && 0.7 <= shift.high;
            promised = shift.confidence;
        }
        EXPECT_GE(promised, 0.9) << n;
        EXPECT_NEAR(covered / double{repeats}, promised, 0.035) << n;
    }
}

TEST(HodgesLehmann, ItsIntervalHoldsTheShiftsThatWilcoxonDoesNotReject) {
    std::mt19937_64 random{9};
    const auto values = draw(random, 10, 1);
    const auto shift = hodges_lehmann(values, 0.95);
    const auto p_at = [&](double at) {
        auto moved = values;
        for (double& v : moved) v -= at;
        return wilcoxon_greater(moved);
    };
    EXPECT_LE(p_at(shift.low - 1e-6), 0.025);
    EXPECT_GT(p_at(shift.low + 1e-6), 0.025);
}

}  // namespace
}  // namespace loadline

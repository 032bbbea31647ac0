#include "stats/paired.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <vector>

namespace loadline {
namespace {

constexpr std::size_t largest_exact = 50;  // 2^50 ways to sign the ranks: exact in a double

/// The ranks of the sizes, doubled so that the mean rank of equal sizes is a whole number.
struct SignedRanks {
    std::vector<std::size_t> doubled;
    std::size_t positive_sum = 0;  ///< of the positive differences, doubled too
    double tie_term = 0;           ///< sum of t^3 - t over groups of t equal sizes
};

SignedRanks rank(std::span<const double> differences) {
    std::vector<double> sorted;
    for (const double d : differences) {
        if (d != 0) sorted.push_back(d);
    }
    std::sort(sorted.begin(), sorted.end(),
              [](double a, double b) { return std::abs(a) < std::abs(b); });
    SignedRanks ranks;
    for (std::size_t i = 0; i < sorted.size();) {
        std::size_t end = i;
        while (end < sorted.size() && std::abs(sorted[end]) == std::abs(sorted[i])) ++end;
        const auto ties = static_cast<double>(end - i);
        ranks.tie_term += ties * ties * ties - ties;
        for (const std::size_t doubled = i + 1 + end; i < end; ++i) {
            ranks.doubled.push_back(doubled);
            if (sorted[i] > 0) ranks.positive_sum += doubled;
        }
    }
    return ranks;
}

/// How many ways of signing the ranks give each (doubled) sum of the positive ones.
std::vector<double> ways_to_sum(const std::vector<std::size_t>& doubled) {
    std::vector<double> ways{1};
    for (const std::size_t rank : doubled) {
        const std::size_t before = ways.size();
        ways.resize(before + rank, 0);
        for (std::size_t sum = before; sum-- > 0;) ways[sum + rank] += ways[sum];
    }
    return ways;
}

double normal_above(double z) { return 0.5 * std::erfc(z / std::sqrt(2.0)); }

double approximate_greater(const SignedRanks& ranks) {
    const auto n = static_cast<double>(ranks.doubled.size());
    const double sum = static_cast<double>(ranks.positive_sum) / 2;
    const double mean = n * (n + 1) / 4;
    const double variance = n * (n + 1) * (2 * n + 1) / 24 - ranks.tie_term / 48;
    return normal_above((sum - mean - 0.5) / std::sqrt(variance));
}

/// How many of the smallest means of pairs lie outside an interval of this confidence, and
/// the chance that the true shift lies below it.
struct Tail {
    std::size_t outside = 0;
    double chance = 0;
};

Tail exact_tail(std::size_t n, double most) {
    std::vector<std::size_t> ranks(n);
    for (std::size_t i = 0; i < n; ++i) ranks[i] = i + 1;
    const auto ways = ways_to_sum(ranks);
    const double all = std::ldexp(1.0, static_cast<int>(n));
    Tail tail;
    for (double below = ways[0] / all; below <= most; below += ways[tail.outside] / all) {
        tail.chance = below;
        ++tail.outside;
    }
    return tail;
}

Tail approximate_tail(std::size_t n, double most) {
    const auto d = static_cast<double>(n);
    const double mean = d * (d + 1) / 4, deviation = std::sqrt(d * (d + 1) * (2 * d + 1) / 24);
    const auto chance = [&](double k) { return normal_above((mean - k + 0.5) / deviation); };
    double low = 0, high = mean;
    while (high - low > 0.5) {  // the largest k with P(W < k) <= most
        const double k = (low + high) / 2;
        (chance(k) <= most ? low : high) = k;
    }
    return {static_cast<std::size_t>(low), chance(std::floor(low))};
}

std::vector<double> sorted_pair_means(std::span<const double> differences) {
    std::vector<double> means;
    means.reserve(differences.size() * (differences.size() + 1) / 2);
    for (std::size_t i = 0; i < differences.size(); ++i) {
        for (std::size_t j = i; j < differences.size(); ++j) {
            means.push_back((differences[i] + differences[j]) / 2);
        }
    }
    std::sort(means.begin(), means.end());
    return means;
}

}  // namespace

double wilcoxon_greater(std::span<const double> differences) {
    const auto ranks = rank(differences);
    if (ranks.doubled.empty()) return 1;
    if (ranks.doubled.size() > largest_exact) return approximate_greater(ranks);
    const auto ways = ways_to_sum(ranks.doubled);
    double at_least = 0;
    for (std::size_t sum = ranks.positive_sum; sum < ways.size(); ++sum) at_least += ways[sum];
    return std::ldexp(at_least, -static_cast<int>(ranks.doubled.size()));
}

Shift hodges_lehmann(std::span<const double> differences, double confidence) {
    assert(!differences.empty() && confidence > 0 && confidence < 1);
    const auto means = sorted_pair_means(differences);
    const std::size_t n = differences.size(), m = means.size();
    const double most = (1 - confidence) / 2;
    const auto tail = n <= largest_exact ? exact_tail(n, most) : approximate_tail(n, most);

    Shift shift;
    shift.estimate = (means[(m - 1) / 2] + means[m / 2]) / 2;
    const std::size_t skipped = tail.outside > 0 ? tail.outside - 1 : 0;
    shift.low = means[skipped];
    shift.high = means[m - 1 - skipped];
    shift.confidence =
        tail.outside > 0 ? 1 - 2 * tail.chance : 1 - std::ldexp(2.0, -static_cast<int>(n));
    return shift;
}

}  // namespace loadline

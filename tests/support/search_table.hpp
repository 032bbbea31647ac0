#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "simulated_service.hpp"
#include "stats/quantile.hpp"

namespace loadline {

/// What many searches over services of known load lines found: errors in percent of the line.
struct SearchFigures {
    std::vector<double> errors, absolute;
    double covered = 0, claim_fails = 0, confirmed_fails = 0, half_width = 0, probes = 0;
    std::size_t runs = 0, confirmed = 0, first_hold_passed = 0;
    std::vector<std::string> words;

    void add(const SearchFigures& other) {
        errors.insert(errors.end(), other.errors.begin(), other.errors.end());
        absolute.insert(absolute.end(), other.absolute.begin(), other.absolute.end());
        words.insert(words.end(), other.words.begin(), other.words.end());
        covered += other.covered;
        claim_fails += other.claim_fails;
        confirmed_fails += other.confirmed_fails;
        half_width += other.half_width;
        probes += other.probes;
        runs += other.runs;
        confirmed += other.confirmed;
        first_hold_passed += other.first_hold_passed;
    }
    double share(double count) const { return count / static_cast<double>(runs); }
    double error(double q) const { return exact_quantile(errors, q); }
    double median_off() const { return exact_quantile(absolute, .5); }
    double p95_off() const { return exact_quantile(absolute, .95); }
    double share_of_word(const std::string& word) const {
        return share(static_cast<double>(std::count(words.begin(), words.end(), word)));
    }
};

/// Searches with the seeds 1 to `seeds`.
inline SearchFigures search_many(const ServiceModel& model, double budget_s,
                                 std::optional<double> hold_s, std::uint64_t seeds) {
    SearchFigures figures;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        SimulatedService service{model,
                                 424'200 + seed * 7919 + static_cast<std::uint64_t>(budget_s)};
        const auto found = simulate(options_for(model, budget_s, hold_s, seed), service);
        const auto& capacity = found.capacity;
        const double off = 100 * (capacity.estimate_rate.value_or(0) / model.load_line - 1);
        figures.errors.push_back(off);
        figures.absolute.push_back(std::abs(off));
        figures.words.push_back(capacity.word);
        figures.probes += static_cast<double>(capacity.probes.size());
        figures.claim_fails += model.hold_fails_at(found.claim);
        figures.half_width += 100 * found.half_width;
        if (capacity.interval) {
            figures.covered += capacity.interval->q05 <= model.load_line &&
                               model.load_line <= capacity.interval->q95;
        }
        if (capacity.confirmed_rate) {
            ++figures.confirmed;
            figures.first_hold_passed += found.holds == 1;
            figures.confirmed_fails += model.hold_fails_at(*capacity.confirmed_rate);
        }
        ++figures.runs;
    }
    return figures;
}

inline void print_head() {
    std::printf(
        "%-11s %6s %5s | median  p5    p95   worst %%| off: median p95 | covered width%% | "
        "claim fails | probes | words\n",
        "model", "budget", "runs");
}

inline void print_row(const std::string& name, double budget_s, const SearchFigures& f) {
    std::string words;
    for (const char* word : {"CONFIRMED", "ESTIMATE-ONLY", "UNSTABLE", "WARMING", "METASTABLE",
                             "NO-RATE", "GENERATOR-LIMITED"}) {
        if (f.share_of_word(word) > 0) {
            words += fmt::format(" {} {:.2f}", word, f.share_of_word(word));
        }
    }
    const double worst = exact_quantile(f.absolute, 1);
    std::printf(
        "%-11s %6.0f %5zu | %+6.2f %+6.2f %+6.2f %6.1f | %10.2f %6.2f | %7.2f %6.1f | "
        "%11.2f | %6.1f |%s\n",
        name.c_str(), budget_s, f.runs, f.error(.5), f.error(.05), f.error(.95), worst,
        f.median_off(), f.p95_off(), f.share(f.covered), f.share(f.half_width),
        f.share(f.claim_fails), f.share(f.probes), words.c_str());
    std::fflush(stdout);
}

}  // namespace loadline

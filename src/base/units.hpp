#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace loadline {

/// Reads a whole number such as "64", "10k" or "2M" (powers of 1000).
Result<std::uint64_t> parse_count(std::string_view text);

/// Reads "5%" or "0.05" as a share between 0 and 1.
Result<double> parse_share(std::string_view text);

/// A number for people: three to four significant digits, no exponent: "12", "3.14", "18 250".
std::string format_number(double value);

/// A share for people: "0.1 %", "12.5 %".
std::string format_share(double share);

/// The candidate nearest to `word` by edit distance, if it is near enough to be
/// what the user meant; empty otherwise. Serves the "did you mean" hints.
template <class Range>
std::string_view nearest_word(std::string_view word, const Range& candidates);

/// Letters to insert, delete or change (or neighbours to swap) to turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

template <class Range>
std::string_view nearest_word(std::string_view word, const Range& candidates) {
    std::string_view best;
    std::size_t best_distance = word.size() / 3 + 1;  // "durtion" yes, "foo" for "slo" no
    for (std::string_view candidate : candidates) {
        const auto distance = edit_distance(word, candidate);
        if (distance < best_distance && distance < candidate.size()) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace loadline

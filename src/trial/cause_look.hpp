#pragma once
#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>

#include "trial/cause.hpp"

/// What the rules of cause.cpp and cause_outcomes.cpp share.
namespace loadline {

/// What one rule sees: the two sides and the context. `good` may be null.
struct Look {
    const CauseSide* good;
    const CauseSide& bad;
    const CauseContext& context;
    const char* who = "the target";  ///< whose process it is about
};
/// What a rule has found: a sentence, or nothing.
using Found = std::optional<std::string>;

inline double share(std::uint64_t part, std::uint64_t whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

/// A figure of the good side, which may not be known.
struct Good {
    bool known = false;
    double value = 0;
};

/// Whether the bad side's value stands out against the good one's, where that is known.
inline bool clearly_more(double bad, Good good, double times) {
    return !good.known || bad >= times * good.value;
}

/// " (12 % in the good seconds)"; nothing where that is not known.
template <class Text>
std::string beside(const Look& look, Good good, Text text) {
    return good.known ? fmt::format(" ({} {})", text(good.value), look.context.good)
                      : std::string{};
}

/// What the client met, most frequent first: kinds of failures, and whether they and slow answers
/// arose in a proxy or in the application behind it.
void add_outcomes(const Look& look, std::vector<CauseFinding>& findings);

}  // namespace loadline

#pragma once
#include <optional>
#include <string>
#include <vector>

#include "result/trial_result.hpp"

namespace loadline {

/// One line of a search's certificate, in plain text: what, how much, and the words to it.
struct CertificateLine {
    std::string name;   ///< "confirmed", "estimate", "safe", "knee", ...
    std::string value;  ///< "598 TPS", "34 %"; empty where there is no figure
    std::string text;
    /// Something to be glad of, to worry about, or neither (nothing).
    std::optional<VerdictWord> tone = {};
};

/// What the search found, line by line, as terminal, page and Markdown show it. Lines of what
/// was not found or not asked for are left out. `timeout`: what unanswered is above.
std::vector<CertificateLine> certificate_lines(const CapacityResult& capacity, Duration timeout);

/// Was there a higher load than that of the knee? Otherwise it may lie anywhere above.
bool knee_reached(const CapacityResult& capacity);

/// What a clause allows: 0.01 of p99 < 100ms, 0.001 of errors < 0.1%.
double allowed_share(const SloClause& clause);

/// How near one probe came to breaking one clause.
struct BadShare {
    std::size_t clause = 0;  ///< index into RunResult::clauses
    double share = 0;        ///< of its requests
    double used = 0;         ///< of what the clause allows; 1 is all of it
};
/// The clause of which most was used; nothing where no request was judged.
std::optional<BadShare> worst_clause(const ProbeResult& probe,
                                     const std::vector<ClauseResult>& clauses);

/// "0.62 %", "21 %": a share of bad requests, two or three digits of it.
std::string short_share(double share);

/// The same of a clause, by index; "–" where the probe judged no request of the clause.
std::string bad_share_text(const ProbeResult& probe, std::size_t clause);

/// Why probes were INVALID, each reason once: "at 371 journeys/s: requests left late: ...".
std::vector<std::string> invalid_probes(const CapacityResult& capacity);

/// "10 s", or "2.1 s of 18 s" of a probe that ended early.
std::string length_text(const ProbeResult& probe);

}  // namespace loadline

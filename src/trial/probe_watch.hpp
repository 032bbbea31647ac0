#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "trial/search.hpp"

namespace loadline {

/// What a short window of load, 250 ms say, showed of one clause.
struct ClauseWindow {
    std::uint64_t requests = 0, bad = 0;  ///< that came to their end in it
    std::uint64_t overdue = 0;            ///< under way at its end and older than the limit already
};

/// Judges a running probe window by window: one that is lost ends early, and its time is saved.
///
/// Floor, bracket, warm-up and recheck end when a clause is grossly bad; a refining probe when
/// it has five times the bad requests that its length allows, and ten more. A hold ends when its
/// bad requests use up what its whole length allows; or, from 60 s on, every 10 s, when their
/// share is above the allowed one by three standard errors (of the means of 10 s).
///
/// Pure; not thread-safe.
class ProbeWatch {
public:
    ProbeWatch(const TrialSpec& spec, std::span<const SearchClause> clauses);

    /// The next window of the measured part, one value for each clause. The clause that ends
    /// the probe, once there is one.
    std::optional<std::size_t> add(Duration length, std::span<const ClauseWindow> windows);

    /// Standard errors and the worst minutes, as far as the measured part was long enough.
    void describe(std::vector<ClauseCount>& counts) const;

private:
    struct Seen {
        std::uint64_t requests, bad;
    };
    bool lost(std::size_t clause, std::uint64_t overdue) const;
    bool worse_for_sure(std::size_t clause) const;
    /// Of the bad share, by batches of 10 s.
    std::optional<double> standard_error(std::size_t clause) const;
    void worst_minute(std::size_t clause, ClauseCount& count) const;

    TrialSpec spec_;
    std::vector<SearchClause> clauses_;
    std::vector<std::vector<Seen>> windows_;  ///< of each clause
    std::vector<Seen> sums_;
    Duration elapsed_{}, window_{}, next_look_;
};

}  // namespace loadline

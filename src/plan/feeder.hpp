#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "plan/template.hpp"

namespace loadline {

/// How the next record of a feeder is chosen. `unique`: each record once over the whole
/// run, striped over the workers; used up means the journey cannot start.
enum class Pick : std::uint8_t { sequential, random, unique, zipf };

/// Records that fill variables: the rows of a CSV file, or a range of numbers. Immutable;
/// the position lives with the worker (`FeederCursor`).
struct Feeder {
    std::string name;
    Pick pick = Pick::sequential;
    double zipf_exponent = 0;
    std::vector<std::uint32_t> variables;        ///< one per column
    std::vector<std::vector<std::string>> rows;  ///< CSV; empty for numbers
    std::int64_t low = 0, high = -1;             ///< numbers [low, high]
    std::vector<double> zipf_cumulative;         ///< built by the compiler for zipf

    bool numbers() const { return rows.empty() && high >= low; }
    std::uint64_t size() const;
};

/// One worker's place in a feeder: share i of n takes records i, i+n, ...
struct FeederCursor {
    std::uint64_t next = 0, step = 1;
};

/// Fills the feeder's variables with its next record; false when a `unique` feeder is used up.
bool feed(const Feeder& feeder, FeederCursor& cursor, Rng& rng, std::vector<Value>& variables);

}  // namespace loadline

#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/time.hpp"

namespace loadline {

/// One promise: "p99 < 100ms", "errors < 0.1%", "p99(settle) < 250ms", "p95(journey:bet) < 1s",
/// "p99 < 150ms over every 10s".
struct SloClause {
    enum class Metric : std::uint8_t { percentile, errors };
    enum class Scope : std::uint8_t { transactions, step, journey };

    std::string text;  ///< as written, for reports
    Metric metric = Metric::percentile;
    double quantile = 0;     ///< 0.99 for p99, 0.999 for p99.9 or p999; percentile only
    Duration limit{};        ///< percentile only
    double error_limit = 0;  ///< share 0..1; errors only
    bool inclusive = false;  ///< "<=" instead of "<"
    /// Each window of this length is judged, one after the other; a percentile of transactions
    /// or of a step only.
    std::optional<Duration> over_every{};
    Scope scope = Scope::transactions;
    std::string name;                    ///< of the step or journey; empty for transactions
    std::optional<std::uint32_t> index;  ///< resolved by the compiler
};

/// Reads one clause; the error shows the accepted forms.
Result<SloClause> parse_slo(std::string_view text);

}  // namespace loadline

#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/procfs.hpp"
#include "result/trial_result.hpp"

namespace loadline {

enum class Side : std::uint8_t { base, candidate };
const char* to_string(Side side);

/// PASS nothing found; WARN a doubt, exit code 0; FAIL a regression; INCONCLUSIVE nothing can
/// be said.
enum class CompareWord : std::uint8_t { pass, warn, fail, inconclusive };
const char* to_string(CompareWord word);

/// One percentile that comparisons judge, and the relative change that counts as a regression.
struct ComparedPercentile {
    const char* name;
    double quantile;
    double limit;
};
inline constexpr std::array<ComparedPercentile, 3> compared_percentiles{
    {{"p50", 0.5, 0.03}, {"p99", 0.99, 0.05}, {"p99.9", 0.999, 0.10}}};

/// What the transactions, or one step, did in one segment of a gate.
struct SegmentScope {
    std::string name;  ///< of the step; empty: all transactions
    std::uint64_t requests = 0, errors = 0;
    /// As compared_percentiles; absent: fewer than 1/(1-q) requests. Unanswered ones at 1 h.
    std::array<std::optional<Duration>, compared_percentiles.size()> percentiles;
};

/// One stretch of load on one side of a gate.
struct Segment {
    Side side = Side::base;
    std::size_t pair = 0;              ///< from 0
    Duration length{};                 ///< measured
    std::vector<SegmentScope> scopes;  ///< the first: all transactions
    std::vector<Reason> invalid;       ///< why it tells nothing about the service; empty: it does
    bool interrupted = false;          ///< by a signal: not measured to its end
};

/// One line of a comparison: a figure of both sides and what the difference means.
struct ComparedFigure {
    enum class Unit : std::uint8_t { ms, share, per_second };
    std::string scope;   ///< a step; empty: all transactions together
    std::string metric;  ///< "p50", "p99", "p99.9", "errors", "capacity"
    Unit unit = Unit::ms;
    /// In `unit`; at 1 h where unanswered ones reach it; absent: too few requests.
    std::optional<double> base, candidate;
    std::optional<double> change;  ///< candidate/base - 1; of pairs: Hodges-Lehmann
    std::optional<std::array<double, 2>> change_interval;  ///< 95 % or what few pairs allow
    std::optional<double> p_value;                         ///< Wilcoxon, one-sided: slower
    std::optional<double> z;                               ///< of capacities
    double limit = 0;                 ///< a change above it is a regression; of errors: the share
    std::optional<CompareWord> word;  ///< absent: shown, not judged
    std::string note;
};

/// Where one side of a comparison came from.
struct ComparedSide {
    std::string source;      ///< start command, URL or folder
    std::string started_at;  ///< stored runs: UTC
    std::string version;     ///< stored runs: of loadline
};

/// How a gate was run.
struct GateSetup {
    double rate_per_s = 0;  ///< journeys
    Arrivals arrivals = Arrivals::poisson;
    std::size_t pairs = 0;  ///< planned
    Duration warmup{}, length{};
    bool restarts = false;  ///< each segment starts its service anew
    std::uint64_t seed = 0;
};

/// The whole of a `loadline compare`: the one value its reports print.
struct Comparison {
    enum class Kind : std::uint8_t { gate, stored, capacity };
    Kind kind = Kind::gate;
    CompareWord word = CompareWord::inconclusive;
    std::vector<Reason> reasons;     ///< those of the word first
    std::vector<std::string> notes;  ///< what a reader must know; decide nothing
    std::vector<ComparedFigure> figures;
    bool strict = false;  ///< a WARN exits 1
    int signal = 0;       ///< that interrupted it

    std::string scenario_name, scenario_hash, version;
    std::chrono::system_clock::time_point started_at{};
    Duration elapsed{};
    Machine machine;
    ComparedSide base, candidate;

    std::optional<GateSetup> gate;  ///< Kind::gate
    std::vector<Segment> segments;  ///< Kind::gate, in the order they ran
    std::size_t kept_pairs = 0;     ///< Kind::gate: pairs whose segments are both valid
};
const char* to_string(Comparison::Kind kind);

/// 130 or 143 interrupted, 1 FAIL (and WARN with `strict`), 4 INCONCLUSIVE, else 0.
int exit_code(const Comparison& comparison);

/// "+3.4 %", "-12 %", "0 %", "×12" from ten times on: a relative change for people.
std::string change_text(double change);
/// "3.4 % slower", "12 times as slow". Requires a change above zero.
std::string slower_text(double change);
/// "0.002", "< 0.001": a p-value for people.
std::string p_text(double p);
/// "p99", "p99 of step bet", "error rate of step bet", "capacity".
std::string name_of(const ComparedFigure& figure);

}  // namespace loadline

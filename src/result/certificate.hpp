#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/rate.hpp"
#include "base/time.hpp"
#include "result/words.hpp"

namespace loadline {

/// What one probe saw of one SLO clause; of one second, the first two figures.
struct ClauseCount {
    std::uint64_t requests = 0;  ///< that the clause judges
    std::uint64_t bad = 0;  ///< slower than its limit or unanswered; of an errors clause: not ok
    /// Of the bad share, by means of 10 s; nothing below 20 s.
    std::optional<double> standard_error;
    /// The largest bad share in any 60 s of a hold, and where these began in its measured part.
    std::optional<double> worst_minute_share;
    Duration worst_minute_start{};

    double bad_share() const {
        return requests > 0 ? static_cast<double>(bad) / static_cast<double>(requests) : 0;
    }
};

/// One probe or hold of a search, as the certificate's table shows it.
struct ProbeResult {
    enum class Kind : std::uint8_t {
        floor,    ///< does the idle service keep the SLO at all?
        bracket,  ///< twice the rate, until it is grossly too much
        warmup,   ///< below the bracket, until the service gets no faster
        refine,   ///< where the posterior expects the load line
        recheck,  ///< at a rate that was good: did the service recover?
        hold      ///< the long one that confirms
    };
    Kind kind = Kind::bracket;
    Rate rate;           ///< journeys per second
    Duration length{};   ///< measured; shorter than planned when it ended early
    Duration planned{};  ///< what was asked for; zero: the same as length
    Duration elapsed{};  ///< settling, measuring and draining; zero: not known
    std::uint64_t requests = 0;
    double transactions_per_s = 0;  ///< completed
    Duration p50{}, p90{}, p99{}, p999{};
    Duration p50_first_half{}, p50_second_half{};  ///< of the measured part; zero: not known
    double error_share = 0;
    std::vector<ClauseCount> clauses;       ///< in the plan's order
    std::optional<std::size_t> aborted_by;  ///< the clause that ended it early, as hopeless
    bool drained = true;                    ///< nothing was under way when the drain ended
    Duration send_lag_p99{};
    VerdictWord word = VerdictWord::invalid;
    std::string why;  ///< first failed clause or the generator's limit
};
/// "floor", "bracket", "warmup", "refine", "recheck", "hold"
const char* to_string(ProbeResult::Kind kind);

/// One point of the latency-throughput curve: the probes of one rate as one.
struct CurvePoint {
    double tps = 0;         ///< completed transactions per second
    Duration p50{}, p99{};  ///< response time of transactions
};

/// What is believed of the load line, in journeys per second: it lies below `q05` with a
/// probability of 5 %, and so on.
struct RateQuantiles {
    double q05 = 0, q20 = 0, q50 = 0, q80 = 0, q95 = 0;
};

/// The last hold: how much of what the SLO allows it used, and how sure a repetition is.
struct HoldFacts {
    double rate = 0;  ///< journeys per second
    Duration length{};
    bool passed = false;
    std::string clause;                       ///< the one that used most of what it allows
    double budget_used = 0;                   ///< of its allowed bad requests; 1 is all of them
    std::optional<double> worst_minute_used;  ///< the same in the worst 60 s
    Duration worst_minute_start{};            ///< in the measured part
    std::optional<double> chance_to_repeat;   ///< that another hold like it passes, 0..1
};

/// Where the load came from, as seen from the target.
struct Topology {
    bool same_machine = false;         ///< every target is this machine
    std::optional<bool> cores_shared;  ///< there: target and generator may run on the same cores
    std::string text;                  ///< one sentence
};

/// What a search found. Rates count journeys per second, TPS completed transactions.
struct CapacityResult {
    /// CONFIRMED, ESTIMATE-ONLY, GENERATOR-LIMITED, NO-RATE, UNSTABLE, METASTABLE, WARMING
    std::string word;
    std::string text;    ///< one sentence: what was found
    std::string advice;  ///< one sentence: what to do next

    std::optional<double> confirmed_rate, confirmed_tps;  ///< held
    std::optional<double> estimate_rate, estimate_tps;    ///< the median of what is believed
    std::optional<double> safe_rate, safe_tps;            ///< its 5 % quantile
    std::optional<RateQuantiles> interval;
    double transactions_per_journey = 1;  ///< as completed near the estimate

    std::string binding_clause;  ///< the SLO clause whose load line is the lowest
    std::string failed_first;    ///< what the lowest failed probe broke: "p99 < 100ms: 212 ms"
    std::optional<HoldFacts> hold;

    std::vector<CurvePoint> curve;    ///< by rising TPS
    std::optional<std::size_t> knee;  ///< index into `curve`: the largest TPS / p50 (Kleinrock)

    std::optional<double> current_rate;  ///< --current
    std::optional<double> headroom;      ///< 1 - current / estimate; below 0: overloaded
    std::optional<std::uint64_t> pods;   ///< --pods
    std::optional<double> tps_per_pod;   ///< confirmed (else estimated) TPS / pods

    Topology topology;
    Duration budget{}, spent{};      ///< of the search without its holds
    std::vector<std::string> notes;  ///< what weakens the statement
    std::vector<ProbeResult> probes;
};

}  // namespace loadline

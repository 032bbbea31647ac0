#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "result/certificate.hpp"
#include "trial/posterior.hpp"

namespace loadline {

/// One SLO clause as the search sees it.
struct SearchClause {
    std::string text;        ///< as written
    double bad_share = .01;  ///< that is allowed: 1-q of a percentile q, or of errors
    Duration limit{};        ///< of a percentile; of errors the smallest of the others
    bool errors = false;
    /// Judged in the holds only: a clause over windows has no likelihood.
    bool only_in_holds = false;
    double requests_per_journey = 1;  ///< that it judges, as the plan says

    /// A bad share that even the shortest probe takes for far too much.
    double gross_share() const;
    /// Nothing for a clause that is judged in the holds only.
    std::optional<ClauseModel> model() const;
};

/// The time in which one bad cluster of requests uses up what a promise allows: the largest
/// limit / allowed share of the latency clauses; 10 s when there is none.
Duration promise_time(const std::vector<SearchClause>& clauses);

/// What a search may spend and where it begins.
struct SearchOptions {
    Rate start_rate = Rate::per_second(50);     ///< above zero
    Duration budget = std::chrono::minutes{3};  ///< for the probes, without the holds
    std::optional<Duration> hold = std::chrono::minutes{10};
    std::optional<Rate> max_rate;       ///< never probe above it
    std::optional<Rate> current;        ///< today's rate, for the headroom
    std::optional<std::uint64_t> pods;  ///< that serve, for the TPS of one
    std::vector<SearchClause> clauses;  ///< in the plan's order; one at least is judged in probes
};

/// What to try next: load for `settle`, which is discarded, then measure for `length`.
struct TrialSpec {
    ProbeResult::Kind kind = ProbeResult::Kind::floor;
    Rate rate;
    Duration settle{}, length{};
    /// Requests of each clause that are due in `length`, as far as is known.
    std::vector<double> expected{};
};

/// The capacity search: a pure fold over the probes so far. Reads no clock, so a whole search
/// runs in virtual time in milliseconds; the same probes give the same search.
///
/// Floor at the start rate, a tenth of it while that is overload. Bracket: twice the rate until
/// a short probe is grossly bad. Warm-up below it until the median gets no better, then the
/// bad end once more. Then the posterior of the load line chooses the rates (its median, later
/// its quantiles .35 and .65 in turn), in probes that get longer, until the budget is used. The
/// hold at its quantile .2 confirms: the next one after a failure is lower, five at most; a hold
/// that passed with ease may be raised twice.
///
/// Three INVALID probes in a row at one rate are the generator's limit: a ceiling of the rates,
/// and no failure. A service that is not idle five seconds after an overload is looked at again
/// at a rate that was good; three bad looks in a row are METASTABLE, and end the search.
///
/// Each answer must keep kind and rate of its spec, and have one ClauseCount for each clause.
class Search {
public:
    /// Requires a clause that is judged in probes, a start rate and a budget above zero.
    explicit Search(SearchOptions options);

    /// Nothing: the search is over. The first call always has an answer.
    const std::optional<TrialSpec>& next() const { return next_; }
    void add(ProbeResult probe);
    /// Goes on from the probes of an earlier search of the same SLO: their evidence counts, their
    /// time and their holds do not. Only before the first `add`.
    void resume(std::vector<ProbeResult> earlier);
    CapacityResult conclude(bool interrupted) const;

    const SearchOptions& options() const { return options_; }
    const std::vector<ProbeResult>& history() const { return history_; }

private:
    enum class Stage { floor, bracket, warmup, retry, refine, recheck, hold, over };
    using Kind = ProbeResult::Kind;

    // The stages up to the posterior (search.cpp)
    void floor_answered(const ProbeResult& probe);
    void bracket_answered(const ProbeResult& probe);
    void warmup_answered(const ProbeResult& probe);
    void retry_answered(const ProbeResult& probe);
    void recheck_answered(const ProbeResult& probe);
    void invalid_answered(const ProbeResult& probe);
    void after_bracket();
    void start_warmup();
    TrialSpec spec(Kind kind, double rate, double settle_s, double length_s) const;
    TrialSpec short_probe(Kind kind, double rate) const;
    double left_s() const;
    double ceiling() const;
    void learn_requests(const ProbeResult& probe);
    bool recovered(const ProbeResult& probe) const;

    // Posterior, refining, holds (search_refine.cpp)
    void start_line();
    void observe(const ProbeResult& probe, bool as_hold);
    void extend_line(const ProbeResult& probe);
    void start_refining(double end_s);
    void refine_answered(const ProbeResult& probe);
    void next_refine();
    void start_holding();
    void hold_answered(const ProbeResult& probe);
    void next_hold();
    bool short_hold() const;
    bool passed_with_ease(const ProbeResult& probe) const;

    // What was found (search_conclude.cpp)
    void word_without_a_pass(CapacityResult& result, bool interrupted) const;
    void word_metastable(CapacityResult& result) const;
    void word_with_a_line(CapacityResult& result, bool interrupted) const;
    void add_quantiles(CapacityResult& result) const;
    void add_failure(CapacityResult& result) const;
    void add_curve(CapacityResult& result) const;
    void add_hold(CapacityResult& result) const;
    void add_notes(CapacityResult& result) const;

    // What a probe says of the clauses that are judged in probes
    bool too_much(const ProbeResult& probe) const;  ///< grossly
    bool passed(const ProbeResult& probe) const;
    bool clearly_broken(const ProbeResult& probe) const;
    double severity(const ProbeResult& probe) const;  ///< bad over allowed, of the worst clause
    std::optional<std::size_t> grossest_clause(const ProbeResult& probe) const;

    SearchOptions options_;
    std::vector<ProbeResult> history_;
    std::optional<TrialSpec> next_;
    Stage stage_ = Stage::floor;
    std::vector<double> requests_per_journey_;  ///< of each clause

    double spent_s_ = 0;                      ///< on all but the holds
    double refine_end_s_ = 0;                 ///< of spent_s_
    double low_ = 0, high_ = 0;               ///< the bracket, journeys/s; 0: not found
    double retry_rate_ = 0;                   ///< to be tried after the warm-up; 0: nothing
    std::optional<std::size_t> high_clause_;  ///< what was grossly bad at high_
    double limited_ = 0;  ///< lowest rate that was INVALID time after time; 0: none
    std::size_t invalid_in_a_row_ = 0;

    double warmup_left_s_ = 0;
    std::size_t warmup_chunks_ = 0;  ///< in a row that got faster
    bool still_warming_ = false;

    std::optional<LoadLine> line_;
    std::vector<std::size_t> modelled_;  ///< clauses of line_, as indices into options_.clauses
    std::size_t refined_ = 0, turn_ = 0, clean_in_a_row_ = 0, gross_in_a_row_ = 0;
    double last_rate_ = 0;
    std::size_t extended_down_ = 0;

    std::size_t holds_ = 0, failed_holds_ = 0, climbs_ = 0;
    double hold_cap_ = 0;   ///< 0: none
    double confirmed_ = 0;  ///< journeys/s; 0: none
    std::size_t bad_looks_ = 0;
    Stage after_recheck_ = Stage::refine;
    double good_rate_ = 0;  ///< for rechecks, with its p50 when it was good
    Duration good_p50_{};
    bool metastable_ = false;
};

}  // namespace loadline

#include <algorithm>
#include <cmath>

#include "trial/search.hpp"

// The second half of the search: the posterior chooses rates, and the holds confirm.
namespace loadline {
namespace {

constexpr double low_turn = .35, high_turn = .65;  // quantiles that are asked in turn
constexpr double settle_share = .15;
constexpr double clean_below = .1, gross_above = 4;  // bad over allowed
constexpr double gallop_step = .05;                  // of ln rate
constexpr std::size_t gallop_most = 4;
constexpr std::size_t extensions_down = 8;

constexpr std::size_t holds_at_most = 5, climbs_at_most = 2;
constexpr double hold_quantile = .2;
constexpr double after_failed_hold = .985;
constexpr double ease = .5;  // of what the SLO allows
constexpr double worth_a_climb = 1.05;
constexpr double longest_climb_s = 120;

/// A hold no longer than half the budget costs less than what it may win, and shows less: the
/// queue of a sharp knee has no time to grow. It starts higher and may rise to the median.
constexpr double short_hold_quantile = .35, short_climb_quantile = .5;
constexpr double worth_a_short_climb = 1.03;

}  // namespace

/// Begins the posterior with both ends of the bracket.
void Search::start_line() {
    std::vector<ClauseModel> models;
    for (const auto i : modelled_) models.push_back(*options_.clauses[i].model());
    const double top = high_ > 0 ? high_ : std::max(retry_rate_, 2 * low_);
    line_.emplace(models, .3 * low_, 1.05 * top);
    const auto short_length = [](double rate) { return std::clamp(200 / rate, 1.5, 4.0); };
    for (std::size_t k = 0; k < modelled_.size(); ++k) {
        line_->observe(k, {low_, 0, short_length(low_), false});
        if (high_ == 0 || high_clause_ != modelled_[k]) continue;
        const double length = short_length(low_);
        const double gross = options_.clauses[modelled_[k]].gross_share();
        line_->observe(k, {high_, gross * length, length, true});
    }
    line_->settle();
    start_refining(to_seconds(options_.budget));
}

void Search::start_refining(double end_s) {
    refine_end_s_ = end_s;
    clean_in_a_row_ = gross_in_a_row_ = 0;
    stage_ = Stage::refine;
    next_refine();
}

/// What a probe says goes to every clause that it saw. Of an aborted one, the clause that ended
/// it knows only the least that its bad requests can have been over the planned length.
void Search::observe(const ProbeResult& probe, bool as_hold) {
    const double rate = probe.rate.per_second(), length = to_seconds(probe.length);
    if (length <= 0) return;
    for (std::size_t k = 0; k < modelled_.size(); ++k) {
        const auto i = modelled_[k];
        const auto& count = probe.clauses[i];
        if (probe.aborted_by == i && !as_hold) {
            const double bad_s = static_cast<double>(count.bad) / (requests_per_journey_[i] * rate);
            line_->observe(k, {rate, bad_s, to_seconds(probe.planned), true});
        } else if (count.requests > 0) {
            line_->observe(k, {rate, count.bad_share() * length, length, false});
        }
    }
    line_->settle();
    extend_line(probe);
}

/// Widens the grid where the line may lie beyond it.
void Search::extend_line(const ProbeResult& probe) {
    const double rate = probe.rate.per_second();
    if (passed(probe) && std::log(rate) > std::log(line_->high()) - .08) {
        line_->extend(line_->low(), 1.4 * line_->high());
    }
    if (line_->quantile(.3) < line_->low() * std::exp(.1) && extended_down_ < extensions_down) {
        ++extended_down_;
        line_->extend(.5 * line_->low(), line_->high());
    }
}

/// Short probes while little is known, long ones near the knee: bad requests come in clusters,
/// and only a long probe sees some.
void Search::next_refine() {
    const double budget = to_seconds(options_.budget);
    const double promise = to_seconds(promise_time(options_.clauses));
    const double shortest = std::clamp(.75 * promise, 1.5, 3.0);
    const double longest = std::max(shortest, std::min(.1 * budget, 6 * promise));
    const double width = line_->half_width(.2), median = line_->quantile(.5);
    double length = longest;
    if (refined_ < 3 && width > .05) {
        length = std::max(shortest, longest / 4);
    } else if (refined_ < 6 && width > .03) {
        length = std::max(shortest, longest / 2);
    }
    length = std::max(length, std::min(3 * length, 300 / median));
    const bool beyond_ceiling = line_->quantile(low_turn) > ceiling();
    if (left_s() < .8 * length || beyond_ceiling) return start_holding();
    length = std::min(length, left_s());

    double rate = median;
    if (refined_ >= 3 || width <= .1) rate = line_->quantile(turn_++ % 2 ? high_turn : low_turn);
    const auto steps = [](std::size_t n) {
        return gallop_step * static_cast<double>(std::min(n, gallop_most));
    };
    if (clean_in_a_row_ >= 2) rate = std::max(rate, last_rate_ * std::exp(steps(clean_in_a_row_)));
    if (gross_in_a_row_ >= 2) rate = std::min(rate, last_rate_ * std::exp(-steps(gross_in_a_row_)));
    rate = std::min(rate, ceiling());

    ++refined_;
    const double settle = std::max(.5, settle_share * length);
    stage_ = Stage::refine;
    next_ = spec(Kind::refine, rate, settle, length - settle);
}

void Search::refine_answered(const ProbeResult& probe) {
    const double bad = severity(probe);
    if (!probe.aborted_by && bad < clean_below) {
        ++clean_in_a_row_;
        gross_in_a_row_ = 0;
    } else if (probe.aborted_by || bad > gross_above) {
        ++gross_in_a_row_;
        clean_in_a_row_ = 0;
    } else {
        clean_in_a_row_ = gross_in_a_row_ = 0;
    }
    last_rate_ = probe.rate.per_second();
    observe(probe, false);
    next_refine();
}

bool Search::short_hold() const { return options_.hold && *options_.hold <= options_.budget / 2; }

void Search::start_holding() {
    const bool any_passed = std::any_of(history_.begin(), history_.end(), [&](const auto& probe) {
        return probe.word == VerdictWord::pass && passed(probe);
    });
    stage_ = Stage::hold;
    if (options_.hold && any_passed) return next_hold();
    stage_ = Stage::over;
    next_.reset();
}

void Search::next_hold() {
    const double quantile = !short_hold()  ? hold_quantile
                            : climbs_ == 0 ? short_hold_quantile
                                           : short_climb_quantile;
    double rate = std::min(line_->quantile(quantile), ceiling());
    if (hold_cap_ > 0) rate = std::min(rate, hold_cap_);
    const double least = confirmed_ * (short_hold() ? worth_a_short_climb : worth_a_climb);
    if (holds_ >= holds_at_most || rate <= 0 || (confirmed_ > 0 && rate <= least)) {
        stage_ = Stage::over;
        next_.reset();
        return;
    }
    stage_ = Stage::hold;
    const double length = to_seconds(*options_.hold);
    next_ = spec(Kind::hold, rate, std::clamp(length / 20, .5, 5.0), length);
}

bool Search::passed_with_ease(const ProbeResult& probe) const { return severity(probe) < ease; }

void Search::hold_answered(const ProbeResult& probe) {
    ++holds_;
    const double rate = probe.rate.per_second();
    observe(probe, true);
    if (probe.word == VerdictWord::fail) {
        ++failed_holds_;
        hold_cap_ = after_failed_hold * rate;
        if (confirmed_ == 0) return next_hold();
        stage_ = Stage::over;
        next_.reset();
        return;
    }
    confirmed_ = std::max(confirmed_, rate);
    const bool may_climb =
        climbs_ < climbs_at_most && failed_holds_ == 0 && passed_with_ease(probe);
    const double promised = short_hold()
                                ? line_->quantile(short_climb_quantile) / worth_a_short_climb
                                : line_->quantile(low_turn) / worth_a_climb;
    if (may_climb && promised > rate) {
        ++climbs_;
        if (short_hold()) return next_hold();
        const double more = std::min(to_seconds(options_.budget) / 2, longest_climb_s);
        return start_refining(spent_s_ + more);
    }
    stage_ = Stage::over;
    next_.reset();
}

}  // namespace loadline

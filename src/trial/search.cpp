#include "trial/search.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace loadline {
namespace {

/// One stall of the machine is no limit of the generator; three in a row are.
constexpr std::size_t invalid_tries = 3;
constexpr double below_limit = 0.95;   // of the generator's limit: what is asked for from then on
constexpr double warmup_share = 0.35;  // of the budget, at most
constexpr double warmup_rate = 0.85;   // of the highest rate that was not grossly bad
constexpr double still_faster = 0.98;  // median of the second half over that of the first
/// And by so much: less is what a median of the same service varies by on a busy machine.
constexpr double least_faster_ms = 0.05;
/// So many chunks of warm-up, each faster than the last, are no chance.
constexpr std::size_t warming_chunks = 3;
constexpr std::size_t bad_looks_allowed = 3;
constexpr double recovered_p50 = 1.5;
constexpr double floor_requests = 1000;
constexpr double lowest_start = 1e-3;  // journeys/s

/// When less than this share of what was due was answered within the probe, the service did not
/// follow: it was overloaded, not idle.
constexpr double followed = 0.8;

}  // namespace

double SearchClause::gross_share() const {
    return errors ? std::max(.02, 5 * bad_share) : std::max(.15, 5 * bad_share);
}

std::optional<ClauseModel> SearchClause::model() const {
    if (only_in_holds) return {};
    // No probe can tell a promise of no errors at all from one in 100 000.
    const double share = std::clamp(bad_share, 1e-5, .5);
    return ClauseModel{share, (errors ? .3 : 1) * to_seconds(limit)};
}

Duration promise_time(const std::vector<SearchClause>& clauses) {
    double longest = 0;
    for (const auto& clause : clauses) {
        if (!clause.errors)
            longest = std::max(longest, to_seconds(clause.limit) / clause.bad_share);
    }
    if (longest <= 0) return std::chrono::seconds{10};
    return std::chrono::milliseconds{std::llround(1e3 * longest)};  // 1 - q is not exact
}

Search::Search(SearchOptions options) : options_{std::move(options)} {
    assert(options_.start_rate.per_second() > 0 && options_.budget > Duration{});
    refine_end_s_ = to_seconds(options_.budget);
    warmup_left_s_ = warmup_share * refine_end_s_;
    for (std::size_t i = 0; i < options_.clauses.size(); ++i) {
        requests_per_journey_.push_back(options_.clauses[i].requests_per_journey);
        if (options_.clauses[i].model()) modelled_.push_back(i);
    }
    assert(!modelled_.empty());
    next_ = short_probe(Kind::floor, std::min(options_.start_rate.per_second(), ceiling()));
}

void Search::add(ProbeResult probe) {
    assert(next_ && probe.kind == next_->kind && probe.clauses.size() == options_.clauses.size());
    if (probe.kind != Kind::hold) {
        spent_s_ += probe.elapsed > Duration{} ? to_seconds(probe.elapsed)
                                               : to_seconds(next_->settle + probe.length);
    }
    history_.push_back(probe);
    if (probe.word == VerdictWord::invalid) return invalid_answered(probe);
    invalid_in_a_row_ = 0;
    learn_requests(probe);
    switch (stage_) {
        case Stage::floor:
            return floor_answered(probe);
        case Stage::bracket:
            return bracket_answered(probe);
        case Stage::warmup:
            return warmup_answered(probe);
        case Stage::retry:
            return retry_answered(probe);
        case Stage::refine:
            refine_answered(probe);
            break;
        case Stage::recheck:
            return recheck_answered(probe);
        case Stage::hold:
            hold_answered(probe);
            break;
        case Stage::over:
            return;
    }
    // What overloaded the service may have broken it: look before going on.
    if (next_ && !probe.drained && !passed(probe) && good_rate_ > 0) {
        after_recheck_ = stage_;
        stage_ = Stage::recheck;
        next_ = short_probe(Kind::recheck, good_rate_);
    }
}

/// The floor is short when not a request is bad. Else it takes long enough to say whether
/// the idle service keeps the SLO; a tenth of the rate follows when it does not.
void Search::floor_answered(const ProbeResult& probe) {
    const double rate = probe.rate.per_second();
    const double whole = std::min(floor_requests / rate, to_seconds(options_.budget) / 10);
    const bool is_short = to_seconds(probe.planned) < .9 * whole;
    if (severity(probe) == 0 || (!is_short && !clearly_broken(probe))) {
        low_ = rate;
        good_rate_ = rate;
        good_p50_ = probe.p50;
        stage_ = Stage::bracket;
        return after_bracket();
    }
    if (is_short && !too_much(probe)) {
        next_ = spec(Kind::floor, rate, .25, whole);
        return;
    }
    if (too_much(probe)) {
        high_ = rate;
        high_clause_ = grossest_clause(probe);
    }
    const bool overloaded = probe.transactions_per_s * to_seconds(probe.length) <
                            followed * static_cast<double>(probe.requests);
    const auto floors =
        static_cast<std::size_t>(std::count_if(history_.begin(), history_.end(), [](const auto& p) {
            return p.kind == Kind::floor && p.word != VerdictWord::invalid;
        }));
    const double lower = rate / 10;
    const bool enough = !overloaded && probe.rate < history_.front().rate;
    if (enough || lower < lowest_start || left_s() <= 0 || floors > 12) {
        next_.reset();
        stage_ = Stage::over;
        return;
    }
    next_ = short_probe(Kind::floor, lower);
}

/// Chooses the next rate of the bracket, or leaves it: a grossly bad rate is known, or none
/// can be.
void Search::after_bracket() {
    const double above = high_ > 0 ? high_ : std::numeric_limits<double>::infinity();
    const auto between = [&](double top, double near) {
        return top / low_ > near ? std::sqrt(top * low_) : 0;
    };
    double rate = 2 * low_;
    if (options_.max_rate) rate = std::min(rate, options_.max_rate->per_second());
    if (limited_ > 0 && rate >= below_limit * limited_) rate = between(limited_, 1.1);
    // A tenth of a floor that was too much leaves a wide bracket.
    if (high_ > 0 && rate >= above) rate = between(above, 2.5);
    const bool higher = rate > 1.02 * low_ && rate < above;
    if (higher && left_s() > 2) {
        stage_ = Stage::bracket;
        next_ = short_probe(Kind::bracket, rate);
        return;
    }
    retry_rate_ = high_;
    start_warmup();
}

void Search::start_warmup() {
    const double chunk = std::clamp(to_seconds(options_.budget) / 15, 4.0, 12.0);
    if (warmup_left_s_ < chunk / 2 || left_s() < chunk) return start_line();
    stage_ = Stage::warmup;
    const double at = warmup_rate * low_;
    const double length = std::max(chunk, std::min(2 * chunk, 1500 / at));
    next_ = spec(Kind::warmup, at, 0, std::min(length, left_s()));
}

void Search::bracket_answered(const ProbeResult& probe) {
    const double rate = probe.rate.per_second();
    if (too_much(probe)) {
        high_ = rate;
        high_clause_ = grossest_clause(probe);
    } else {
        low_ = rate;
        good_rate_ = rate;
        good_p50_ = probe.p50;
    }
    after_bracket();
    if (too_much(probe) && !probe.drained && next_) {
        after_recheck_ = stage_;
        stage_ = Stage::recheck;
        next_ = short_probe(Kind::recheck, good_rate_);
    }
}

void Search::warmup_answered(const ProbeResult& probe) {
    warmup_left_s_ -= to_seconds(probe.length);
    const double first = to_ms(probe.p50_first_half), second = to_ms(probe.p50_second_half);
    const bool faster =
        second > 0 && second < still_faster * first && first - second > least_faster_ms;
    warmup_chunks_ = faster ? warmup_chunks_ + 1 : 0;
    if (too_much(probe)) {  // though more was not too much before: broken, or not to be trusted
        high_ = probe.rate.per_second();
        high_clause_ = grossest_clause(probe);
        low_ = high_ / 2;
        after_recheck_ = Stage::refine;
        stage_ = Stage::recheck;
        next_ = short_probe(Kind::recheck, std::min(good_rate_, high_));
        return;
    }
    good_rate_ = probe.rate.per_second();
    good_p50_ = probe.p50;
    if (faster && warmup_left_s_ > 0 && left_s() > to_seconds(probe.planned)) {
        next_ = spec(Kind::warmup, good_rate_, 0, to_seconds(probe.planned));
        return;
    }
    still_warming_ = warmup_chunks_ >= warming_chunks;
    const bool nothing_above = retry_rate_ == 0 || retry_rate_ > ceiling();
    if (nothing_above || warmup_left_s_ <= 0 || left_s() < 2) return start_line();
    stage_ = Stage::retry;
    next_ = short_probe(Kind::bracket, retry_rate_);
}

/// Whether what was too much for the cold service is still too much.
void Search::retry_answered(const ProbeResult& probe) {
    warmup_left_s_ -= to_seconds(probe.length);
    if (too_much(probe)) {
        high_ = probe.rate.per_second();
        high_clause_ = grossest_clause(probe);
        return start_line();
    }
    low_ = probe.rate.per_second();
    high_ = 0;
    retry_rate_ = 1.5 * low_;
    start_warmup();
}

bool Search::recovered(const ProbeResult& probe) const {
    if (too_much(probe)) return false;
    const bool known = good_p50_ > Duration{} && probe.p50 > Duration{};
    return !known || to_ms(probe.p50) <= recovered_p50 * to_ms(good_p50_);
}

void Search::recheck_answered(const ProbeResult& probe) {
    if (recovered(probe)) {
        bad_looks_ = 0;
        stage_ = after_recheck_;
        if (stage_ == Stage::refine) return line_ ? next_refine() : start_line();
        if (stage_ == Stage::hold) return next_hold();
        return after_bracket();
    }
    if (++bad_looks_ < bad_looks_allowed) return;  // the same again
    metastable_ = true;
    stage_ = Stage::over;
    next_.reset();
}

/// The same again; given up, its rate is a ceiling.
void Search::invalid_answered(const ProbeResult& probe) {
    const bool affordable = probe.kind == Kind::hold || left_s() > to_seconds(probe.planned) / 2;
    if (++invalid_in_a_row_ < invalid_tries && affordable) return;
    invalid_in_a_row_ = 0;
    const double rate = probe.rate.per_second();
    limited_ = limited_ > 0 ? std::min(limited_, rate) : rate;
    switch (stage_) {
        case Stage::floor:
            next_.reset();
            stage_ = Stage::over;
            return;
        case Stage::bracket:
            return after_bracket();
        case Stage::warmup:
        case Stage::retry:
            return start_line();
        case Stage::refine:
            return next_refine();
        case Stage::recheck:
            stage_ = after_recheck_;
            if (!line_) return start_line();
            return stage_ == Stage::hold ? next_hold() : next_refine();
        case Stage::hold:
            ++holds_;
            return next_hold();
        case Stage::over:
            return;
    }
}

void Search::resume(std::vector<ProbeResult> earlier) {
    assert(history_.empty());
    std::erase_if(earlier, [&](const ProbeResult& probe) {
        return probe.word == VerdictWord::invalid ||
               probe.clauses.size() != options_.clauses.size();
    });
    for (const auto& probe : earlier) {
        const double rate = probe.rate.per_second();
        learn_requests(probe);
        if (probe.kind != Kind::floor && probe.kind != Kind::bracket) continue;
        if (!too_much(probe)) {
            low_ = std::max(low_, rate);
        } else if (high_ == 0 || rate < high_) {
            high_ = rate;
            high_clause_ = grossest_clause(probe);
        }
    }
    if (low_ == 0) return;  // nothing to go on from: the floor again
    if (high_ > 0 && high_ <= low_) high_ = 0;
    history_ = std::move(earlier);
    start_line();
    for (const auto& probe : history_) {
        const bool hold = probe.kind == Kind::hold;
        if (hold || probe.kind == Kind::refine) observe(probe, hold);
        refined_ += probe.kind == Kind::refine;
    }
    next_refine();
}

double Search::ceiling() const {
    double highest = std::numeric_limits<double>::infinity();
    if (options_.max_rate) highest = options_.max_rate->per_second();
    if (limited_ > 0) highest = std::min(highest, below_limit * limited_);
    return highest;
}

double Search::left_s() const { return refine_end_s_ - spent_s_; }

TrialSpec Search::spec(Kind kind, double rate, double settle_s, double length_s) const {
    TrialSpec spec{kind, Rate::per_second(rate), seconds(settle_s), seconds(length_s)};
    for (const double per_journey : requests_per_journey_) {
        spec.expected.push_back(per_journey * rate * length_s);
    }
    return spec;
}

TrialSpec Search::short_probe(Kind kind, double rate) const {
    return spec(kind, rate, .25, std::clamp(200 / rate, 1.5, 4.0));
}

/// How many requests of a clause a journey makes: as in the last probe that nothing cut short.
void Search::learn_requests(const ProbeResult& probe) {
    const double journeys = probe.rate.per_second() * to_seconds(probe.length);
    if (probe.aborted_by || !probe.drained || journeys < 50) return;
    for (std::size_t i = 0; i < probe.clauses.size(); ++i) {
        const auto requests = static_cast<double>(probe.clauses[i].requests);
        if (requests > 0) requests_per_journey_[i] = requests / journeys;
    }
}

bool Search::too_much(const ProbeResult& probe) const {
    return std::any_of(modelled_.begin(), modelled_.end(), [&](std::size_t i) {
        return probe.aborted_by == i ||
               probe.clauses[i].bad_share() > options_.clauses[i].gross_share();
    });
}

double Search::severity(const ProbeResult& probe) const {
    double worst = 0;
    for (const auto i : modelled_) {
        worst =
            std::max(worst, probe.clauses[i].bad_share() / options_.clauses[i].model()->bad_share);
    }
    return worst;
}

bool Search::passed(const ProbeResult& probe) const {
    return !probe.aborted_by && severity(probe) <= 1;
}

/// Of so few requests, some bad ones more than allowed are chance: within three deviations the
/// probes to come decide.
bool Search::clearly_broken(const ProbeResult& probe) const {
    return probe.aborted_by || std::any_of(modelled_.begin(), modelled_.end(), [&](std::size_t i) {
               const auto& count = probe.clauses[i];
               const double allowed =
                   options_.clauses[i].bad_share * static_cast<double>(count.requests);
               return static_cast<double>(count.bad) > allowed + 3 * std::sqrt(allowed) + 1;
           });
}

std::optional<std::size_t> Search::grossest_clause(const ProbeResult& probe) const {
    if (probe.aborted_by) return probe.aborted_by;
    return *std::max_element(modelled_.begin(), modelled_.end(), [&](std::size_t a, std::size_t b) {
        return probe.clauses[a].bad_share() / options_.clauses[a].gross_share() <
               probe.clauses[b].bad_share() / options_.clauses[b].gross_share();
    });
}

}  // namespace loadline

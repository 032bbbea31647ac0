#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/units.hpp"
#include "stats/knee.hpp"
#include "trial/search.hpp"

// What the search found: the word, the sentence, what to do next, and the certificate's figures.
namespace loadline {
namespace {

/// Each half of the 90 % interval, from its median, in ln of the rate. UNSTABLE takes both: below
/// the median alone it is wide wherever probes were clean (rare clusters may have been missed:
/// searches of 180 s over steady services are within 2 %, and still every second interval is
/// wider than 10 % on average), above it alone where the knee is soft. Where probes contradict
/// each other, as with long pauses, both are.
constexpr double too_wide = .10;
constexpr double below_limit = 0.95;
constexpr int hold_promise_times = 20;  // a hold shorter than this many promise times is weak

std::string rate_text(const CapacityResult& result, double rate) {
    return fmt::format("{} journeys/s ({} transactions/s)", format_number(rate),
                       format_number(rate * result.transactions_per_journey));
}

/// As the probes that kept the SLO completed them; 1 when there is none.
double transactions_per_journey(const std::vector<ProbeResult>& probes) {
    double transactions = 0, journeys = 0;
    for (const auto& probe : probes) {
        if (probe.word != VerdictWord::pass || probe.transactions_per_s <= 0) continue;
        transactions += probe.transactions_per_s * to_seconds(probe.length);
        journeys += probe.rate.per_second() * to_seconds(probe.length);
    }
    return journeys > 0 ? transactions / journeys : 1;
}

/// The highest rate that kept the SLO in any probe; 0: none.
double highest_pass(const std::vector<ProbeResult>& probes) {
    double highest = 0;
    for (const auto& probe : probes) {
        if (probe.word == VerdictWord::pass) highest = std::max(highest, probe.rate.per_second());
    }
    return highest;
}

/// The chance that a mean like this, measured once more, keeps within `allowed`.
double chance_to_repeat(double bad_share, double standard_error, double allowed) {
    const double far = (allowed - bad_share) / (std::sqrt(2) * standard_error);
    return .5 * std::erfc(-far / std::sqrt(2));
}

}  // namespace

CapacityResult Search::conclude(bool interrupted) const {
    if (!line_ && low_ > 0) {  // interrupted, or no budget: what little is known makes a line
        auto with_line = *this;
        with_line.start_line();
        return with_line.conclude(interrupted);
    }
    CapacityResult result;
    result.budget = options_.budget;
    result.spent = seconds(spent_s_);
    result.transactions_per_journey = transactions_per_journey(history_);
    result.probes = history_;
    add_curve(result);
    add_failure(result);
    if (line_ && highest_pass(history_) > 0) {
        add_quantiles(result);
        add_hold(result);
        word_with_a_line(result, interrupted);
    } else {
        word_without_a_pass(result, interrupted);
    }
    add_notes(result);
    return result;
}

void Search::word_without_a_pass(CapacityResult& result, bool interrupted) const {
    const auto failed = std::find_if(history_.rbegin(), history_.rend(), [](const auto& probe) {
        return probe.word == VerdictWord::fail;
    });
    if (interrupted) {
        result.word = "UNSTABLE";
        result.text = "interrupted before any rate had passed";
        result.advice = "let it run longer";
    } else if (metastable_) {
        word_metastable(result);
    } else if (failed != history_.rend()) {
        const auto lowest =
            std::min_element(history_.begin(), history_.end(), [](const auto& a, const auto& b) {
                if ((a.word == VerdictWord::fail) != (b.word == VerdictWord::fail)) {
                    return a.word == VerdictWord::fail;
                }
                return a.rate < b.rate;
            });
        result.word = "NO-RATE";
        result.text = fmt::format("no rate keeps the SLO: even {} journeys/s break it ({})",
                                  format_number(lowest->rate.per_second()), lowest->why);
        result.advice =
            "run it at that rate and look at what is slow or fails without load, or begin lower "
            "with --start-rate";
    } else {
        result.word = "GENERATOR-LIMITED";
        result.text = "no probe could be judged: " + (history_.empty() ? "" : history_.back().why);
        result.advice = "begin lower with --start-rate, or give the generator more cores";
    }
}

void Search::word_metastable(CapacityResult& result) const {
    const auto& look = history_.back();
    result.word = "METASTABLE";
    result.text = fmt::format(
        "overloaded once, the service does not recover: at {} journeys/s, where the median was "
        "{}, it is {} now",
        format_number(look.rate.per_second()), format_duration(good_p50_),
        look.p50 >= std::chrono::hours{1} ? "no answer" : format_duration(look.p50));
    result.advice =
        "restart the service, and look for retries, queues without a bound and work that nobody "
        "waits for any more";
}

void Search::word_with_a_line(CapacityResult& result, bool interrupted) const {
    const double q50 = line_->quantile(.5), best = highest_pass(history_);
    const bool limited = limited_ > 0 && q50 > below_limit * limited_;
    const bool capped = !limited && options_.max_rate && q50 > options_.max_rate->per_second();
    const bool wide = std::log(q50 / line_->quantile(.05)) > too_wide &&
                      std::log(line_->quantile(.95) / q50) > too_wide;
    const auto between =
        fmt::format("between {} and {} journeys/s", format_number(line_->quantile(.05)),
                    format_number(line_->quantile(.95)));
    if (metastable_) {
        word_metastable(result);
    } else if (limited) {
        result.word = "GENERATOR-LIMITED";
        result.text = fmt::format(
            "at least {}{}: at {} journeys/s the generator, not the service, was at its limit",
            rate_text(result, confirmed_ > 0 ? confirmed_ : best),
            confirmed_ > 0 ? ", held for " + format_duration_exact(*options_.hold) : ", not held",
            format_number(limited_));
        result.advice =
            "give the generator more cores or a machine of its own; loadline selftest shows its "
            "ceiling";
    } else if (confirmed_ > 0) {
        result.word = "CONFIRMED";
        result.text = fmt::format("{} keep the SLO, held for {}", rate_text(result, confirmed_),
                                  format_duration_exact(*options_.hold));
        result.advice = capped
                            ? "raise --max-rate: the load line may lie higher"
                            : fmt::format("plan with less than the safe rate of {} journeys/s",
                                          format_number(std::min(*result.safe_rate, confirmed_)));
    } else if (still_warming_) {
        result.word = "WARMING";
        result.text = fmt::format(
            "the service still got faster when the warm-up's share of the budget was used; as it "
            "is now, its load line lies {}",
            between);
        result.advice = "search once more while it is warm, or with a larger --budget";
    } else if (failed_holds_ > 0) {
        result.word = "UNSTABLE";
        result.text = fmt::format("the load line seems to lie {}, but none of {} {} passed",
                                  between, failed_holds_, failed_holds_ == 1 ? "hold" : "holds");
        result.advice = "give the search a larger --budget, such as thorough (10m)";
    } else if (wide && !capped) {
        result.word = "UNSTABLE";
        result.text =
            fmt::format("the load line lies {}: too wide an interval to call an estimate{}",
                        between, interrupted ? "; interrupted" : "");
        result.advice = "give the search a larger --budget, such as thorough (10m)";
    } else {
        result.word = "ESTIMATE-ONLY";
        result.text =
            fmt::format("{} {}, not held{}", capped ? "at least" : "about",
                        rate_text(result, capped ? best : q50), interrupted ? ": interrupted" : "");
        result.advice = capped ? "raise --max-rate: the load line may lie higher"
                               : "confirm it by a hold (--hold 10m)";
    }
}

void Search::add_quantiles(CapacityResult& result) const {
    const double tpj = result.transactions_per_journey;
    result.interval = RateQuantiles{line_->quantile(.05), line_->quantile(.2), line_->quantile(.5),
                                    line_->quantile(.8), line_->quantile(.95)};
    result.estimate_rate = result.interval->q50;
    result.safe_rate = result.interval->q05;
    const bool limited = limited_ > 0 && *result.estimate_rate > below_limit * limited_;
    if (limited) {  // no upper bound is known: what passed is all there is to say
        result.estimate_rate = std::max(confirmed_, highest_pass(history_));
        result.safe_rate = std::min(*result.safe_rate, *result.estimate_rate);
        result.interval.reset();
    }
    result.estimate_tps = *result.estimate_rate * tpj;
    result.safe_tps = *result.safe_rate * tpj;
    if (confirmed_ > 0) {
        result.confirmed_rate = confirmed_;
        result.confirmed_tps = confirmed_ * tpj;
    }
    if (options_.current) {
        result.current_rate = options_.current->per_second();
        result.headroom = 1 - *result.current_rate / *result.estimate_rate;
    }
    if (options_.pods) {
        result.pods = options_.pods;
        result.tps_per_pod = result.confirmed_tps.value_or(*result.estimate_tps) /
                             static_cast<double>(*options_.pods);
    }
    result.binding_clause = options_.clauses[modelled_[line_->binding_clause()]].text;
}

/// What broke at the lowest rate above the one that is claimed.
void Search::add_failure(CapacityResult& result) const {
    const ProbeResult* first = nullptr;
    for (const auto& probe : history_) {
        if (probe.word != VerdictWord::fail || probe.rate.per_second() < confirmed_) continue;
        if (!first || probe.rate < first->rate) first = &probe;
    }
    if (first) result.failed_first = first->why;
}

void Search::add_curve(CapacityResult& result) const {
    std::map<long, const ProbeResult*> longest;  // of each rate, to half a percent
    for (const auto& probe : history_) {
        if (probe.word == VerdictWord::invalid || probe.requests < 100) continue;
        auto& kept = longest[std::lround(200 * std::log(probe.rate.per_second()))];
        if (!kept || probe.length > kept->length) kept = &probe;
    }
    std::vector<LoadPoint> points;
    for (const auto& [rate, probe] : longest) {
        result.curve.push_back({probe->transactions_per_s, probe->p50, probe->p99});
    }
    std::sort(result.curve.begin(), result.curve.end(),
              [](const auto& a, const auto& b) { return a.tps < b.tps; });
    for (const auto& point : result.curve) points.push_back({point.tps, to_seconds(point.p50)});
    result.knee = kleinrock_knee(points);
}

/// The last hold, by the clause that used most of what it allows.
void Search::add_hold(CapacityResult& result) const {
    const auto last = std::find_if(history_.rbegin(), history_.rend(), [&](const auto& probe) {
        if (probe.kind != Kind::hold || probe.word == VerdictWord::invalid) return false;
        return confirmed_ == 0 || probe.rate.per_second() == confirmed_;
    });
    if (last == history_.rend()) return;
    HoldFacts hold;
    hold.rate = last->rate.per_second();
    hold.length = last->length;
    hold.passed = last->word == VerdictWord::pass;
    double most = -1, chance = 1;
    for (const auto i : modelled_) {
        const auto& clause = options_.clauses[i];
        const auto& count = last->clauses[i];
        const auto model = *clause.model();
        const double used = count.bad_share() / model.bad_share;
        // Where few were bad the scatter is not known; one cluster more or less is the least.
        const double least_error =
            std::sqrt(2 * .1 * model.bad_share * model.cluster_s / to_seconds(hold.length));
        chance *= chance_to_repeat(count.bad_share(),
                                   std::max(count.standard_error.value_or(0), least_error),
                                   model.bad_share);
        if (used <= most) continue;
        most = used;
        hold.clause = clause.text;
        hold.budget_used = used;
        hold.worst_minute_used.reset();
        if (count.worst_minute_share) {
            hold.worst_minute_used = *count.worst_minute_share / model.bad_share;
            hold.worst_minute_start = count.worst_minute_start;
        }
    }
    if (hold.passed) hold.chance_to_repeat = chance;
    result.hold = hold;
}

void Search::add_notes(CapacityResult& result) const {
    const auto promise = promise_time(options_.clauses);
    if (options_.hold && *options_.hold < hold_promise_times * promise) {
        result.notes.push_back(
            fmt::format("the hold of {} is shorter than {}, which is 20 times limit / allowed "
                        "share: it may pass by luck",
                        format_duration_exact(*options_.hold),
                        format_duration_exact(hold_promise_times * promise)));
    }
    if (line_ && high_ == 0 && failed_holds_ == 0 && result.failed_first.empty()) {
        result.notes.push_back("no rate failed: the load line may lie higher");
    }
}

}  // namespace loadline

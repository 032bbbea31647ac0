#include "trial/search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/units.hpp"

namespace loadline {
namespace {

using Kind = ProbeResult::Kind;
using std::chrono::milliseconds;

constexpr double close_enough = 1.02;  // lowest failure / highest pass
constexpr double geometric_above = 1.5;
constexpr double near_knee_below = 1.2;
constexpr double hold_step = 0.97;
constexpr std::size_t holds_at_most = 5;
constexpr double unbounded = std::numeric_limits<double>::infinity();

double rate_of(const ProbeResult& probe) { return probe.rate.per_second(); }
Duration planned_of(const ProbeResult& probe) { return std::max(probe.planned, probe.length); }

Duration settle_for(Duration length) {
    return std::max<Duration>(milliseconds{500}, length * 15 / 100);
}

/// Settling and measuring, without draining: what a probe must fit into the budget with.
Duration cost_of(const TrialSpec& spec) { return spec.settle + spec.length; }

Duration spent_on(const ProbeResult& probe) {
    if (probe.elapsed > Duration{}) return probe.elapsed;
    return probe.length + settle_for(probe.length);
}

/// What is believed of the service: every pass lies below every failure.
struct Evidence {
    struct Point {
        double rate;
        Duration planned;
        const ProbeResult* probe;
    };
    std::vector<Point> passes, failures;
    double limited = unbounded;  ///< lowest rate that was INVALID time after time

    /// The highest pass and the lowest failure; rate 0 and infinity when there is none.
    Point low() const { return highest(passes); }
    Point high() const {
        const auto at = std::min_element(failures.begin(), failures.end(), by_rate);
        return at == failures.end() ? Point{unbounded, {}, nullptr} : *at;
    }
    double top() const { return std::min(high().rate, limited); }

    static bool by_rate(const Point& a, const Point& b) { return a.rate < b.rate; }
    static Point highest(const std::vector<Point>& points) {
        const auto at = std::max_element(points.begin(), points.end(), by_rate);
        return at == points.end() ? Point{0, {}, nullptr} : *at;
    }
};

/// Adds `point` to its own side unless what contradicts it on the other is stronger; what is
/// weaker there is no longer believed. A failure is stronger than a pass of the same length.
template <class Contradicts, class Stronger>
void weigh(std::vector<Evidence::Point>& own, std::vector<Evidence::Point>& other,
           const Evidence::Point& point, Contradicts contradicts, Stronger stronger) {
    const auto wins = [&](const auto& p) { return contradicts(p) && stronger(p); };
    if (std::any_of(other.begin(), other.end(), wins)) return;
    std::erase_if(other, contradicts);
    std::erase_if(own, [&](const auto& p) { return p.rate == point.rate; });
    own.push_back(point);
}

bool same_trial(const ProbeResult& a, const ProbeResult& b) {
    return a.kind == b.kind && a.rate == b.rate;
}

/// INVALID so often in a row at one rate, and it is the generator's limit and no hiccup.
constexpr std::size_t invalid_tries = 3;

/// Whether probe i is the last of `invalid_tries` INVALID ones in a row at its rate.
bool given_up(const std::vector<ProbeResult>& history, std::size_t i) {
    if (i + 1 < invalid_tries) return false;
    for (std::size_t k = i + 1 - invalid_tries; k <= i; ++k) {
        if (history[k].word != VerdictWord::invalid || !same_trial(history[k], history[i]))
            return false;
    }
    return true;
}

Evidence weigh(const std::vector<ProbeResult>& history) {
    Evidence e;
    for (std::size_t i = 0; i < history.size(); ++i) {
        const auto& probe = history[i];
        const Evidence::Point point{rate_of(probe), planned_of(probe), &probe};
        if (probe.word == VerdictWord::pass) {
            weigh(
                e.passes, e.failures, point, [&](const auto& p) { return p.rate <= point.rate; },
                [&](const auto& p) { return p.planned >= point.planned; });
        } else if (probe.word == VerdictWord::fail) {
            weigh(
                e.failures, e.passes, point, [&](const auto& p) { return p.rate >= point.rate; },
                [&](const auto& p) { return p.planned > point.planned; });
        } else if (given_up(history, i)) {
            e.limited = std::min(e.limited, point.rate);
        }
    }
    std::erase_if(e.passes, [&](const auto& p) { return p.rate >= e.limited; });
    return e;
}

/// How long probes are, out of the budget and of tau, the time in which one bad cluster of
/// requests uses a 1 % promise up: far from the knee a p99 shows at once, near it never soon.
class Lengths {
public:
    explicit Lengths(const SearchOptions& options)
        : budget_{to_seconds(options.budget)},
          tau_{100 * to_seconds(options.smallest_latency_limit)},
          samples_{static_cast<double>(options.fewest_samples)} {}

    Duration coarse(double rate) const { return at_least_samples(share(30, 2, 5), rate); }
    Duration bisecting(double rate) const {
        return at_least_samples(share(20, 2, std::max(4.0, tau_)), rate);
    }
    Duration near_knee(double rate) const {
        return at_least_samples(share(9, 2.5, std::max(15.0, 1.5 * tau_)), rate);
    }
    /// For the second look at both ends of a closed bracket.
    Duration confirming(double rate) const { return 2 * near_knee(rate); }

    /// The rate at which a third of the budget gives a third more than the samples needed.
    double lowest_rate() const { return 4 * samples_ / budget_; }

private:
    double share(double part, double lowest, double highest) const {
        return std::clamp(budget_ / part, lowest, highest);
    }
    /// Twice the samples the SLO needs at least, as far as a third of the budget goes.
    Duration at_least_samples(double length, double rate) const {
        return seconds(std::max(length, std::min(2 * samples_ / rate, budget_ / 3)));
    }

    double budget_, tau_, samples_;
};

TrialSpec probe_at(Kind kind, double rate, Duration length) {
    return {kind, Rate::per_second(rate), settle_for(length), length};
}

std::optional<TrialSpec> next_hold(const SearchOptions& options,
                                   const std::vector<ProbeResult>& history, const Evidence& e) {
    if (!options.hold) return {};
    const auto holds = static_cast<std::size_t>(std::count_if(
        history.begin(), history.end(), [](const auto& p) { return p.kind == Kind::hold; }));
    double rate = e.low().rate;
    if (holds > 0) {
        const auto& last = history.back();
        const bool repeat =
            last.word == VerdictWord::invalid && !given_up(history, history.size() - 1);
        if (last.word == VerdictWord::pass || holds >= holds_at_most) return {};
        rate = rate_of(last) * (repeat ? 1 : hold_step);
    }
    if (rate <= 0) return {};
    const auto settle =
        std::clamp<Duration>(*options.hold / 20, milliseconds{500}, std::chrono::seconds{5});
    return TrialSpec{Kind::hold, Rate::per_second(rate), settle, *options.hold};
}

/// The probe that narrows the bracket, or firms up an end of a closed one; nothing when
/// both ends are firm, or when the budget could not mend what a failure at the low end undoes.
std::optional<TrialSpec> narrow(const Lengths& lengths, const Evidence& e, Duration left) {
    const auto low = e.low(), high = e.high();
    const double ratio = e.top() / low.rate;
    if (ratio > close_enough) {
        const double middle =
            ratio > geometric_above ? std::sqrt(e.top() * low.rate) : (e.top() + low.rate) / 2;
        return probe_at(
            Kind::refine, middle,
            ratio > near_knee_below ? lengths.bisecting(middle) : lengths.near_knee(middle));
    }
    for (const auto& end : {low, high}) {
        if (end.probe == nullptr) continue;  // above is the generator's limit
        const auto mending = cost_of(probe_at(Kind::refine, end.rate, lengths.near_knee(end.rate)));
        const auto affordable = seconds(to_seconds(left - 2 * mending) / 1.15);
        const auto length = std::min(lengths.confirming(end.rate), affordable);
        if (2 * length < 3 * end.planned) continue;  // firm enough, or nothing to firm it up with
        return probe_at(Kind::refine, end.rate, length);
    }
    return {};
}

std::optional<TrialSpec> explore(const SearchOptions& options,
                                 const std::vector<ProbeResult>& history, const Evidence& e,
                                 Duration left) {
    const Lengths lengths{options};
    const double cap = options.max_rate ? options.max_rate->per_second() : unbounded;
    const double start = std::min(options.start_rate.per_second(), cap);
    if (history.empty()) return probe_at(Kind::floor, start, lengths.coarse(start));

    const auto& last = history.back();
    if (last.word == VerdictWord::invalid && !given_up(history, history.size() - 1)) {
        return probe_at(last.kind, rate_of(last), planned_of(last));
    }
    const auto low = e.low();
    if (low.rate == 0) {
        const double lower = std::max(start / 10, lengths.lowest_rate());
        if (e.top() < start || lower >= start) return {};  // the second floor failed too
        return probe_at(Kind::floor, lower, lengths.coarse(lower));
    }
    if (e.top() != unbounded) return narrow(lengths, e, left);
    if (low.rate >= cap) return {};
    const double doubled = std::min(2 * low.rate, cap);
    return probe_at(Kind::bracket, doubled, lengths.coarse(doubled));
}

/// Shortens a probe to what is left, if that is still at least half of it.
std::optional<TrialSpec> fit(TrialSpec spec, Duration left) {
    if (cost_of(spec) <= left) return spec;
    const auto length = seconds(to_seconds(left) / 1.15);
    if (length < spec.length / 2 || length < std::chrono::seconds{4}) return {};
    spec.length = length;
    spec.settle = settle_for(length);
    return spec;
}

/// Rates of journeys as transactions per second: as the probe that passed nearest to the
/// rate completed them.
class Throughput {
public:
    explicit Throughput(const std::vector<ProbeResult>& history) : history_{history} {}

    double tps(double rate) const {
        double per_journey = 0, nearest = unbounded;
        for (const auto& probe : history_) {
            if (probe.word != VerdictWord::pass) continue;
            const double distance = std::abs(std::log(rate_of(probe) / rate));
            if (distance > nearest) continue;
            nearest = distance;
            per_journey = probe.transactions_per_s / rate_of(probe);
        }
        return rate * per_journey;
    }
    std::string text(double rate) const {
        return fmt::format("{} journeys/s ({} transactions/s)", format_number(rate),
                           format_number(tps(rate)));
    }

private:
    const std::vector<ProbeResult>& history_;
};

/// The history before the first hold.
std::vector<ProbeResult> without_holds(const std::vector<ProbeResult>& history) {
    const auto first = std::find_if(history.begin(), history.end(),
                                    [](const auto& p) { return p.kind == Kind::hold; });
    return {history.begin(), first};
}

void conclude_nothing_passed(CapacityResult& result, const std::vector<ProbeResult>& history,
                             const Evidence& e, bool interrupted) {
    if (interrupted) {
        result.word = "UNSTABLE";
        result.text = "interrupted before any rate had passed";
    } else if (e.high().probe != nullptr) {
        result.word = "NO-RATE";
        result.text = fmt::format("no rate keeps the SLO: even {} journeys/s break it ({})",
                                  format_number(e.high().rate), result.failed_first);
    } else {
        result.word = "GENERATOR-LIMITED";
        result.text = "no probe could be judged: " + (history.empty() ? "" : history.back().why);
    }
}

void conclude_capacity(CapacityResult& result, const SearchOptions& options, const Evidence& e,
                       const Throughput& throughput, std::size_t failed_holds, bool interrupted) {
    const bool limited = e.limited < e.high().rate;
    const std::string generator =
        limited ? fmt::format(": at {} journeys/s the generator, not the service, was at its limit",
                              format_number(e.limited))
                : "";
    const std::string open_end =
        e.top() == unbounded ? "; no rate failed, so the load line may lie higher" : "";
    if (result.confirmed_rate) {
        result.word = limited ? "GENERATOR-LIMITED" : "CONFIRMED";
        result.text = fmt::format("{}{} keep the SLO, held for {}{}{}", limited ? "at least " : "",
                                  throughput.text(*result.confirmed_rate),
                                  format_duration_exact(*options.hold), generator, open_end);
    } else if (limited) {
        result.word = "GENERATOR-LIMITED";
        result.text = fmt::format("at least {}, not held{}", throughput.text(*result.estimate_rate),
                                  generator);
    } else if (failed_holds == 0) {
        result.word = "ESTIMATE-ONLY";
        result.text = fmt::format("about {}, not held{}{}", throughput.text(*result.estimate_rate),
                                  interrupted ? ": interrupted" : "", open_end);
    } else {
        result.word = "UNSTABLE";
        result.text = fmt::format(
            "probes passed up to {}, but none of {} {} did: give the search "
            "a larger --budget",
            throughput.text(*result.estimate_rate), failed_holds,
            failed_holds == 1 ? "hold" : "holds");
    }
}

}  // namespace

std::optional<TrialSpec> next_probe(const SearchOptions& options,
                                    const std::vector<ProbeResult>& history) {
    const auto e = weigh(history);
    auto left = options.budget;
    for (const auto& probe : history) left -= spent_on(probe);
    if (history.empty()) return explore(options, history, e, left);
    if (history.back().kind != Kind::hold) {
        if (const auto spec = explore(options, history, e, left)) {
            if (const auto fitting = fit(*spec, left)) return fitting;
        }
    }
    return next_hold(options, history, e);
}

CapacityResult conclude(const SearchOptions& options, std::vector<ProbeResult> history,
                        bool interrupted) {
    CapacityResult result;
    const Throughput throughput{history};
    const auto probes = without_holds(history);
    const auto estimate = weigh(probes);
    const auto all = weigh(history);
    const auto failed_holds =
        static_cast<std::size_t>(std::count_if(history.begin(), history.end(), [](const auto& p) {
            return p.kind == Kind::hold && p.word == VerdictWord::fail;
        }));

    if (all.high().probe != nullptr) result.failed_first = all.high().probe->why;
    if (probes.size() < history.size() && history.back().word == VerdictWord::pass) {
        result.confirmed_rate = rate_of(history.back());
        result.confirmed_tps = throughput.tps(*result.confirmed_rate);
    }
    const double low = estimate.low().rate;
    if (low == 0) {
        conclude_nothing_passed(result, history, estimate, interrupted);
    } else {
        result.estimate_rate = low;
        result.estimate_tps = throughput.tps(low);
        conclude_capacity(result, options, all, throughput, failed_holds, interrupted);
    }
    result.probes = std::move(history);
    return result;
}

}  // namespace loadline

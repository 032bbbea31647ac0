#include "report/certificate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/units.hpp"
#include "report/figures.hpp"

namespace loadline {
namespace {

using Lines = std::vector<CertificateLine>;

std::string tps(double per_second) { return format_number(per_second) + " TPS"; }
std::string journeys(double per_second) { return rate_text(per_second, "journeys"); }

/// A share whose decimals would claim more than is known: "62 %", "6.2 %".
std::string percent(double share) {
    const double size = std::abs(100 * share);
    const double unit = size >= 10 ? 1 : .1;
    return format_number(std::round(100 * share / unit) * unit) + " %";
}

std::string chance(double share) {
    if (share > .99) return "over 99 %";
    if (share < .01) return "under 1 %";
    return percent(share);
}

void add_confirmed(const CapacityResult& c, Lines& lines) {
    if (!c.confirmed_tps || !c.confirmed_rate) return;
    auto text = journeys(*c.confirmed_rate);
    if (c.hold && c.hold->passed) text += ", held for " + round_duration(c.hold->length);
    lines.push_back({"confirmed", tps(*c.confirmed_tps), text, VerdictWord::pass});
}

void add_estimate(const CapacityResult& c, Lines& lines) {
    if (!c.estimate_tps || !c.estimate_rate) return;
    if (!c.interval) {  // the generator's limit came first
        if (c.confirmed_rate == c.estimate_rate) return;
        lines.push_back({"at least",
                         tps(*c.estimate_tps),
                         journeys(*c.estimate_rate) + "; no upper bound was found",
                         {}});
        return;
    }
    const auto& q = *c.interval;
    const double k = c.transactions_per_journey;
    auto text = fmt::format("{}; 90 % interval {} to {}", journeys(*c.estimate_rate),
                            format_number(q.q05 * k), tps(q.q95 * k));
    if (q.q50 > 0) {
        text += fmt::format(" (−{}, +{})", percent(1 - q.q05 / q.q50), percent(q.q95 / q.q50 - 1));
    }
    lines.push_back({"estimate", tps(*c.estimate_tps), text, {}});
}

void add_safe(const CapacityResult& c, Lines& lines) {
    if (!c.safe_tps || !c.safe_rate) return;
    auto text = journeys(*c.safe_rate) + "; the load line lies below it with a probability of 5 %";
    const bool above = c.confirmed_rate && *c.safe_rate > *c.confirmed_rate;
    if (above) text += "; more than was confirmed, so plan with that";
    lines.push_back({"safe", tps(*c.safe_tps), text, {}});
}

/// The lowest rate above the confirmed one at which the probe failed that `failed_first` quotes.
std::optional<Rate> rate_of_failure(const CapacityResult& c) {
    std::optional<Rate> lowest;
    for (const auto& probe : c.probes) {
        if (probe.word != VerdictWord::fail || probe.why != c.failed_first) continue;
        if (probe.rate.per_second() < c.confirmed_rate.value_or(0)) continue;
        if (!lowest || probe.rate < *lowest) lowest = probe.rate;
    }
    return lowest;
}

void add_clauses(const CapacityResult& c, Lines& lines) {
    if (!c.binding_clause.empty()) {
        lines.push_back({"binding", "", c.binding_clause + ", the clause that breaks first", {}});
    }
    if (c.failed_first.empty()) return;
    auto text = c.failed_first;
    if (const auto rate = rate_of_failure(c)) text += ", at " + journeys(rate->per_second());
    lines.push_back({"failed first", "", text, {}});
}

void add_hold(const CapacityResult& c, Lines& lines) {
    if (!c.hold) return;
    const auto& hold = *c.hold;
    auto text = fmt::format("of the bad requests that {} allows were used", hold.clause);
    if (!hold.passed) {
        text += fmt::format(": the last hold, {} at {}, failed", round_duration(hold.length),
                            journeys(hold.rate));
    }
    if (hold.worst_minute_used) {
        text += fmt::format("; {} in the worst 60 s (from {} on)", percent(*hold.worst_minute_used),
                            round_duration(hold.worst_minute_start));
    }
    if (hold.chance_to_repeat) {
        text += fmt::format("; the same hold would pass again with a chance of {}",
                            chance(*hold.chance_to_repeat));
    }
    lines.push_back({"hold", percent(hold.budget_used), text,
                     hold.passed ? std::nullopt : std::optional{VerdictWord::fail}});
}

void add_knee(const CapacityResult& c, Duration timeout, Lines& lines) {
    if (!c.knee || *c.knee >= c.curve.size()) return;
    const auto& knee = c.curve[*c.knee];
    if (!knee_reached(c)) {
        const auto text =
            "not reached: up to " + tps(knee.tps) + " throughput grew faster than latency";
        lines.push_back({"knee", "", text, {}});
        return;
    }
    lines.push_back({"knee",
                     tps(knee.tps),
                     fmt::format("p50 {}, p99 {}; above it latency grows faster than throughput",
                                 latency_text(knee.p50, timeout), latency_text(knee.p99, timeout)),
                     {}});
}

void add_headroom(const CapacityResult& c, Lines& lines) {
    if (!c.headroom || !c.current_rate) return;
    const auto current = journeys(*c.current_rate);
    if (*c.headroom >= 0) {
        lines.push_back({"headroom",
                         percent(*c.headroom),
                         "of the estimate is left above the current " + current,
                         {}});
    } else {
        lines.push_back({"headroom", "none",
                         fmt::format("the current {} are {} more than the estimate", current,
                                     percent(-*c.headroom)),
                         VerdictWord::fail});
    }
}

void add_pods(const CapacityResult& c, Lines& lines) {
    if (!c.pods || !c.tps_per_pod) return;
    lines.push_back({"per pod",
                     tps(*c.tps_per_pod),
                     fmt::format("from each of {} pods, {}", count_text(*c.pods),
                                 c.confirmed_tps ? "confirmed" : "estimated"),
                     {}});
}

void add_search(const CapacityResult& c, Lines& lines) {
    if (c.probes.empty()) return;
    const auto is_hold = [](const ProbeResult& p) { return p.kind == ProbeResult::Kind::hold; };
    const auto holds = std::count_if(c.probes.begin(), c.probes.end(), is_hold);
    const auto probes = std::ssize(c.probes) - holds;
    auto text = fmt::format("{} {}", probes, probes == 1 ? "probe" : "probes");
    if (c.budget > Duration{}) {
        text += fmt::format(" in {} of a budget of {}", round_duration(c.spent),
                            round_duration(c.budget));
    }
    if (holds > 0) {
        Duration held{};
        for (const auto& probe : c.probes) held += is_hold(probe) ? probe.length : Duration{};
        text += fmt::format(", {} {} of {}{}", holds, holds == 1 ? "hold" : "holds",
                            round_duration(held), holds == 1 ? "" : " together");
    }
    lines.push_back({"search", "", text, {}});
}

}  // namespace

std::vector<CertificateLine> certificate_lines(const CapacityResult& c, Duration timeout) {
    Lines lines;
    add_confirmed(c, lines);
    add_estimate(c, lines);
    add_safe(c, lines);
    add_headroom(c, lines);
    add_pods(c, lines);
    add_clauses(c, lines);
    add_hold(c, lines);
    add_knee(c, timeout, lines);
    if (!c.topology.text.empty()) {
        const bool shared = c.topology.cores_shared.value_or(false);
        lines.push_back({"topology", "", c.topology.text,
                         shared ? std::optional{VerdictWord::invalid} : std::nullopt});
    }
    add_search(c, lines);
    for (const auto& note : c.notes) lines.push_back({"note", "", note, VerdictWord::invalid});
    return lines;
}

bool knee_reached(const CapacityResult& c) { return c.knee && *c.knee + 1 < c.curve.size(); }

double allowed_share(const SloClause& clause) {
    return clause.metric == SloClause::Metric::errors ? clause.error_limit : 1 - clause.quantile;
}

std::optional<BadShare> worst_clause(const ProbeResult& probe,
                                     const std::vector<ClauseResult>& clauses) {
    std::optional<BadShare> worst;
    for (std::size_t i = 0; i < std::min(probe.clauses.size(), clauses.size()); ++i) {
        const bool windows = clauses[i].clause.over_every.has_value();  // judged in holds alone
        if (windows || probe.clauses[i].requests == 0) continue;
        const double share = probe.clauses[i].bad_share();
        const double allowed = allowed_share(clauses[i].clause);
        const double none = share > 0 ? HUGE_VAL : 0;  // errors <= 0
        const BadShare bad{i, share, allowed > 0 ? share / allowed : none};
        if (!worst || bad.used > worst->used) worst = bad;
    }
    return worst;
}

std::string bad_share_text(const ProbeResult& probe, std::size_t clause) {
    if (clause >= probe.clauses.size() || probe.clauses[clause].requests == 0) return "–";
    return short_share(probe.clauses[clause].bad_share());
}

std::string short_share(double share) {
    const double percents = 100 * share;
    const double unit = percents >= 10 ? 1 : percents >= 1 ? .1 : percents >= .1 ? .01 : .001;
    return format_number(std::round(percents / unit) * unit) + " %";
}

std::vector<std::string> invalid_probes(const CapacityResult& c) {
    std::vector<std::string> texts, reasons;
    for (const auto& probe : c.probes) {
        if (probe.word != VerdictWord::invalid || probe.why.empty()) continue;
        if (std::find(reasons.begin(), reasons.end(), probe.why) != reasons.end()) continue;
        reasons.push_back(probe.why);
        texts.push_back(fmt::format("at {}: {}", journeys(probe.rate.per_second()), probe.why));
    }
    return texts;
}

std::string length_text(const ProbeResult& probe) {
    const auto length = round_duration(probe.length);
    if (probe.planned <= probe.length) return length;
    return fmt::format("{} of {}", length, round_duration(probe.planned));
}

}  // namespace loadline

#include <algorithm>

#include "stats/quantile.hpp"
#include "trial/cause.hpp"

namespace loadline {
namespace {

constexpr std::size_t most_seconds = 10;

/// The percentile of one second that stands for `q`: the highest that its samples allow.
Duration percentile_of(const TimelinePoint& point, double q) {
    const std::pair<double, Duration> known[] = {
        {0.999, point.p999}, {0.99, point.p99}, {0.9, point.p90}, {0.5, point.p50}};
    for (const auto& [quantile, value] : known) {
        if (quantile <= q + 1e-9 && point.completed >= samples_needed(quantile)) return value;
    }
    return point.p50;
}

bool breaks(const SloClause& clause, const TimelinePoint& point) {
    if (point.completed == 0) return point.in_flight > 0;  // nothing came back
    if (clause.metric == SloClause::Metric::errors) {
        const auto all = static_cast<double>(point.completed);
        return static_cast<double>(point.errors) / all > clause.error_limit;
    }
    return percentile_of(point, clause.quantile) > clause.limit;
}

/// The same for a second whose percentiles hide the few slow ones.
bool has_any(const SloClause& clause, const TimelinePoint& point) {
    return clause.metric == SloClause::Metric::errors ? point.errors > 0 : point.max > clause.limit;
}

using Points = std::span<const TimelinePoint>;
using Test = bool (*)(const SloClause&, const TimelinePoint&);

/// Whether each second breaks one of the clauses.
std::vector<bool> bad_seconds(Points points, std::span<const ClauseResult> clauses, Test test,
                              bool with_drain) {
    std::vector<bool> bad(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
        const auto phase = points[i].phase;
        if (phase != Phase::measure && !(with_drain && phase == Phase::drain)) continue;
        bad[i] = std::any_of(clauses.begin(), clauses.end(), [&](const ClauseResult& clause) {
            return clause.word == VerdictWord::fail && test(clause.clause, points[i]);
        });
    }
    return bad;
}

/// Where it begins for good: the first bad second of which half of the next five are bad too;
/// else the first bad one. `bad` has one.
std::size_t onset_of(const std::vector<bool>& bad) {
    for (std::size_t i = 0; i < bad.size(); ++i) {
        const auto window = std::min<std::size_t>(5, bad.size() - i);
        const auto begin = bad.begin() + static_cast<std::ptrdiff_t>(i);
        const auto n = std::count(begin, begin + static_cast<std::ptrdiff_t>(window), true);
        if (bad[i] && 2 * n > static_cast<std::ptrdiff_t>(window)) return i;
    }
    return static_cast<std::size_t>(std::find(bad.begin(), bad.end(), true) - bad.begin());
}

/// Seconds that are neither bad nor the echo of a bad one: what is watched comes a little late.
std::vector<std::size_t> good_between(Points points, const std::vector<bool>& bad,
                                      std::size_t begin, std::size_t end) {
    std::vector<std::size_t> good;
    for (std::size_t i = begin; i < end && good.size() < most_seconds; ++i) {
        const bool echo = i > 0 && bad[i - 1];
        const bool loaded = points[i].phase != Phase::drain && points[i].completed > 0;
        if (!bad[i] && !echo && loaded) good.push_back(i);
    }
    return good;
}

CauseStretch stretch_of(Points points, const std::vector<std::size_t>& chosen) {
    CauseStretch stretch;
    stretch.from = points[chosen.front()].since_start - points[chosen.front()].length;
    double arrivals = 0;
    for (const auto i : chosen) {
        stretch.length += points[i].length;
        arrivals += points[i].intended_rate * to_seconds(points[i].length);
    }
    if (stretch.length > Duration{}) stretch.rate = arrivals / to_seconds(stretch.length);
    return stretch;
}

/// The chosen seconds; what is watched in the echo behind each counts too.
CauseSide bad_side(Points points, const std::vector<std::size_t>& chosen) {
    CauseSide side;
    for (const auto i : chosen) {
        add_to(side, points[i]);
        const auto next = i + 1;
        if (next >= points.size() || !points[next].target) continue;
        if (std::find(chosen.begin(), chosen.end(), next) != chosen.end()) continue;
        if (!side.target) side.target.emplace();
        append(*side.target, *points[next].target);
    }
    return side;
}

/// Ends of the target at any time of the run are findings, not only those in a bad second.
void take_ends(CauseSide& side, Points points) {
    const auto all = side_of(points);
    if (!all.target || !all.target->process) return;
    if (!side.target) side.target.emplace();
    if (!side.target->process) side.target->process.emplace();
    auto& process = *side.target->process;
    const auto& whole = *all.target->process;
    process.pid = whole.pid;
    process.restarts = whole.restarts;
    process.oom_kills = whole.oom_kills;
    process.gone = whole.gone;
}

/// The first second that alone shows the finding.
void date(CauseFinding& finding, Points points, const CauseSide* good,
          const CauseContext& context) {
    for (const auto& point : points) {
        if (point.phase == Phase::warmup) continue;
        const auto alone = compare_sides(good, side_of({&point, 1}), context);
        const bool shows = std::any_of(alone.begin(), alone.end(), [&](const CauseFinding& other) {
            return other.code == finding.code;
        });
        if (!shows) continue;
        finding.since = point.since_start;
        if (point.intended_rate > 0) finding.rate = point.intended_rate;
        return;
    }
}

}  // namespace

std::optional<CauseReport> explain_run(const TrialMeasurement& measurement,
                                       std::span<const ClauseResult> clauses,
                                       Duration latency_limit) {
    const Points points{measurement.timeline};
    const CauseContext context{latency_limit, measurement.examples};
    const bool broken = std::any_of(clauses.begin(), clauses.end(), [](const auto& clause) {
        return clause.word == VerdictWord::fail;
    });
    std::vector<bool> bad(points.size());
    if (broken) bad = bad_seconds(points, clauses, breaks, false);
    const auto any = [&] { return std::find(bad.begin(), bad.end(), true) != bad.end(); };
    if (broken && !any()) bad = bad_seconds(points, clauses, has_any, true);

    CauseReport report;
    CauseSide worse;
    std::optional<CauseSide> better;
    if (any()) {
        const auto onset = onset_of(bad);
        std::vector<std::size_t> chosen;
        for (auto i = onset; i < bad.size() && chosen.size() < most_seconds; ++i) {
            if (bad[i]) chosen.push_back(i);
        }
        auto good = good_between(points, bad, 0, onset);
        if (good.empty()) good = good_between(points, bad, onset, bad.size());
        report.bad = stretch_of(points, chosen);
        worse = bad_side(points, chosen);
        if (!good.empty()) {
            report.good = stretch_of(points, good);
            better.emplace();
            for (const auto i : good) add_to(*better, points[i]);
        }
    }
    take_ends(worse, points);
    report.findings = compare_sides(better ? &*better : nullptr, worse, context);
    if (!broken && report.findings.empty()) return {};
    for (auto& finding : report.findings) {
        date(finding, points, better ? &*better : nullptr, context);
    }
    return report;
}

}  // namespace loadline

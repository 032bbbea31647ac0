#include <algorithm>

#include "stats/quantile.hpp"
#include "trial/cause.hpp"

namespace loadline {
namespace {

constexpr std::size_t most_seconds = 10;

/// The share of bad ones that a clause allows in one second; of a percentile that of the highest
/// one that its samples allow.
double allowed_share(const SloClause& clause, std::uint64_t samples) {
    if (clause.metric == SloClause::Metric::errors) return clause.error_limit;
    for (const double q : {clause.quantile, 0.999, 0.99, 0.9}) {
        if (q <= clause.quantile && samples >= samples_needed(q)) return 1 - q;
    }
    return 0.5;
}

/// `count` is what the clause judges of the second: its own step or journey alone, if it has one.
bool breaks(const SloClause& clause, const ClauseCount& count, const TimelinePoint& point) {
    if (point.completed == 0) return point.in_flight > 0;  // nothing came back
    return count.bad_share() > allowed_share(clause, count.requests) + 1e-9;
}

/// The same for a second that hides the few bad ones among many.
bool has_any(const SloClause&, const ClauseCount& count, const TimelinePoint&) {
    return count.bad > 0;
}

using Points = std::span<const TimelinePoint>;
using Clauses = std::span<const ClauseResult>;
using Test = bool (*)(const SloClause&, const ClauseCount&, const TimelinePoint&);

ClauseCount count_of(const TimelinePoint& point, std::size_t clause) {
    return clause < point.clauses.size() ? point.clauses[clause] : ClauseCount{};
}

/// Whether each second breaks one of the clauses that failed, in whatever phase.
std::vector<bool> broken_seconds(Points points, Clauses clauses, Test test) {
    std::vector<bool> broken(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
        for (std::size_t c = 0; c < clauses.size() && !broken[i]; ++c) {
            broken[i] = clauses[c].word == VerdictWord::fail &&
                        test(clauses[c].clause, count_of(points[i], c), points[i]);
        }
    }
    return broken;
}

/// Whether something ended in the second that each clause that failed judges: else nobody knows
/// whether it was a good one.
bool is_known(const TimelinePoint& point, Clauses clauses) {
    for (std::size_t c = 0; c < clauses.size(); ++c) {
        if (clauses[c].word != VerdictWord::fail) continue;
        if (count_of(point, c).requests == 0) return false;
    }
    return true;
}

/// Of the broken seconds those that the verdict is about: a warm-up is not judged, and a drain
/// only where its answers belong to what was due before.
std::vector<bool> judged(Points points, std::vector<bool> broken, bool with_drain) {
    for (std::size_t i = 0; i < points.size(); ++i) {
        const auto phase = points[i].phase;
        if (phase != Phase::measure && !(with_drain && phase == Phase::drain)) broken[i] = false;
    }
    return broken;
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

/// Seconds that are neither broken nor the echo of such a one: what is watched comes a little
/// late. Those of a warm-up serve as well.
std::vector<std::size_t> good_between(Points points, Clauses clauses,
                                      const std::vector<bool>& broken, std::size_t begin,
                                      std::size_t end) {
    std::vector<std::size_t> good;
    for (std::size_t i = begin; i < end && good.size() < most_seconds; ++i) {
        const bool echo = i > 0 && broken[i - 1];
        const bool loaded = points[i].phase != Phase::drain && is_known(points[i], clauses);
        if (!broken[i] && !echo && loaded) good.push_back(i);
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

}  // namespace

void take_ends(CauseSide& side, std::span<const TimelinePoint> points) {
    const auto all = side_of(points);
    if (!all.target) return;
    if (!side.target) side.target.emplace();
    if (const auto& whole = all.target->process) {
        if (!side.target->process) side.target->process.emplace();
        auto& process = *side.target->process;
        process.pid = whole->pid;
        process.restarts = whole->restarts;
        process.oom_kills = whole->oom_kills;
        process.gone = whole->gone;
    }
    if (const auto& whole = all.target->redis) {
        if (!side.target->redis) side.target->redis.emplace();
        side.target->redis->restarts = whole->restarts;
    }
}

bool is_end(const CauseFinding& finding) {
    return finding.code == "restart" || finding.code == "oom" || finding.code == "gone" ||
           finding.code == "redis_restart";
}

void date(CauseFinding& finding, std::span<const TimelinePoint> points, const CauseSide* good,
          const CauseContext& context) {
    for (const auto& point : points) {
        if (point.phase == Phase::warmup && !is_end(finding)) continue;
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

std::optional<CauseReport> explain_run(const TrialMeasurement& measurement,
                                       std::span<const ClauseResult> clauses,
                                       Duration latency_limit) {
    const Points points{measurement.timeline};
    CauseContext context{latency_limit, measurement.examples};
    context.too_slow = false;
    bool failed = false;
    for (const auto& clause : clauses) {
        if (clause.word != VerdictWord::fail) continue;
        failed = true;
        if (clause.clause.metric == SloClause::Metric::percentile) context.too_slow = true;
    }
    auto broken = broken_seconds(points, clauses, breaks);
    auto bad = judged(points, broken, false);
    const auto any = [&] { return std::find(bad.begin(), bad.end(), true) != bad.end(); };
    if (!any()) {
        broken = broken_seconds(points, clauses, has_any);
        bad = judged(points, broken, true);
    }

    CauseReport report;
    CauseSide worse;
    std::optional<CauseSide> better;
    if (any()) {
        const auto onset = onset_of(bad);
        std::vector<std::size_t> chosen;
        for (auto i = onset; i < bad.size() && chosen.size() < most_seconds; ++i) {
            if (bad[i]) chosen.push_back(i);
        }
        auto good = good_between(points, clauses, broken, 0, onset);
        if (good.empty()) good = good_between(points, clauses, broken, onset, broken.size());
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
    if (!failed && report.findings.empty()) return {};
    for (auto& finding : report.findings) {
        date(finding, points, better ? &*better : nullptr, context);
    }
    return report;
}

}  // namespace loadline

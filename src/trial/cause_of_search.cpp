#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "trial/cause.hpp"

namespace loadline {
namespace {

/// So much must lie between the two rates: of nearer ones luck decides which passes.
constexpr double apart = 1.05;
/// The search doubles its rates at first: with some room for those that could not be met exactly.
constexpr double most_apart = 2.1;
/// A probe that far above the first bad one may break by something else.
constexpr double still_near = 1.25;

using Sights = std::span<const ProbeSight>;

/// Of the probes with this word that `fits`, the one that comes first by `before`.
template <class Fits, class Before>
const ProbeSight* first_of(Sights probes, VerdictWord word, Fits fits, Before before) {
    const ProbeSight* first = nullptr;
    for (const auto& probe : probes) {
        if (probe.word != word || !fits(probe)) continue;
        if (!first || before(probe, *first)) first = &probe;
    }
    return first;
}

bool lower(const ProbeSight& a, const ProbeSight& b) { return a.rate < b.rate; }
bool higher(const ProbeSight& a, const ProbeSight& b) { return b.rate < a.rate; }
bool any(const ProbeSight&) { return true; }

const ProbeSight* first_bad(Sights probes) {
    const auto* best = first_of(probes, VerdictWord::pass, any, higher);
    const auto above = [&](const ProbeSight& probe) { return !best || best->rate < probe.rate; };
    const auto* bad = first_of(probes, VerdictWord::fail, above, lower);
    return bad ? bad : first_of(probes, VerdictWord::fail, any, higher);
}

/// Those that passed clearly below `bad`, the highest first, each clearly below the one before and
/// none but the first far below `bad`.
std::vector<const ProbeSight*> good_ones(Sights probes, const ProbeSight& bad) {
    std::vector<const ProbeSight*> good;
    auto rate = bad.rate.per_second();
    while (true) {
        const auto* next = first_of(
            probes, VerdictWord::pass,
            [&](const ProbeSight& probe) { return probe.rate.per_second() * apart <= rate; },
            higher);
        if (!next) return good;
        rate = next->rate.per_second();
        if (!good.empty() && rate * most_apart < bad.rate.per_second()) return good;
        good.push_back(next);
    }
}

CauseContext context_of(const ProbeSight& bad, Duration latency_limit) {
    return {latency_limit, bad.examples, "in the good probe", bad.too_slow};
}

/// Used up for moments below the load line, and for good above it: a probe just below it may show
/// nearly as much as one above it. Of everything else, what was there in the last good probe is not
/// what broke it.
bool is_used_up_bit_by_bit(const CauseFinding& finding) {
    constexpr std::array<std::string_view, 4> codes{"cpu_quota", "cpu", "cpu_thread", "redis_cpu"};
    return std::find(codes.begin(), codes.end(), finding.code) != codes.end();
}

/// The good probe of a comparison, if there is one; not `last`: a lower one in place of the last.
struct GoodProbe {
    const ProbeSight* probe = nullptr;
    bool last = true;
};

std::vector<CauseFinding> compare(const GoodProbe& good, const ProbeSight& bad,
                                  const CauseContext& context) {
    auto findings = compare_sides(good.probe ? &good.probe->side : nullptr, bad.side, context);
    if (!good.last) {
        std::erase_if(findings, [](const auto& found) { return !is_used_up_bit_by_bit(found); });
    }
    return findings;
}

/// The lowest failed probe from `first` on, and not far above it, in which anything stands out;
/// null where nothing does.
const ProbeSight* first_telling(Sights probes, const ProbeSight& first, const GoodProbe& good,
                                Duration latency_limit) {
    const ProbeSight* telling = nullptr;
    for (const auto& probe : probes) {
        const bool near = !(probe.rate < first.rate) &&
                          probe.rate.per_second() <= still_near * first.rate.per_second();
        if (probe.word != VerdictWord::fail || !near) continue;
        if (telling && !(probe.rate < telling->rate)) continue;
        if (!compare(good, probe, context_of(probe, latency_limit)).empty()) telling = &probe;
    }
    return telling;
}

/// The lowest rate above the good one's at which a probe shows it too.
double began_at(const CauseFinding& finding, Sights probes, const GoodProbe& good,
                const ProbeSight& bad, const CauseContext& context) {
    auto lowest = bad.rate;
    for (const auto& probe : probes) {
        const bool between = probe.rate < lowest && (!good.probe || good.probe->rate < probe.rate);
        if (!between || probe.word == VerdictWord::invalid) continue;
        const auto found = compare(good, probe, context);
        const bool shows = std::any_of(found.begin(), found.end(), [&](const CauseFinding& other) {
            return other.code == finding.code;
        });
        if (shows) lowest = probe.rate;
    }
    return lowest.per_second();
}

/// Restarts, kills and the end of the target in the whole search.
std::vector<CauseFinding> ends_of(std::span<const TimelinePoint> seconds, Duration latency_limit) {
    const CauseContext context{latency_limit};
    CauseSide side;
    take_ends(side, seconds);
    auto findings = compare_sides(nullptr, side, context);
    for (auto& finding : findings) date(finding, seconds, nullptr, context);
    return findings;
}

/// What the last failed hold shows, where no hold passed: a short probe may not live to see it.
std::optional<CauseReport> explain_failed_hold(Sights probes) {
    const CauseReport* failed = nullptr;
    for (const auto& probe : probes) {
        if (probe.kind != ProbeResult::Kind::hold) continue;
        if (probe.word == VerdictWord::pass) return {};
        if (probe.within && !probe.within->findings.empty()) failed = &*probe.within;
    }
    return failed ? std::optional{*failed} : std::nullopt;
}

std::optional<CauseReport> compare_probes(Sights probes, Duration latency_limit) {
    const auto* first = first_bad(probes);
    if (!first) return {};
    const auto candidates = good_ones(probes, *first);
    GoodProbe good{candidates.empty() ? nullptr : candidates.front()};
    const auto* bad = first_telling(probes, *first, good, latency_limit);
    for (std::size_t i = 1; !bad && i < candidates.size(); ++i) {
        const GoodProbe lower{candidates[i], false};
        bad = first_telling(probes, *first, lower, latency_limit);
        if (bad) good = lower;
    }
    if (!bad) bad = first;
    const auto context = context_of(*bad, latency_limit);
    CauseReport report;
    if (good.probe) report.good = good.probe->stretch;
    if (!good.last) report.alike = candidates.front()->stretch;
    report.bad = bad->stretch;
    if (first->rate < bad->rate) report.silent = first->stretch;
    report.findings = compare(good, *bad, context);
    for (auto& finding : report.findings) {
        finding.rate = began_at(finding, probes, good, *bad, context);
    }
    return report;
}

}  // namespace

ProbeSight see_probe(const ProbeResult& probe, const TrialMeasurement& measurement) {
    ProbeSight sight{probe.kind, probe.rate, probe.word, {}, {}, measurement.examples};
    auto& stretch = sight.stretch;
    stretch.rate = probe.rate.per_second();
    stretch.probe = to_string(probe.kind);
    stretch.length = probe.length;
    bool begun = false, echo = false;
    for (const auto& point : measurement.timeline) {
        if (point.phase == Phase::warmup) continue;
        const auto begin = point.since_start - point.length;
        if (!std::exchange(begun, true)) stretch.from = begin;
        // One that ended early has seconds behind its end that were planned to be measured.
        const bool measured =
            point.phase == Phase::measure && begin < stretch.from + stretch.length;
        if (measured || echo) add_to(sight.side, point);
        if (!measured) break;
        echo = probe.word == VerdictWord::fail;
    }
    // Exactly what was due in the measured part, whenever it ended.
    sight.side.length = stretch.length;
    sight.side.completed = 0;
    sight.side.outcomes.fill(0);
    sight.side.origins = {};
    for (const auto& step : measurement.total.steps) {
        sight.side.completed += step.count();
        sight.side.origins.merge(step.origins);
        for (std::size_t i = 0; i < outcome_count; ++i) {
            sight.side.outcomes[i] += step.outcomes[i];
        }
    }
    return sight;
}

std::optional<CauseReport> explain_search(std::span<const ProbeSight> probes,
                                          std::span<const TimelinePoint> seconds,
                                          Duration latency_limit) {
    auto findings = ends_of(seconds, latency_limit);
    auto report = explain_failed_hold(probes);
    if (!report) report = compare_probes(probes, latency_limit);
    if (!report && findings.empty()) return {};
    if (!report) report.emplace();
    std::erase_if(report->findings, is_end);  // those of the whole search are known already
    findings.insert(findings.end(), report->findings.begin(), report->findings.end());
    report->findings = std::move(findings);
    return report;
}

}  // namespace loadline

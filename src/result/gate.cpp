#include "result/gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/units.hpp"
#include "result/verdict.hpp"
#include "stats/paired.hpp"
#include "stats/quantile.hpp"

namespace loadline {
namespace {

SegmentScope scope_of(std::string name, const StepStats& stats) {
    SegmentScope scope;
    scope.name = std::move(name);
    scope.requests = stats.count();
    scope.errors = stats.errors();
    for (std::size_t i = 0; i < compared_percentiles.size(); ++i) {
        const double q = compared_percentiles[i].quantile;
        if (stats.response_time.count() < samples_needed(q)) continue;
        scope.percentiles[i] = stats.response_time.quantile(q);
    }
    return scope;
}

struct Pair {
    const Segment* base = nullptr;
    const Segment* candidate = nullptr;
};

/// The pairs whose segments are both there, whole and valid.
std::vector<Pair> kept_pairs(const std::vector<Segment>& segments) {
    std::map<std::size_t, Pair> by_number;
    for (const auto& segment : segments) {
        if (!segment.invalid.empty() || segment.interrupted || segment.scopes.empty()) continue;
        auto& pair = by_number[segment.pair];
        (segment.side == Side::base ? pair.base : pair.candidate) = &segment;
    }
    std::vector<Pair> kept;
    for (const auto& [number, pair] : by_number) {
        if (pair.base && pair.candidate) kept.push_back(pair);
    }
    return kept;
}

const SegmentScope* find(const Segment& segment, const std::string& name) {
    const auto found = std::find_if(segment.scopes.begin(), segment.scopes.end(),
                                    [&](const SegmentScope& scope) { return scope.name == name; });
    return found == segment.scopes.end() ? nullptr : &*found;
}

double median(std::vector<double> values) { return exact_quantile(std::move(values), 0.5); }

/// One percentile of one scope over the pairs that can tell it; `word` is left empty.
ComparedFigure compare(const std::vector<Pair>& pairs, const std::string& scope, std::size_t which,
                       std::size_t& told) {
    ComparedFigure figure;
    figure.scope = scope;
    figure.metric = compared_percentiles[which].name;
    figure.limit = compared_percentiles[which].limit;
    std::vector<double> base, candidate, differences;
    for (const auto& pair : pairs) {
        const auto* b = find(*pair.base, scope);
        const auto* c = find(*pair.candidate, scope);
        if (!b || !c || !b->percentiles[which] || !c->percentiles[which]) continue;
        base.push_back(to_ms(*b->percentiles[which]));
        candidate.push_back(to_ms(*c->percentiles[which]));
        differences.push_back(std::log(candidate.back() / base.back()));
    }
    told = differences.size();
    if (differences.empty()) return figure;
    const auto shift = hodges_lehmann(differences);
    figure.base = median(base);
    figure.candidate = median(candidate);
    figure.change = std::expm1(shift.estimate);
    figure.change_interval = {{std::expm1(shift.low), std::expm1(shift.high)}};
    figure.p_value = wilcoxon_greater(differences);
    return figure;
}

ComparedFigure compare_errors(const std::vector<Pair>& pairs, const std::string& scope) {
    ComparedFigure figure;
    figure.scope = scope;
    figure.metric = "errors";
    figure.unit = ComparedFigure::Unit::share;
    std::uint64_t requests[2]{}, errors[2]{};
    for (const auto& pair : pairs) {
        for (const auto* segment : {pair.base, pair.candidate}) {
            const auto* found = find(*segment, scope);
            if (!found) continue;
            requests[static_cast<int>(segment->side)] += found->requests;
            errors[static_cast<int>(segment->side)] += found->errors;
        }
    }
    const auto share = [&](int side) -> std::optional<double> {
        if (requests[side] == 0) return std::nullopt;
        return static_cast<double>(errors[side]) / static_cast<double>(requests[side]);
    };
    figure.base = share(0);
    figure.candidate = share(1);
    return figure;
}

bool significant(const ComparedFigure& figure) { return figure.p_value.value_or(1) < gate_p_value; }
bool large(const ComparedFigure& figure) { return figure.change.value_or(0) > figure.limit; }

/// "p = 0.002" or "p < 0.001".
std::string p_of(const ComparedFigure& figure) {
    const auto text = p_text(*figure.p_value);
    return (text.front() == '<' ? "p " : "p = ") + text;
}

Reason slower(const ComparedFigure& figure) {
    return {"regression",
            fmt::format("{} is {} than the base ({}; more than {} fails)", name_of(figure),
                        slower_text(*figure.change), p_of(figure), format_share(figure.limit))};
}

Reason doubtful(const ComparedFigure& figure) {
    if (significant(figure)) {
        return {"small_shift",
                fmt::format("{} is slower beyond chance ({}), but only by {} (more than {} "
                            "fails)",
                            name_of(figure), p_of(figure), change_text(*figure.change),
                            format_share(figure.limit))};
    }
    return {"not_significant",
            fmt::format("{} changed by {}, but that may be chance ({}; p below {} fails)",
                        name_of(figure), change_text(*figure.change), p_of(figure), gate_p_value)};
}

void judge_percentiles(const std::vector<Pair>& pairs, GateJudgement& judgement,
                       std::vector<Reason>& fails, std::vector<Reason>& warns,
                       std::vector<Reason>& doubts) {
    for (std::size_t i = 0; i < compared_percentiles.size(); ++i) {
        std::size_t told = 0;
        auto figure = compare(pairs, {}, i, told);
        if (told < gate_fewest_pairs) {
            const double q = compared_percentiles[i].quantile;
            figure.note = fmt::format("{} pairs have the {} requests on both sides that it takes",
                                      told, samples_needed(q));
            if (q <= 0.99) {
                figure.word = CompareWord::inconclusive;
                if (pairs.size() >= gate_fewest_pairs) {
                    doubts.push_back({"too_few_samples", name_of(figure) + ": " + figure.note});
                }
            }
        } else if (significant(figure) && large(figure)) {
            figure.word = CompareWord::fail;
            fails.push_back(slower(figure));
        } else if (significant(figure) || large(figure)) {
            figure.word = CompareWord::warn;
            warns.push_back(doubtful(figure));
        } else {
            figure.word = CompareWord::pass;
        }
        judgement.figures.push_back(std::move(figure));
    }
}

void judge_errors(const std::vector<Pair>& pairs, double limit, GateJudgement& judgement,
                  std::vector<Reason>& fails) {
    auto figure = compare_errors(pairs, {});
    figure.limit = limit;
    if (!figure.candidate) {
        figure.word = CompareWord::inconclusive;
    } else if (*figure.candidate > limit) {
        figure.word = CompareWord::fail;
        fails.push_back({"errors", fmt::format("the candidate's error rate is {}, and the SLO "
                                               "allows {} (the base's: {})",
                                               format_share(*figure.candidate), format_share(limit),
                                               format_share(figure.base.value_or(0)))});
    } else {
        figure.word = CompareWord::pass;
    }
    judgement.figures.push_back(std::move(figure));
}

void show_steps(const std::vector<Pair>& pairs, GateJudgement& judgement) {
    if (pairs.empty()) return;
    for (const auto& scope : pairs.front().base->scopes) {
        if (scope.name.empty()) continue;
        for (std::size_t i = 0; i < compared_percentiles.size(); ++i) {
            std::size_t told = 0;
            auto figure = compare(pairs, scope.name, i, told);
            if (told == 0) continue;
            if (told >= gate_fewest_pairs && significant(figure) && large(figure)) {
                judgement.notes.push_back(slower(figure).text +
                                          "; a single step is not judged, only noted");
            }
            judgement.figures.push_back(std::move(figure));
        }
        judgement.figures.push_back(compare_errors(pairs, scope.name));
    }
}

void append(std::vector<Reason>& to, const std::vector<Reason>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

/// Why pairs were dropped: each reason once, with the number of segments that have it.
void note_dropped(const std::vector<Segment>& segments, GateJudgement& judgement) {
    std::map<std::string, std::pair<std::size_t, std::string>> dropped;
    for (const auto& segment : segments) {
        if (segment.invalid.empty()) continue;
        auto& [count, text] = dropped[segment.invalid.front().code];
        ++count;
        if (text.empty()) text = segment.invalid.front().text;
    }
    for (const auto& [code, what] : dropped) {
        judgement.notes.push_back(fmt::format("{} {} dropped with {} pair: {}", what.first,
                                              what.first == 1 ? "segment was" : "segments were",
                                              what.first == 1 ? "its" : "their", what.second));
    }
}

}  // namespace

Segment segment_of(Side side, std::size_t pair, const Plan& plan,
                   const TrialMeasurement& measurement) {
    Segment segment;
    segment.side = side;
    segment.pair = pair;
    segment.length = measurement.measured;
    segment.interrupted = measurement.interrupted;
    segment.invalid = measurement.generator.limits;
    segment.scopes.push_back(scope_of({}, pooled_transactions(plan, measurement.total)));
    const auto steps = std::min(plan.steps.size(), measurement.total.steps.size());
    for (std::size_t i = 0; i < steps; ++i) {
        if (!plan.steps[i].transaction || measurement.total.steps[i].count() == 0) continue;
        segment.scopes.push_back(scope_of(plan.steps[i].name, measurement.total.steps[i]));
    }
    if (segment.scopes.size() == 2) segment.scopes.pop_back();  // the one step is all there is
    if (side == Side::base && measurement.never_answered) {
        segment.invalid.push_back({"unreachable", measurement.unreachable + " never answered"});
    }
    if (segment.invalid.empty() && segment.scopes.front().requests == 0) {
        segment.invalid.push_back({"too_few_samples", "nothing was measured"});
    }
    return segment;
}

GateJudgement judge_gate(const std::vector<Segment>& segments, double error_limit) {
    GateJudgement judgement;
    const auto pairs = kept_pairs(segments);
    judgement.kept_pairs = pairs.size();
    std::vector<Reason> fails, warns, doubts;
    if (pairs.size() < gate_fewest_pairs) {
        doubts.push_back({"too_few_pairs",
                          fmt::format("{} whole, valid {}, and it takes {} to judge", pairs.size(),
                                      pairs.size() == 1 ? "pair" : "pairs", gate_fewest_pairs)});
    }
    judge_percentiles(pairs, judgement, fails, warns, doubts);
    judge_errors(pairs, error_limit, judgement, fails);
    show_steps(pairs, judgement);
    note_dropped(segments, judgement);

    judgement.word = !fails.empty()    ? CompareWord::fail
                     : !doubts.empty() ? CompareWord::inconclusive
                     : !warns.empty()  ? CompareWord::warn
                                       : CompareWord::pass;
    for (const auto& reasons : {fails, doubts, warns}) append(judgement.reasons, reasons);
    return judgement;
}

double error_limit_of(const Plan& plan) {
    for (const auto& clause : plan.slos) {
        if (clause.metric == SloClause::Metric::errors &&
            clause.scope == SloClause::Scope::transactions) {
            return clause.error_limit;
        }
    }
    return 0.001;
}

}  // namespace loadline

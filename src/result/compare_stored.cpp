#include "result/compare_stored.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/units.hpp"
#include "stats/quantile.hpp"

namespace loadline {
namespace {

std::string steps_of(const StoredRun& run) {
    std::string names;
    for (const auto& [name, scope] : run.steps) names += (names.empty() ? "" : ", ") + name;
    return names;
}

/// Why the two cannot be compared at all; empty: they can.
std::string difference(const StoredRun& base, const StoredRun& other) {
    if (base.scenario_hash != other.scenario_hash || steps_of(base) != steps_of(other)) {
        return fmt::format("they are of different scenarios: {} (hash {}) and {} (hash {})",
                           base.scenario_name, base.scenario_hash, other.scenario_name,
                           other.scenario_hash);
    }
    if (base.command == other.command && base.command == "run" && base.load != other.load) {
        return fmt::format("their loads differ: {} and {}", base.load, other.load);
    }
    return {};
}

Error not_comparable(const StoredRun& base, const StoredRun& candidate, const std::string& why) {
    return usage_error(fmt::format("{} and {} cannot be compared: {}", base.folder.string(),
                                   candidate.folder.string(), why));
}

ComparedSide side_of(const StoredRun& run) {
    return {run.folder.string(), run.started_at, run.version};
}

void note_circumstances(const StoredRun& base, const StoredRun& candidate, Comparison& c) {
    if (base.machine() != candidate.machine()) {
        c.notes.push_back(
            fmt::format("made on different machines: {} and {}: a difference may be the machine's",
                        base.machine(), candidate.machine()));
    }
    if (base.version != candidate.version) {
        c.notes.push_back(fmt::format("made by different versions of loadline: {} and {}",
                                      base.version, candidate.version));
    }
    if (base.command == "run" &&
        (base.duration_s != candidate.duration_s || base.warmup_s != candidate.warmup_s)) {
        c.notes.push_back(
            fmt::format("measured for {} s after {} s of warm-up, and for {} s "
                        "after {} s",
                        base.duration_s, base.warmup_s, candidate.duration_s, candidate.warmup_s));
    }
}

Comparison begin(Comparison::Kind kind, const StoredRun& base, const StoredRun& candidate) {
    Comparison c;
    c.kind = kind;
    c.scenario_name = candidate.scenario_name;
    c.scenario_hash = candidate.scenario_hash;
    c.base = side_of(base);
    c.candidate = side_of(candidate);
    note_circumstances(base, candidate, c);
    return c;
}

/// Why this run tells nothing about its service; nothing: it does.
std::optional<Reason> unusable(const char* side, const StoredRun& run) {
    if (run.interrupted())
        return Reason{"interrupted", fmt::format("the {} run was interrupted", side)};
    if (run.word != VerdictWord::invalid) return std::nullopt;
    // Too few samples for a clause is no fault of the run: each figure here counts its own.
    const auto fault =
        std::find_if(run.reasons.begin(), run.reasons.end(),
                     [](const Reason& reason) { return reason.code != "too_few_samples"; });
    if (fault == run.reasons.end() && run.total.requests > 0) return std::nullopt;
    return Reason{"invalid_run",
                  fmt::format("the {} run is INVALID: {}", side,
                              fault == run.reasons.end() ? "nothing was measured" : fault->text)};
}

const StoredScope* scope_in(const StoredRun& run, const std::string& name) {
    if (name.empty()) return &run.total;
    const auto found = run.steps.find(name);
    return found == run.steps.end() ? nullptr : &found->second;
}

std::optional<double> percentile_ms(const StoredScope* scope, double q) {
    if (!scope || scope->response_time.count() < samples_needed(q)) return std::nullopt;
    return to_ms(scope->response_time.quantile(q));
}

/// The variance of at least three values; nothing: there are fewer.
std::optional<double> variance(const std::vector<double>& values) {
    if (values.size() < fewest_history) return std::nullopt;
    const auto n = static_cast<double>(values.size());
    double mean = 0, squares = 0;
    for (const double x : values) mean += x / n;
    for (const double x : values) squares += (x - mean) * (x - mean);
    return squares / (n - 1);
}

/// Twice the standard deviation of an A/A comparison, as a change; nothing: too few runs.
std::optional<double> limit_of_history(const std::vector<const StoredRun*>& runs,
                                       const std::string& scope, double q) {
    std::vector<double> logs;
    for (const auto* run : runs) {
        if (const auto value = percentile_ms(scope_in(*run, scope), q))
            logs.push_back(std::log(*value));
    }
    const auto spread = variance(logs);
    return spread ? std::optional{std::expm1(2 * std::sqrt(2 * *spread))} : std::nullopt;
}

/// Twice the standard error of the difference, from the spread within the runs.
std::optional<double> limit_of_blocks(const StoredScope& base, const StoredScope& candidate,
                                      std::size_t percentile) {
    double squares = 0;
    for (const auto* scope : {&base, &candidate}) {
        const auto& blocks = scope->block_logs[percentile];
        const auto spread = variance(blocks);
        if (!spread) return std::nullopt;
        squares += *spread / static_cast<double>(blocks.size());
    }
    return std::expm1(2 * std::sqrt(squares));
}

void compare_percentiles(const std::string& name, const StoredRun& base, const StoredRun& candidate,
                         const std::vector<const StoredRun*>& builds, Comparison& c) {
    for (std::size_t i = 0; i < compared_percentiles.size(); ++i) {
        const auto& [metric, q, limit] = compared_percentiles[i];
        ComparedFigure figure;
        figure.scope = name;
        figure.metric = metric;
        figure.limit = limit;
        figure.base = percentile_ms(scope_in(base, name), q);
        figure.candidate = percentile_ms(scope_in(candidate, name), q);
        if (!figure.base || !figure.candidate) {
            figure.note = fmt::format("takes {} requests on both sides", samples_needed(q));
            c.figures.push_back(std::move(figure));
            continue;
        }
        if (const auto known = limit_of_history(builds, name, q)) {
            if (*known > limit) figure.note = "limit: spread of the base's runs";
            figure.limit = std::max(limit, *known);
        } else if (const auto within =
                       limit_of_blocks(*scope_in(base, name), *scope_in(candidate, name), i);
                   within && *within > limit) {
            figure.note = "limit: spread within the runs";
            figure.limit = *within;
        }
        figure.change = *figure.candidate / *figure.base - 1;
        figure.word = *figure.change > figure.limit ? CompareWord::warn : CompareWord::pass;
        if (figure.word == CompareWord::warn) {
            c.reasons.push_back(
                {"slower", fmt::format("{} is {} (up to {} may be chance)", name_of(figure),
                                       slower_text(*figure.change), format_share(figure.limit))});
        }
        c.figures.push_back(std::move(figure));
    }
}

void compare_errors(const std::string& name, const StoredRun& base, const StoredRun& candidate,
                    Comparison& c) {
    const auto *b = scope_in(base, name), *a = scope_in(candidate, name);
    ComparedFigure figure;
    figure.scope = name;
    figure.metric = "errors";
    figure.unit = ComparedFigure::Unit::share;
    figure.limit = candidate.error_limit.value_or(0.001);
    const auto share = [](const StoredScope* scope) -> std::optional<double> {
        if (!scope || scope->requests == 0) return std::nullopt;
        return static_cast<double>(scope->errors) / static_cast<double>(scope->requests);
    };
    figure.base = share(b);
    figure.candidate = share(a);
    if (figure.base && figure.candidate) {
        const bool more = wilson_interval(a->errors, a->requests).low >
                          wilson_interval(b->errors, b->requests).high;
        const bool above = *figure.candidate > figure.limit;
        figure.word = more || above ? CompareWord::warn : CompareWord::pass;
        if (figure.word == CompareWord::warn) {
            c.reasons.push_back(
                {"errors",
                 fmt::format(
                     "{} is {}, and the base's {}{}", name_of(figure),
                     format_share(*figure.candidate), format_share(*figure.base),
                     above ? fmt::format("; the SLO allows {}", format_share(figure.limit)) : "")});
        }
    }
    c.figures.push_back(std::move(figure));
}

/// The base and those of its history that are like it.
std::vector<const StoredRun*> runs_of_the_build(const StoredRun& base, const StoredRun& candidate,
                                                const std::vector<StoredRun>& history,
                                                Comparison& c) {
    std::vector<const StoredRun*> builds{&base};
    std::size_t left_out = 0;
    for (const auto& run : history) {
        std::error_code ec;
        const bool known = std::filesystem::equivalent(run.folder, base.folder, ec) ||
                           std::filesystem::equivalent(run.folder, candidate.folder, ec);
        if (known) continue;  // the folder that holds the history often holds both
        const bool alike = run.command == base.command && difference(base, run).empty() &&
                           run.machine() == base.machine() && !unusable("", run);
        if (alike) {
            builds.push_back(&run);
        } else {
            ++left_out;
        }
    }
    if (left_out > 0) {
        c.notes.push_back(
            fmt::format("{} of the history left out: invalid, or of another scenario, load or "
                        "machine",
                        left_out));
    }
    if (builds.size() >= fewest_history) {
        c.notes.push_back(fmt::format("limits from {} runs of the base", builds.size()));
    } else {
        c.notes.push_back(fmt::format(
            "how much two runs of one build differ is not known: the limits may be too narrow; "
            "give {} "
            "more {} of the base with --history",
            fewest_history - builds.size(), fewest_history - builds.size() == 1 ? "run" : "runs"));
    }
    return builds;
}

}  // namespace

Result<Comparison> compare_stored(const StoredRun& base, const StoredRun& candidate,
                                  const std::vector<StoredRun>& history) {
    if (base.command == "search" || candidate.command == "search") {
        return not_comparable(base, candidate,
                              "a search has no latencies at one rate\n   hint: compare the "
                              "capacities of two searches with --max-tps");
    }
    if (const auto why = difference(base, candidate); !why.empty())
        return not_comparable(base, candidate, why);
    auto c = begin(Comparison::Kind::stored, base, candidate);
    for (const auto& doubt : {unusable("base", base), unusable("candidate", candidate)}) {
        if (doubt) c.reasons.push_back(*doubt);
    }
    if (!c.reasons.empty()) return c;

    const auto builds = runs_of_the_build(base, candidate, history, c);
    std::vector<std::string> names{""};
    if (base.steps.size() > 1) {
        for (const auto& [name, scope] : base.steps) names.push_back(name);
    }
    for (const auto& name : names) {
        compare_percentiles(name, base, candidate, builds, c);
        compare_errors(name, base, candidate, c);
    }
    c.word = c.reasons.empty() ? CompareWord::pass : CompareWord::warn;
    const bool judged = std::any_of(c.figures.begin(), c.figures.end(), [](const auto& figure) {
        return figure.scope.empty() && figure.metric == "p99" && figure.word;
    });
    if (!judged) {
        c.word = CompareWord::inconclusive;
        c.reasons.insert(c.reasons.begin(), {"too_few_samples", "p99 takes 100 requests of both"});
    }
    return c;
}

Result<Comparison> compare_capacity(const StoredRun& base, const StoredRun& candidate) {
    constexpr double largest_drop = 0.03, largest_z = 1.645, long_budget_s = 600;
    for (const auto* run : {&base, &candidate}) {
        if (run->command == "search" && run->capacity) continue;
        return usage_error(fmt::format("--max-tps compares two searches, and {} is a {}",
                                       run->folder.string(), run->command));
    }
    if (const auto why = difference(base, candidate); !why.empty())
        return not_comparable(base, candidate, why);
    auto c = begin(Comparison::Kind::capacity, base, candidate);
    const auto &a = *base.capacity, &b = *candidate.capacity;
    ComparedFigure figure;
    figure.metric = "capacity";
    figure.unit = ComparedFigure::Unit::per_second;
    figure.limit = -largest_drop;
    figure.base = a.estimate_tps;
    figure.candidate = b.estimate_tps;

    const auto found = [](const StoredCapacity& capacity) {
        return capacity.estimate_tps && *capacity.estimate_tps > 0 &&
               (capacity.word == "CONFIRMED" || capacity.word == "ESTIMATE-ONLY");
    };
    if (!found(a) || base.interrupted()) {
        c.reasons.push_back({"no_capacity", "the base's search found no capacity: " + a.word});
    } else if (b.word == "NO-RATE" || b.word == "METASTABLE") {
        c.word = figure.word.emplace(CompareWord::fail);
        c.reasons.push_back({"regression", fmt::format("the candidate is {}, and the base carries "
                                                       "{} transactions/s",
                                                       b.word, format_number(*a.estimate_tps))});
    } else if (!found(b) || candidate.interrupted()) {
        c.reasons.push_back({"no_capacity", "the candidate's search found no capacity: " + b.word});
    } else {
        figure.change = *b.estimate_tps / *a.estimate_tps - 1;
        if (a.log_width && b.log_width) {
            constexpr double deviations = 3.29;  // from q05 to q95, twice 1.645
            const double noise = std::hypot(*a.log_width, *b.log_width) / deviations;
            figure.z = -std::log1p(*figure.change) / noise;
        }
        const bool dropped = -*figure.change > largest_drop;
        const bool sure = figure.z.value_or(0) > largest_z;
        const bool thorough =
            a.budget_s.value_or(0) >= long_budget_s && b.budget_s.value_or(0) >= long_budget_s;
        figure.word = dropped && sure && thorough ? CompareWord::fail
                      : dropped || sure           ? CompareWord::warn
                                                  : CompareWord::pass;
        c.word = *figure.word;
        if (dropped || sure) {
            const auto z =
                figure.z ? fmt::format("z = {:.2f}", *figure.z) : std::string{"without intervals"};
            c.reasons.push_back(
                {dropped && sure ? "regression"
                 : dropped       ? "not_significant"
                                 : "small_shift",
                 fmt::format("capacity changed by {} ({}; a drop of more than 3 % with z above "
                             "1.645 fails)",
                             change_text(*figure.change), z)});
        }
        if (dropped && sure && !thorough) {
            c.reasons.push_back(
                {"small_budget", "only two searches with --budget thorough (600 s) can fail"});
        }
    }
    c.figures.push_back(std::move(figure));
    return c;
}

}  // namespace loadline

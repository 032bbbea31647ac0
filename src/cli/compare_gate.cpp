#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>

#include "base/log.hpp"
#include "base/stop.hpp"
#include "base/units.hpp"
#include "cli/command_compare.hpp"
#include "cli/preflight.hpp"
#include "cli/session.hpp"
#include "lab/service_command.hpp"
#include "report/live.hpp"
#include "report/markup.hpp"
#include "trial/gate_run.hpp"
#include "trial/trial.hpp"

namespace loadline {
namespace {

Result<Duration> read_length(const char* flag, const std::string& text) {
    const auto length = parse_duration(text);
    if (!length) return usage_error(fmt::format("{}: {}", flag, length.error().message));
    return *length;
}

/// A word with a URL, or NAME=URL. A command that mentions a URL has blanks.
bool is_address(const std::string& side) {
    return side.find_first_of(" \t\n") == std::string::npos && looks_like_url(side);
}

/// The --target override that sends the load to this side's URL.
Result<std::pair<std::string, std::string>> target_of(const char* flag, const std::string& side,
                                                      const Plan& plan) {
    const auto equals = side.find('=');
    if (equals != std::string::npos && side.find("://") > equals)
        return std::pair{side.substr(0, equals), side.substr(equals + 1)};
    const auto url = parse_url(side);
    if (!url) return usage_error(fmt::format("{}: {}", flag, url.error().message));
    std::string name;
    for (const auto& target : plan.targets) {
        if (target.url.is_redis() != url->is_redis()) continue;
        if (!name.empty()) {
            return usage_error(
                fmt::format("{}: the scenario has several such targets\n"
                            "   hint: {} {}={}",
                            flag, flag, name, side));
        }
        name = target.name;
    }
    if (name.empty())
        return usage_error(
            fmt::format("{}: the scenario has no target of the kind {}", flag, side));
    return std::pair{name, side};
}

/// Everything a gate needs, checked before anything is started or sent.
class Gate {
public:
    static Result<Gate> open(const CompareFlags& flags);

    /// All segments, and the comparison they make. An error: not even the first one ran.
    Result<Comparison> run(LiveDisplay* live, const std::filesystem::path& folder);

    const std::string& scenario_name() const { return source_.name; }
    const std::vector<std::string>& doubts() const { return doubts_; }

private:
    Result<void> read_options(const CompareFlags& flags);
    Result<void> load_plans(const CompareFlags& flags);
    Result<void> find_addresses();
    Result<void> check_machine(const CompareFlags& flags);
    Result<Segment> run_segment(const SegmentSpec& spec, LiveDisplay* live,
                                const std::filesystem::path& folder);
    LoadWindow window_of(const SegmentSpec& spec, const Plan& plan) const;
    Comparison judge(const GateRun& run) const;
    void note_circumstances(Comparison& comparison) const;

    std::array<std::string, 2> sides_;  ///< command or URL, by Side
    bool restarts_ = false;
    GateOptions options_;
    TrialOptions trial_;
    Duration ready_timeout_{};
    std::array<std::shared_ptr<const Plan>, 2> plans_;  ///< by Side
    ScenarioSource source_;
    Rate rate_;
    std::vector<Url> addresses_;  ///< that the start commands bring up
    std::vector<std::string> doubts_;
    std::string died_;  ///< what is known of a candidate that ended under load
};

Result<void> Gate::read_options(const CompareFlags& flags) {
    auto trial = to_trial_options(flags.shared);
    if (!trial) return trial.error();
    trial_ = *trial;
    trial_.watch = false;
    const auto pairs = parse_count(flags.pairs);
    if (!pairs) return usage_error("--pairs: " + pairs.error().message);
    if (*pairs < gate_fewest_pairs || *pairs > 1000) {
        return usage_error(
            fmt::format("--pairs: between {} (fewer tell nothing) and 1000", gate_fewest_pairs));
    }
    options_.pairs = *pairs;
    const auto warmup = read_length("--warmup", flags.warmup);
    if (!warmup) return warmup.error();
    options_.warmup = *warmup;
    const auto ready = read_length("--ready-timeout", flags.ready_timeout);
    if (!ready) return ready.error();
    ready_timeout_ = *ready;
    if (flags.segment.empty()) return {};
    const auto length = read_length("--segment", flags.segment);
    if (!length) return length.error();
    if (*length < seconds(1)) return usage_error("--segment: at least 1s");
    options_.length = *length;
    return {};
}

Result<void> Gate::load_plans(const CompareFlags& flags) {
    sides_ = {flags.base, flags.candidate};
    restarts_ = !is_address(flags.base);
    if (restarts_ == is_address(flags.candidate)) {
        return usage_error(
            "--base and --candidate: two start commands or two URLs, not one of "
            "each");
    }
    auto overrides = to_overrides(flags.shared);
    if (!overrides) return overrides.error();
    if (!flags.rate.empty()) {
        const auto rate = parse_rate(flags.rate);
        if (!rate) return usage_error("--rate: " + rate.error().message);
        overrides->rate = *rate;
    }
    const char* refused = "the scenario is refused";  // its diagnostics are printed
    auto loaded = load_plan(flags.what[0], *overrides);
    if (!loaded) return usage_error(refused);
    source_ = std::move(loaded->source);
    plans_ = {loaded->plan, loaded->plan};
    const auto& load = plans_[0]->load;
    if (!load.rate || load.rate->per_second() <= 0) {
        return usage_error(
            "a gate holds one rate, and the scenario has none\n"
            "   hint: give --rate, 0.6 to 0.7 of the base's maximum (loadline search finds it)");
    }
    rate_ = *load.rate;
    if (flags.segment.empty()) options_.length = segment_length(rate_);
    if (restarts_) return {};
    for (const auto side : {Side::base, Side::candidate}) {
        const auto i = static_cast<std::size_t>(side);
        const auto target =
            target_of(side == Side::base ? "--base" : "--candidate", sides_[i], *plans_[i]);
        if (!target) return target.error();
        auto own = *overrides;
        own.targets.push_back(*target);
        auto plan = load_plan(flags.what[0], own);
        if (!plan) return usage_error(refused);
        plans_[i] = plan->plan;
    }
    return {};
}

/// What the commands are to bring up: the targets at which nobody answers yet.
Result<void> Gate::find_addresses() {
    if (!restarts_) return {};
    std::vector<Url> targets;
    for (const auto& target : plans_[0]->targets) targets.push_back(target.url);
    addresses_ = silent_addresses(targets);
    if (!addresses_.empty()) return {};
    return usage_error(fmt::format(
        "something answers at {} already, before --base is started: it would be measured instead\n"
        "   hint: end it, or give two URLs as --base and --candidate",
        targets.front().endpoint()));
}

/// Both sides connect from the same addresses: as many as the one that needs most.
Result<void> Gate::check_machine(const CompareFlags& flags) {
    const auto rate = rate_.per_second();
    for (const auto& plan : plans_) {
        auto sources = spread_sources(*plan, trial_, rate, read_machine());
        auto& most = trial_.loopback_sources;
        if (sources.size() > most.size()) most = std::move(sources);
    }
    for (const auto& plan : plans_) {
        const auto doubts = preflight(flags.shared, trial_, *plan, rate);
        if (!doubts) return doubts.error();
        for (const auto& doubt : *doubts) {
            const bool known = std::find(doubts_.begin(), doubts_.end(), doubt) != doubts_.end();
            if (!known) doubts_.push_back(doubt);
        }
    }
    return {};
}

Result<Gate> Gate::open(const CompareFlags& flags) {
    Gate gate;
    if (const auto read = gate.read_options(flags); !read) return read.error();
    if (const auto loaded = gate.load_plans(flags); !loaded) return loaded.error();
    if (const auto checked = gate.check_machine(flags); !checked) return checked.error();
    if (const auto found = gate.find_addresses(); !found) return found.error();
    return gate;
}

LoadWindow Gate::window_of(const SegmentSpec& spec, const Plan& plan) const {
    LoadWindow window;
    window.settle = spec.warmup;
    window.length = spec.length;
    window.grace = plan.load.drain;
    window.rate = rate_;
    window.arrivals = plan.load.arrivals;
    window.at_cap = plan.load.at_cap;
    window.seed = trial_.seed + spec.pair;  // both sides of a pair get the same arrivals
    return window;
}

Result<Segment> Gate::run_segment(const SegmentSpec& spec, LiveDisplay* live,
                                  const std::filesystem::path& folder) {
    Segment cut_short;
    cut_short.side = spec.side;
    cut_short.pair = spec.pair;
    cut_short.interrupted = true;
    if (stop_signal() != 0) return cut_short;

    const auto side = static_cast<std::size_t>(spec.side);
    const std::string name = to_string(spec.side);
    std::optional<Child> service;  // ends after the stage has closed its connections
    if (restarts_) {
        auto started =
            start_service(sides_[side], addresses_, ready_timeout_, folder / (name + ".log"));
        if (!started) {
            if (stop_signal() != 0) return cut_short;
            return Error{started.error().kind,
                         fmt::format("--{}: {}", name, started.error().message)};
        }
        service.emplace(std::move(*started));
    }
    Observer observer;
    if (live) {
        observer.trial = [&](const std::string& label, Duration planned) {
            live->trial_started(label, planned);
        };
        observer.second = [&](const TimelinePoint& point) { live->second(point); };
    }
    auto options = trial_;
    options.seed += spec.pair;
    auto stage = TrialStage::open(plans_[side], options, observer);
    if (!stage) {
        if (stop_signal() != 0) return cut_short;
        return Error{stage.error().kind, fmt::format("--{}: {}", name, stage.error().message)};
    }
    const auto label = fmt::format("pair {}/{} {}", spec.pair + 1, options_.pairs, name);
    const auto measured = (*stage)->measure(label, window_of(spec, *plans_[side]));
    auto segment = segment_of(spec.side, spec.pair, *plans_[side], measured);
    if (service && !service->running() && !segment.interrupted) {
        const auto text = fmt::format("the {} ended under load in pair {}:\n{}", name,
                                      spec.pair + 1, service->log_tail());
        if (spec.side == Side::base) segment.invalid.push_back({"died", text});
        if (spec.side == Side::candidate && died_.empty()) died_ = text;
    }
    return segment;
}

Result<Comparison> Gate::run(LiveDisplay* live, const std::filesystem::path& folder) {
    const auto run = run_gate(
        options_, [&](const SegmentSpec& spec) { return run_segment(spec, live, folder); },
        [&](const Segment& segment) {
            if (!live || segment.scopes.empty()) return;
            const auto& all = segment.scopes.front();
            const auto p99 = all.percentiles[1];
            live->note(fmt::format(
                "pair {:<2} {:<9}  {:>6} requests  p99 {:>8}  {} errors{}", segment.pair + 1,
                to_string(segment.side), all.requests, p99 ? format_duration(*p99) : "none",
                all.errors,
                segment.invalid.empty() ? "" : "  INVALID: " + segment.invalid.front().text));
        });
    if (run.segments.empty() && run.stopped) return *run.stopped;
    return judge(run);
}

void Gate::note_circumstances(Comparison& comparison) const {
    const auto& plan = *plans_[0];
    std::uint64_t fewest = UINT64_MAX;
    for (const auto& segment : comparison.segments) {
        if (segment.interrupted || segment.scopes.empty()) continue;
        fewest = std::min(fewest, segment.scopes.front().requests);
    }
    if (fewest < 2000) {
        comparison.notes.push_back(fmt::format(
            "a segment had only {} requests: below 2000 the gate misses more regressions", fewest));
    }
    for (const auto& clause : plan.slos) {
        if (clause.metric != SloClause::Metric::percentile ||
            clause.scope != SloClause::Scope::transactions)
            continue;
        for (std::size_t i = 0; i < compared_percentiles.size(); ++i) {
            if (std::abs(compared_percentiles[i].quantile - clause.quantile) > 1e-9) continue;
            const auto& figure = comparison.figures[i];
            if (!figure.base || *figure.base <= to_ms(clause.limit)) continue;
            comparison.notes.push_back(fmt::format(
                "the base itself does not keep {} at this rate: near the maximum percentiles only "
                "tell luck; choose 0.6 to 0.7 of it",
                clause.text));
        }
    }
}

Comparison Gate::judge(const GateRun& run) const {
    Comparison c;
    c.kind = Comparison::Kind::gate;
    c.scenario_name = source_.name;
    c.scenario_hash = hash_of(source_.text);
    c.base.source = shown_arguments({sides_[0]}, plans_[0]->secrets);
    c.candidate.source = shown_arguments({sides_[1]}, plans_[1]->secrets);
    c.gate = GateSetup{rate_.per_second(), plans_[0]->load.arrivals, options_.pairs,
                       options_.warmup,    options_.length,          restarts_,
                       trial_.seed};
    c.segments = run.segments;
    auto judged = judge_gate(run.segments, error_limit_of(*plans_[0]));
    c.word = judged.word;
    c.reasons = std::move(judged.reasons);
    c.notes = std::move(judged.notes);
    c.figures = std::move(judged.figures);
    c.kept_pairs = judged.kept_pairs;
    if (!died_.empty()) {
        c.word = CompareWord::fail;
        c.reasons.insert(c.reasons.begin(), {"died", died_});
    }
    if (run.stopped) {
        if (c.word != CompareWord::fail) c.word = CompareWord::inconclusive;
        c.reasons.insert(c.reasons.begin(), {"not_started", run.stopped->message});
    }
    if (run.interrupted) {
        c.signal = stop_signal();
        c.reasons.push_back({"interrupted", "interrupted by a signal: a partial result"});
    }
    note_circumstances(c);
    return c;
}

}  // namespace

int compare_gate(const CompareFlags& flags) {
    const auto started_at = std::chrono::system_clock::now();
    const auto begin = Clock::now();
    auto gate = Gate::open(flags);
    if (!gate) return fail(gate.error());
    const auto folder =
        flags.shared.out.empty()
            ? RunFolder::create_default("compare-" + gate->scenario_name(), started_at)
            : RunFolder::create(flags.shared.out);
    if (!folder) return fail(folder.error());
    std::unique_ptr<LiveDisplay> live;
    if (!flags.shared.quiet)
        live = std::make_unique<LiveDisplay>(std::cerr, ::isatty(STDERR_FILENO) != 0);
    for (const auto& doubt : gate->doubts()) log_warn(doubt);

    auto comparison = gate->run(live.get(), folder->path());
    if (live) live->finish();
    if (!comparison) {
        std::error_code ec;
        for (const char* log : {"base.log", "candidate.log"})
            std::filesystem::remove(folder->path() / log, ec);
        std::filesystem::remove(folder->path(), ec);  // only an empty folder goes
        return fail(comparison.error());
    }
    comparison->started_at = started_at;
    comparison->elapsed = Clock::now() - begin;
    return report_comparison(*comparison, flags, &*folder);
}

}  // namespace loadline

#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"
#include "plan/compile_context.hpp"

// The load: how much, in which model, and what the flags change in it.
namespace loadline {
namespace {

constexpr Duration longest_stages = std::chrono::hours{366 * 24};

/// A rate above zero (or also zero); a problem and nothing otherwise.
std::optional<Rate> read_rate(CompileContext& context, const Node& node, bool zero_allowed) {
    if (node.text() == nullptr && !node.is_number()) return {};
    const auto parsed = parse_rate(node.text() != nullptr ? *node.text() : node.json->dump());
    if (!parsed) {
        context.problem(node, parsed.error().message);
        return {};
    }
    if (parsed->per_second() <= 0 && !zero_allowed) {
        context.problem(node, "the rate must be above zero");
        return {};
    }
    return *parsed;
}

void compile_users(CompileContext& context, const Node& users) {
    std::uint64_t count = 0;
    if (users.text() != nullptr) {
        const auto parsed = parse_count(*users.text());
        if (!parsed) return context.problem(users, parsed.error().message);
        count = *parsed;
    } else if (const auto whole = users.whole(); whole && *whole > 0) {
        count = static_cast<std::uint64_t>(*whole);
    }
    if (count == 0) return context.problem(users, "\"users\" must be a whole number above zero");
    context.plan.load.users = count;
}

void compile_stages(CompileContext& context, const Node& load) {
    const auto node = load.at("stages");
    if (!node.is_list()) return;
    const auto told = context.problems.size();
    auto rate = read_rate(context, load.at("rate"), true).value_or(Rate{});
    std::vector<RateStage> stages;
    Duration length{};
    for (const auto& one : node.elements()) {
        RateStage stage{rate, rate, {}};
        if (const auto hold = one.at("hold")) {
            stage.length = context.duration(hold, false).value_or(Duration{});
        } else {
            stage.to = rate = read_rate(context, one.at("to"), true).value_or(rate);
            stage.length = context.duration(one.at("over"), true).value_or(Duration{});
        }
        if (stage.length > longest_stages - length) {
            return context.problem(one, "the stages together last longer than a year");
        }
        length += stage.length;
        stages.push_back(stage);
    }
    if (context.problems.size() > told) return;
    if (stages.empty()) {
        return context.problem(node, "there is no stage",
                               R"(add one: {"to": "500/s", "over": "30s"} or {"hold": "2m"})");
    }
    const RateProfile profile{stages};
    if (profile.arrivals_until(length) <= 0) {
        return context.problem(node, "the stages never send anything",
                               "let one of them rise above zero, and last");
    }
    context.plan.load.stages = profile;
}

/// The kinds of load are told apart by one key each.
void check_kinds(CompileContext& context, const Node& load) {
    const auto rate = load.at("rate"), users = load.at("users"), stages = load.at("stages");
    if (users && stages) {
        context.problem_about_key(users, "\"stages\" and \"users\" are two kinds of load",
                                  "keep \"stages\" (arrivals) or \"users\" (a closed loop)");
    } else if (rate && users) {
        context.problem_about_key(users, "\"rate\" and \"users\" are two kinds of load",
                                  "keep \"rate\" (arrivals) or \"users\" (a closed loop)");
    }
    if (const auto duration = load.at("duration"); stages && duration) {
        context.problem_about_key(duration, "the stages say how long the load lasts",
                                  "leave \"duration\" out, and change the stages");
    }
    if (const auto pacing = load.at("pacing"); pacing && !users) {
        context.problem_about_key(pacing, "\"pacing\" is for a closed loop of \"users\"",
                                  "leave it out: arrivals come when \"rate\" says");
    }
}

void compile_arrivals(CompileContext& context, const Node& load) {
    const bool closed = load.at("users") && !load.at("rate") && !load.at("stages");
    const auto arrivals = load.at("arrivals"), at_cap = load.at("at_cap");
    if (const auto* text = arrivals.text()) {
        context.plan.load.arrivals = *text == "paced" ? Arrivals::paced : Arrivals::poisson;
        if (*text != "paced" && *text != "poisson") {
            context.problem(arrivals, fmt::format("arrivals \"{}\" are not known", *text),
                            name_hint(*text, {"poisson", "paced"}, "they are"));
        } else if (closed) {
            context.problem_about_key(arrivals, "a closed loop of \"users\" has no arrivals",
                                      "leave \"arrivals\" out");
        }
    }
    if (const auto* text = at_cap.text()) {
        context.plan.load.at_cap = *text == "drop" ? AtCap::drop : AtCap::queue;
        if (*text != "drop" && *text != "queue") {
            context.problem(at_cap, fmt::format("at_cap \"{}\" is not known", *text),
                            name_hint(*text, {"queue", "drop"}, "it is one of"));
        } else if (closed) {
            context.problem_about_key(at_cap,
                                      "a closed loop of \"users\" has no arrivals to queue or drop",
                                      "leave \"at_cap\" out");
        }
    }
}

// --- journeys with a rate of their own

/// Why a journey cannot have a rate of its own here, and what to do; empty when it can.
std::pair<std::string, std::string> own_rate_problem(const Node& load, const Node& journey,
                                                     std::string_view name) {
    const auto says = fmt::format("journey \"{}\" has a rate of its own", name);
    if (journey.at("share")) {
        return {says + " and a share of the others'", "keep \"rate\" or \"share\""};
    }
    if (load.at("users")) {
        return {says + ", but a closed loop of \"users\" has no arrivals",
                "leave its \"rate\" out, or replace \"users\" by \"rate\""};
    }
    if (load.at("stages")) {
        return {says + ", but \"stages\" are for all journeys together",
                "give it a \"share\" of the stages"};
    }
    return {};
}

/// The rates of the journeys that have one, in the order of the plan; nothing when one of
/// them is wrong, which was reported.
std::optional<std::vector<std::optional<double>>> own_rates(CompileContext& context,
                                                            const Node& root) {
    const auto told = context.problems.size();
    std::vector<std::optional<double>> own;
    for (const auto& [name, journey] : root.at("journeys").members()) {
        own.emplace_back();
        const auto rate = journey.at("rate");
        if (!rate) continue;
        if (const auto parsed = read_rate(context, rate, false)) own.back() = parsed->per_second();
        const auto [message, hint] = own_rate_problem(root.at("load"), journey, name);
        if (!message.empty()) context.problem_about_key(rate, message, hint);
    }
    if (context.problems.size() > told) return {};
    return own;
}

/// Makes `load.rate` the rate of all journeys together, and the own rates parts of it.
void divide_rate(CompileContext& context, const Node& root) {
    const auto own = own_rates(context, root);
    if (!own) return;
    double total = 0;
    std::size_t owners = 0;
    for (const auto& rate : *own) {
        total += rate.value_or(0);
        owners += rate.has_value();
    }
    if (owners == 0) return;
    auto& plan = context.plan;
    const auto rate = root.at("load").at("rate");
    if (owners == own->size() && rate) {
        return context.problem_about_key(
            rate, "every journey has a rate of its own, so nothing is left for this one",
            "leave it out; --rate scales them all");
    }
    if (owners < own->size() && !rate) {
        const auto shared = static_cast<std::size_t>(
            std::find(own->begin(), own->end(), std::nullopt) - own->begin());
        const auto [name, node] = root.at("journeys").members()[shared];
        return context.problem_about_key(
            node, fmt::format("journey \"{}\" has no rate, and \"load\" gives none to share", name),
            "add \"rate\" to \"load\", or to the journey");
    }
    if (rate && !plan.load.rate) return;  // it is wrong, which was reported
    total += plan.load.rate.value_or(Rate{}).per_second();
    plan.load.rate = Rate::per_second(total);
    for (std::size_t i = 0; i < own->size(); ++i) {
        if ((*own)[i]) plan.journeys[i].rate_part = *(*own)[i] / total;
    }
}

// --- flags

void override_load(CompileContext& context) {
    const auto& flags = context.overrides;
    auto& load = context.plan.load;
    if (flags.rate && load.stages) {
        context.flag_problem("--rate: the scenario's load has stages, which say their own rates",
                             "change the stages, or replace them by \"rate\"");
    } else if (flags.rate) {
        load.rate = flags.rate;
        load.users.reset();
        load.pacing = {};
    }
    if (flags.arrivals) load.arrivals = *flags.arrivals;
    if (flags.duration && load.stages) {
        context.flag_problem("--duration: the scenario's load has stages, which say how long it is",
                             "change the stages, or replace them by \"rate\"");
    } else if (flags.duration) {
        load.duration = *flags.duration;
    }
    if (flags.warmup) load.warmup = *flags.warmup;
    if (load.rate && load.rate->per_second() <= 0) {
        context.flag_problem("--rate: the rate must be above zero");
    }
    if (load.duration <= Duration{}) context.flag_problem("--duration: it must be above zero");
}

/// The warm-up is the first part of the stages; what is left of them is measured.
void measure_stages(CompileContext& context, const Node& root) {
    auto& load = context.plan.load;
    if (!load.stages) return;
    const auto length = load.stages->length();
    load.duration = length - load.warmup;
    if (load.duration > Duration{}) return;
    const auto message =
        fmt::format("the warm-up takes all {} of the stages, so nothing is left to measure",
                    format_duration_exact(length));
    if (context.overrides.warmup) return context.flag_problem("--warmup: " + message);
    context.problem(root.at("load").at("warmup"), message, "shorten it, or add a stage");
}

}  // namespace

void compile_load(CompileContext& context, const Node& root) {
    auto& load = context.plan.load;
    const auto node = root.at("load");
    check_kinds(context, node);
    if (node.at("stages")) {
        compile_stages(context, node);
    } else if (const auto rate = read_rate(context, node.at("rate"), false)) {
        load.rate = *rate;
    }
    if (const auto users = node.at("users")) compile_users(context, users);
    compile_arrivals(context, node);
    if (const auto d = context.duration(node.at("pacing"), false)) load.pacing = *d;
    if (const auto d = context.duration(node.at("duration"), false)) load.duration = *d;
    if (const auto d = context.duration(node.at("warmup"), true)) load.warmup = *d;
    if (const auto d = context.duration(node.at("drain"), true)) load.drain = *d;
    divide_rate(context, root);
    override_load(context);
    measure_stages(context, root);
}

void write_load_overrides(const Overrides& flags, const Plan& plan, nlohmann::ordered_json& json) {
    if (flags.rate) {
        double shared = flags.rate->per_second();
        for (const auto& journey : plan.journeys) {
            if (!journey.rate_part) continue;
            const double own = *journey.rate_part * flags.rate->per_second();
            json["journeys"][journey.name]["rate"] = fmt::format("{}/s", own);
            shared -= own;
        }
        // Where every journey has its own rate, the load has none.
        const bool all_own = std::all_of(plan.journeys.begin(), plan.journeys.end(),
                                         [](const auto& journey) { return journey.rate_part; });
        if (!all_own) json["load"]["rate"] = fmt::format("{}/s", shared);
        if (json.contains("load")) {
            for (const char* closed : {"users", "pacing"}) json["load"].erase(closed);
        }
    }
    if (flags.arrivals) {
        json["load"]["arrivals"] = *flags.arrivals == Arrivals::poisson ? "poisson" : "paced";
    }
    if (flags.duration) json["load"]["duration"] = format_duration_exact(*flags.duration);
    if (flags.warmup) json["load"]["warmup"] = format_duration_exact(*flags.warmup);
}

}  // namespace loadline

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/units.hpp"
#include "plan/compile_context.hpp"

namespace loadline {
namespace {

/// Finds what a name in a template stands for, and notes which data sources are used.
class NameResolver {
public:
    NameResolver(CompileContext& context, StepScope& scope) : context_{context}, scope_{scope} {}

    std::variant<std::uint32_t, TemplateProblem> operator()(std::string_view name) {
        if (scope_.known.contains(name)) return context_.variable(name);
        const auto dot = name.find('.');
        if (dot != std::string_view::npos)
            return column(name, name.substr(0, dot), name.substr(dot + 1));
        const auto feeder = context_.feeders.find(name);
        if (feeder == context_.feeders.end()) return unknown(name);
        if (feeder->second.readable && !feeder->second.numbers) {
            return TemplateProblem{
                "", fmt::format("uses ${{{0}}}, but \"{0}\" is a table", name),
                fmt::format("name a column: ${{{}.{}}}", name, feeder->second.columns.front())};
        }
        return use(name, feeder->second);
    }

private:
    std::uint32_t use(std::string_view name, const KnownFeeder& feeder) {
        scope_.feeders.insert(feeder.index);
        return context_.variable(name);
    }

    std::variant<std::uint32_t, TemplateProblem> column(std::string_view name,
                                                        std::string_view table,
                                                        std::string_view column) {
        const auto found = context_.feeders.find(table);
        if (found == context_.feeders.end()) {
            std::vector<std::string_view> known;
            for (const auto& [feeder, ignored] : context_.feeders) known.push_back(feeder);
            auto hint = name_hint(table, known, "the data sources are");
            if (hint.empty())
                hint =
                    fmt::format("add \"data\": {{\"{}\": {{\"csv\": \"{}.csv\"}}}}", table, table);
            return TemplateProblem{
                "", fmt::format("uses ${{{}}}, but there is no data source \"{}\"", name, table),
                hint};
        }
        const auto& feeder = found->second;
        if (!feeder.readable) return use(name, feeder);
        if (feeder.numbers) {
            return TemplateProblem{
                "", fmt::format("uses ${{{}}}, but \"{}\" is a range of numbers", name, table),
                fmt::format("write ${{{}}}", table)};
        }
        const auto& columns = feeder.columns;
        if (std::find(columns.begin(), columns.end(), column) == columns.end()) {
            return TemplateProblem{
                "",
                fmt::format("uses ${{{}}}, but \"{}\" has no column \"{}\"", name, table, column),
                name_hint(column, {columns.begin(), columns.end()}, "its columns are")};
        }
        return use(name, feeder);
    }

    TemplateProblem unknown(std::string_view name) const {
        const auto message = fmt::format("uses ${{{}}}, but nothing sets it", name);
        std::vector<std::string_view> known{scope_.known.begin(), scope_.known.end()};
        for (const auto& [feeder, info] : context_.feeders) {
            if (info.numbers) known.push_back(feeder);
        }
        for (const auto function : {"random(1, 100)", "uuid", "counter", "now", "iso_time"}) {
            known.push_back(function);
        }
        if (const auto near = nearest_word(name, known); !near.empty()) {
            return {"", message, fmt::format("did you mean ${{{}}}?", near)};
        }
        if (scope_.earlier.empty()) {
            return {"", message,
                    fmt::format("put a step before it: {{\"set\": {{\"{}\": \"...\"}}}}", name)};
        }
        return {
            "", message,
            fmt::format("add \"capture\": {{\"{}\": \"{}\"}} to an earlier step, such as \"{}\"",
                        name, place_elsewhere(name), scope_.earlier.back())};
    }

    /// Where another step of the scenario captures this name from; else a guess.
    std::string place_elsewhere(std::string_view name) const {
        std::string place = "/" + std::string{name};
        const auto look = [&](const Node& steps) {
            for (const auto& step : steps.elements()) {
                const auto capture = step.at("capture").at(std::string{name});
                if (capture.text() != nullptr) place = *capture.text();
            }
        };
        const Node root{&context_.scenario.json, ""};
        for (const auto& [ignored, journey] : root.at("journeys").members())
            look(journey.at("steps"));
        for (const auto& [ignored, pool] : root.at("sessions").members()) look(pool.at("start"));
        look(root.at("setup"));
        return place;
    }

    CompileContext& context_;
    StepScope& scope_;
};

/// Names that a list of steps sets or captures.
void collect_names(const Node& steps, std::set<std::string, std::less<>>& names) {
    for (const auto& step : steps.elements()) {
        for (const auto& key : {"set", "capture"}) {
            for (const auto& [name, ignored] : step.at(key).members()) names.insert(name);
        }
    }
}

void compile_set(CompileContext& context, StepScope& scope, const Node& set,
                 std::vector<Action>& actions) {
    for (const auto& [name, value] : set.members()) {
        std::vector<Template::Segment> segments;
        if (value.is_number()) {
            segments.push_back(Template::Literal{value.json->dump(), true});
        } else if (value.text() != nullptr) {
            segments =
                compile_template(context, scope, value, *value.text(), Template::Escape::none,
                                 fmt::format("\"set\" of \"{}\"", name));
        }
        if (!check_variable_name(context, value, name)) continue;
        scope.known.insert(name);
        actions.push_back(SetAction{context.variable(name), Template{std::move(segments)}});
    }
}

/// "1s" or "100ms..300ms".
void compile_think(CompileContext& context, const Node& at, std::vector<Action>& actions) {
    if (at.text() == nullptr) return;
    const std::string_view text = *at.text();
    const auto dots = text.find("..");
    const auto low = parse_duration(text.substr(0, dots));
    const auto high = dots == std::string_view::npos ? low : parse_duration(text.substr(dots + 2));
    if (!low || !high) {
        context.problem(at, fmt::format("think time \"{}\" is not like 1s or 100ms..300ms", text));
    } else if (*low > *high) {
        context.problem(at, fmt::format("think time \"{}\" ends before it begins", text),
                        "write the shorter one first");
    } else {
        actions.push_back(ThinkAction{*low, *high});
    }
}

std::vector<Action> compile_sequence(CompileContext& context, StepScope& scope, const Node& steps) {
    std::vector<Action> actions;
    for (const auto& step : steps.elements()) {
        if (const auto set = step.at("set")) {
            compile_set(context, scope, set, actions);
        } else if (const auto think = step.at("think")) {
            compile_think(context, think, actions);
        } else if (const auto index = compile_request(context, scope, step)) {
            actions.push_back(ExchangeAction{*index});
        }
    }
    return actions;
}

/// Puts the records that a sequence uses before its first action.
void feed_first(const StepScope& scope, std::vector<Action>& actions) {
    std::vector<Action> feeds;
    for (const auto feeder : scope.feeders) {
        if (scope.session_feeder != feeder) feeds.push_back(FeedAction{feeder});
    }
    actions.insert(actions.begin(), feeds.begin(), feeds.end());
}

void compile_journey(CompileContext& context, const Node& root, const std::string& name,
                     const Node& node) {
    JourneyPlan journey;
    journey.name = name;
    StepScope scope;
    scope.title = fmt::format("journey \"{}\"", name);
    scope.journey = true;
    collect_names(root.at("setup"), scope.known);

    if (const auto share = node.at("share").number()) {
        journey.share = *share;
        if (*share <= 0) context.problem(node.at("share"), "a share must be above zero");
    }
    if (const auto as = node.at("as"); as.text() != nullptr) {
        std::vector<std::string_view> pools;
        for (const auto& pool : context.plan.session_pools) pools.push_back(pool.name);
        const auto found = std::find(pools.begin(), pools.end(), *as.text());
        if (found == pools.end()) {
            context.problem(as, fmt::format("there is no session pool \"{}\"", *as.text()),
                            pools.empty() ? "add it under \"sessions\""
                                          : name_hint(*as.text(), pools, "the session pools are"));
        } else {
            journey.sessions = static_cast<std::uint32_t>(found - pools.begin());
            const auto pool = root.at("sessions").at(*as.text());
            collect_names(pool.at("start"), scope.known);
            const auto data = pool.at("data");
            const auto feeder =
                data.text() == nullptr ? context.feeders.end() : context.feeders.find(*data.text());
            if (feeder != context.feeders.end()) scope.session_feeder = feeder->second.index;
            for (const auto& step : pool.at("start").elements()) {
                if (step.at("http") && step.at("name").text() != nullptr) {
                    scope.earlier.push_back(*step.at("name").text());
                }
            }
        }
    }
    journey.actions = compile_sequence(context, scope, node.at("steps"));
    const auto is_exchange = [](const Node& step) { return step.at("http") || step.at("redis"); };
    const auto steps = node.at("steps").elements();
    if (node.at("steps").is_list() && std::none_of(steps.begin(), steps.end(), is_exchange)) {
        context.problem_about_key(node, fmt::format("{} sends nothing", scope.title),
                                  "add a step with \"http\" or \"redis\"");
    }
    feed_first(scope, journey.actions);
    context.plan.journeys.push_back(std::move(journey));
}

/// Every session takes a record of its own.
void check_enough_records(CompileContext& context, const Node& node, const KnownFeeder& known,
                          std::map<std::uint32_t, std::uint64_t>& taken, std::uint64_t count) {
    const auto& feeder = *context.plan.feeders[known.index];
    if (!known.readable || feeder.pick != Pick::unique) return;
    auto& total = taken[known.index];
    total += count;
    if (total <= feeder.size()) return;
    context.problem(node.at("count"),
                    fmt::format("{} sessions need a record each, but \"{}\" has {}", total,
                                feeder.name, feeder.size()),
                    "lower \"count\" or add records");
}

void compile_pool(CompileContext& context, const Node& root, SessionPoolPlan& pool,
                  const Node& node, std::map<std::uint32_t, std::uint64_t>& taken) {
    StepScope scope;
    scope.title = fmt::format("session \"{}\"", pool.name);
    collect_names(root.at("setup"), scope.known);
    const auto count = node.at("count");
    if (const auto n = count.whole(); n && *n >= 1 && *n <= 10'000'000) {
        pool.count = static_cast<std::size_t>(*n);
    } else if (count.is_number()) {
        context.problem(count, "\"count\" must be a whole number between 1 and 10000000");
    }
    if (const auto data = node.at("data"); data.text() != nullptr) {
        const auto feeder = context.feeders.find(*data.text());
        if (feeder == context.feeders.end()) {
            std::vector<std::string_view> known;
            for (const auto& [name, ignored] : context.feeders) known.push_back(name);
            context.problem(data, fmt::format("there is no data source \"{}\"", *data.text()),
                            known.empty() ? "add it under \"data\""
                                          : name_hint(*data.text(), known, "the data sources are"));
        } else {
            scope.feeders.insert(feeder->second.index);
            check_enough_records(context, node, feeder->second, taken, pool.count);
        }
    }
    pool.start = compile_sequence(context, scope, node.at("start"));
    feed_first(scope, pool.start);
}

}  // namespace

bool check_variable_name(CompileContext& context, const Node& at, const std::string& name) {
    if (!is_variable_name(name)) {
        context.problem_about_key(
            at, fmt::format("a variable cannot be called \"{}\"", name),
            "a name has letters, digits, \"_\" and \"-\", and is no function");
        return false;
    }
    if (context.feeders.contains(name)) {
        context.problem_about_key(at, fmt::format("\"{}\" is a data source already", name),
                                  "choose another name");
        return false;
    }
    return true;
}

std::vector<Template::Segment> compile_template(CompileContext& context, StepScope& scope,
                                                const Node& at, std::string_view text,
                                                Template::Escape escape, std::string_view subject) {
    TemplateNames names;
    names.variable = NameResolver{context, scope};
    names.secrets = &context.plan.secrets;
    auto parsed = parse_template(text, escape, names);
    context.template_problems(at, subject, parsed.problems);
    return std::move(parsed.segments);
}

void compile_sequences(CompileContext& context, const Node& root) {
    const auto sessions = root.at("sessions").members();
    for (const auto& [name, ignored] : sessions) {
        SessionPoolPlan pool;
        pool.name = name;
        context.plan.session_pools.push_back(std::move(pool));
    }
    const auto journeys = root.at("journeys");
    for (const auto& [name, node] : journeys.members()) compile_journey(context, root, name, node);
    if (journeys.is_object() && journeys.members().empty()) {
        context.problem(
            journeys, "there is no journey",
            R"(add one: "home": {"steps": [{"name": "home", "http": "GET service/"}]})");
    }
    context.journey_steps = context.plan.steps.size();

    std::map<std::uint32_t, std::uint64_t> taken;
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        compile_pool(context, root, context.plan.session_pools[i], sessions[i].second, taken);
    }
    StepScope scope;
    scope.title = "\"setup\"";
    context.plan.setup = compile_sequence(context, scope, root.at("setup"));
    feed_first(scope, context.plan.setup);
}

}  // namespace loadline

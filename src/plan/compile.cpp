#include "plan/compile.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plan/compile_context.hpp"

namespace loadline {
namespace {

constexpr std::string_view default_slos[] = {"p99 <= 100ms", "errors <= 0.1%"};

/// A password is a secret however it was written.
void collect_passwords(CompileContext& context) {
    for (const auto& target : context.plan.targets) {
        if (!target.url.password.empty()) context.plan.secrets.push_back(target.url.password);
    }
    auto& secrets = context.plan.secrets;
    std::sort(secrets.begin(), secrets.end());
    secrets.erase(std::unique(secrets.begin(), secrets.end()), secrets.end());
    std::erase(secrets, "");
}

// --- the rest

/// Which steps count in TPS: the marked ones; else every HTTP step of a journey, or every
/// step where none is HTTP.
void mark_transactions(CompileContext& context, const Node& root) {
    const auto count = context.journey_steps;
    auto& steps = context.plan.steps;
    const auto& marks = context.transaction_marks;
    bool any_marked = false, any_http = false, any = false;
    for (std::size_t i = 0; i < count; ++i) {
        any_marked |= marks[i].value_or(false);
        any_http |= !steps[i].redis;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const bool by_default = !any_marked && (!any_http || !steps[i].redis);
        steps[i].transaction = marks[i].value_or(by_default);
        any |= steps[i].transaction;
    }
    if (count > 0 && !any) {
        context.problem(root.at("journeys"),
                        "no step is a transaction, so there is nothing to measure",
                        "set \"transaction\": true on the step that counts");
    }
}

/// Finds the step or journey that a clause names; the problem as message and hint.
std::optional<std::pair<std::string, std::string>> resolve_slo(const CompileContext& context,
                                                               SloClause& clause) {
    if (clause.scope == SloClause::Scope::transactions) return std::nullopt;
    const bool step = clause.scope == SloClause::Scope::step;
    std::vector<std::string_view> known;
    if (step) {
        for (std::size_t i = 0; i < context.journey_steps; ++i)
            known.push_back(context.plan.steps[i].name);
    } else {
        for (const auto& journey : context.plan.journeys) known.push_back(journey.name);
    }
    const auto found = std::find(known.begin(), known.end(), clause.name);
    if (found != known.end()) {
        clause.index = static_cast<std::uint32_t>(found - known.begin());
        return std::nullopt;
    }
    if (known.empty()) return std::nullopt;  // there are no journeys, and that was reported
    if (step && context.plan.find_step(clause.name)) {
        return std::pair{
            fmt::format("step \"{}\" runs before the load, where nothing is measured", clause.name),
            name_hint("", known, "the measured steps are")};
    }
    return std::pair{fmt::format("there is no {} \"{}\"", step ? "step" : "journey", clause.name),
                     name_hint(clause.name, known, step ? "the steps are" : "the journeys are")};
}

/// The message of a parse error and the hint in its second line.
std::pair<std::string, std::string> split_hint(const std::string& message) {
    constexpr std::string_view mark = "\n   hint: ";
    const auto at = message.find(mark);
    if (at == std::string::npos) return {message, ""};
    return {message.substr(0, at), message.substr(at + mark.size())};
}

void compile_slos(CompileContext& context, const Node& root) {
    auto& slos = context.plan.slos;
    const auto add = [&](const std::string& text, const auto& report) {
        auto clause = parse_slo(text);
        if (!clause) {
            const auto [message, hint] = split_hint(clause.error().message);
            return report(message, hint, "");
        }
        if (const auto problem = resolve_slo(context, *clause)) {
            return report(problem->first, problem->second, clause->name);
        }
        slos.push_back(std::move(*clause));
    };
    const auto node = root.at("slo");
    for (const auto& one : node.elements()) {
        if (one.text() == nullptr) continue;
        add(*one.text(),
            [&](const std::string& message, const std::string& hint, const std::string& part) {
                context.problem(one, message, hint, part);
            });
    }
    if (node.is_list() && node.elements().empty()) {
        context.problem(
            node, "\"slo\" promises nothing",
            fmt::format("leave it out for \"{}\" and \"{}\"", default_slos[0], default_slos[1]));
    }
    if (!context.overrides.slos.empty()) slos.clear();
    for (const auto& text : context.overrides.slos) {
        add(text, [&](const std::string& message, const std::string& hint, const std::string&) {
            context.flag_problem(fmt::format("--slo '{}': {}", text, message), hint);
        });
    }
    if (!node && context.overrides.slos.empty()) {
        for (const auto text : default_slos) slos.push_back(*parse_slo(text));
    }
}

void check_version(CompileContext& context, const Node& root) {
    const auto node = root.at("loadline");
    if (!node.is_number() || node.whole() == 1) return;
    context.problem(
        node, fmt::format("format {} is not served by this version of loadline", node.json->dump()),
        "write \"loadline\": 1");
}

void compile_into(CompileContext& context) {
    const Node root{&context.scenario.json, ""};
    const auto name = root.at("name");
    context.plan.name = name.text() != nullptr && !name.text()->empty()
                            ? *name.text()
                            : context.scenario.file.stem().string();
    check_version(context, root);
    compile_targets(context, root);
    override_targets(context);
    compile_data(context, root);
    compile_sequences(context, root);
    mark_transactions(context, root);
    compile_load(context, root);
    compile_transport(context, root);
    compile_churn(context, root);
    compile_slos(context, root);
    compile_watch(context, root);
    collect_passwords(context);
}

/// Puts the flags' values where the scenario's own stand, so that it reads as it was run.
void write_overrides(const Overrides& flags, const Plan& plan, nlohmann::ordered_json& json) {
    for (const auto& [name, url] : flags.targets) json["targets"][name] = url;
    if (!flags.slos.empty()) json["slo"] = flags.slos;
    write_load_overrides(flags, plan, json);
    write_transport(flags.transport, json);
}

}  // namespace

DiagnosticsOr<std::shared_ptr<const Plan>> compile(const Scenario& scenario,
                                                   const Overrides& overrides) {
    CompileContext context{scenario, overrides};
    compile_into(context);
    if (!context.problems.empty()) return std::move(context.problems);
    return std::make_shared<const Plan>(std::move(context.plan));
}

DiagnosticsOr<CompiledScenario> compile_text(std::string text, std::filesystem::path file,
                                             const Overrides& overrides) {
    auto [scenario, problems] = examine_scenario(std::move(text), std::move(file));
    if (scenario.json.is_discarded()) return std::move(problems);
    CompileContext context{scenario, overrides};
    compile_into(context);
    problems.insert(problems.end(), context.problems.begin(), context.problems.end());
    if (!problems.empty()) return std::move(problems);
    auto plan = std::make_shared<const Plan>(std::move(context.plan));
    write_overrides(overrides, *plan, scenario.json);
    return CompiledScenario{std::move(scenario), std::move(plan)};
}

}  // namespace loadline

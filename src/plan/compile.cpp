#include "plan/compile.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plan/compile_context.hpp"

namespace loadline {
namespace {

constexpr std::string_view default_slos[] = {"p99 <= 100ms", "errors <= 0.1%"};

// --- targets

std::string scheme_problem(const std::string& scheme) {
    if (scheme == "http" || scheme == "redis") return {};
    return fmt::format("{}:// is not served by this version of loadline", scheme);
}

/// The password of a URL as it is written: percent-encoded, perhaps.
std::string written_password(std::string_view text) {
    const auto start = text.find("://");
    if (start == std::string_view::npos) return {};
    const auto who = text.substr(start + 3, text.find_first_of("/?#", start + 3) - start - 3);
    const auto colon = who.find(':'), at = who.rfind('@');
    if (at == std::string_view::npos || colon >= at) return {};
    return std::string{who.substr(colon + 1, at - colon - 1)};
}

/// A URL whose parts come from the environment: user and password are expanded on their
/// own, so that any character may stand in them.
Result<Url> parse_target(std::string_view text, std::vector<std::string>& secrets,
                         std::vector<TemplateProblem>& problems) {
    const auto expand = [&](std::string_view part) {
        auto expanded = expand_environment(part, secrets);
        problems.insert(problems.end(), expanded.problems.begin(), expanded.problems.end());
        return expanded.text;
    };
    const auto start = text.find("://");
    const auto authority = start == std::string_view::npos ? text.size() : start + 3;
    const auto end = std::min(text.find_first_of("/?#", authority), text.size());
    const auto at = text.substr(0, end).rfind('@');
    if (at == std::string_view::npos || at < authority ||
        text.find("${") == std::string_view::npos) {
        return parse_url(expand(text));
    }
    auto url = parse_url(
        expand(std::string{text.substr(0, authority)} + std::string{text.substr(at + 1)}));
    if (!url) return url;
    const auto who = text.substr(authority, at - authority);
    const auto colon = who.find(':');
    url->user = expand(who.substr(0, colon));
    if (colon != std::string_view::npos) url->password = expand(who.substr(colon + 1));
    return url;
}

/// Why a URL that can be read is still no target; empty when it is one.
std::string target_problem(const Url& url) {
    if (auto problem = scheme_problem(url.scheme); !problem.empty()) return problem;
    if (!url.is_redis() && url.path.find('?') != std::string::npos) {
        return "a target has no query: it belongs to the steps";
    }
    const auto database = std::string_view{url.path}.substr(url.path.empty() ? 0 : 1);
    if (url.is_redis() && database.find_first_not_of("0123456789") != std::string_view::npos) {
        return fmt::format("\"{}\" is not the number of a Redis database", database);
    }
    return {};
}

/// Reads the URL of one target; false when it is none, which was reported.
bool compile_url(CompileContext& context, const Node& node, TargetPlan& target) {
    if (node.text() == nullptr) return false;
    if (node.text()->starts_with("unix:")) {
        context.problem(node, "unix: is not served by this version of loadline",
                        "give the address as http://host:port");
        return false;
    }
    auto& secrets = context.plan.secrets;
    if (auto password = written_password(*node.text()); !password.starts_with("${")) {
        secrets.push_back(std::move(password));
    }
    std::vector<TemplateProblem> problems;
    const auto url = parse_target(*node.text(), secrets, problems);
    context.template_problems(node, fmt::format("target \"{}\"", target.name), problems);
    if (!problems.empty()) return false;
    const auto trouble = url ? target_problem(*url) : mask_secrets(url.error().message, secrets);
    if (!trouble.empty()) {
        const bool scheme = url && !scheme_problem(url->scheme).empty();
        context.problem(node, trouble, scheme ? "targets are http:// and redis://" : "");
        return false;
    }
    target.url = *url;
    return true;
}

bool is_overridden(const CompileContext& context, std::string_view name) {
    const auto& flags = context.overrides.targets;
    return std::any_of(flags.begin(), flags.end(), [&](const auto& f) { return f.first == name; });
}

void compile_targets(CompileContext& context, const Node& root) {
    const auto targets = root.at("targets");
    for (const auto& [name, node] : targets.members()) {
        TargetPlan target;
        target.name = name;
        if (name.empty() || name.find_first_of(" /?=$") != std::string::npos) {
            context.problem_about_key(node, fmt::format("a target cannot be called \"{}\"", name),
                                      "steps say \"GET name/path\"");
        }
        const auto told = context.problems.size();
        if (!compile_url(context, node, target)) {
            context.broken_targets.push_back(name);
            // A flag replaces this URL: it does not matter that ${env.X} is missing here.
            if (is_overridden(context, name)) context.problems.resize(told);
        }
        context.plan.targets.push_back(std::move(target));
    }
    if (targets.is_object() && targets.members().empty()) {
        context.problem(targets, "there is no target",
                        R"(add one: "service": "http://127.0.0.1:8080")");
    }
}

void override_targets(CompileContext& context) {
    for (const auto& [name, text] : context.overrides.targets) {
        const auto flag = fmt::format("--target {}=", name);
        const auto found =
            std::find_if(context.plan.targets.begin(), context.plan.targets.end(),
                         [&](const TargetPlan& target) { return target.name == name; });
        if (found == context.plan.targets.end()) {
            std::vector<std::string_view> known;
            for (const auto& target : context.plan.targets) known.push_back(target.name);
            context.flag_problem(fmt::format("{}: the scenario has no target \"{}\"", flag, name),
                                 name_hint(name, known, "its targets are"));
            continue;
        }
        const auto url = parse_url(text);
        const auto trouble = url ? target_problem(*url) : url.error().message;
        if (!trouble.empty()) {
            context.flag_problem(fmt::format("{}: {}", flag, trouble));
            context.broken_targets.push_back(name);
            continue;
        }
        const bool broken = std::erase(context.broken_targets, name) > 0;
        if (!broken && found->url.is_redis() != url->is_redis()) {
            context.flag_problem(
                fmt::format("{}: the scenario's steps speak {}:// to it", flag, found->url.scheme));
        } else {
            context.moved_ports.emplace_back(found->url.port, url->port);
            found->url = *url;
        }
    }
}

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

void compile_connections(CompileContext& context, const Node& root) {
    const auto node = root.at("connections");
    if (node.text() == nullptr || *node.text() == "pool") return;
    if (*node.text() == "per-request") {
        context.plan.connections = ConnectionMode::per_request;
    } else if (*node.text() == "per-session") {
        context.problem(node,
                        "connections \"per-session\" are not served by this version of loadline",
                        "write \"pool\" or \"per-request\"");
    } else {
        context.problem(node, fmt::format("connections \"{}\" are not known", *node.text()),
                        name_hint(*node.text(), {"pool", "per-request"}, "they are"));
    }
}

void compile_watch(CompileContext& context, const Node& root) {
    const auto node = root.at("watch");
    const auto port = node.at("port");
    if (!port.is_number()) return;
    const auto number = port.whole();
    if (!number || *number < 1 || *number > 65535) {
        return context.problem(
            port, fmt::format("port {} is not between 1 and 65535", port.json->dump()));
    }
    if (node.at("close_wait").boolean().value_or(true)) {
        context.plan.watch_port = static_cast<std::uint16_t>(*number);
        for (const auto& [from, to] : context.moved_ports) {  // --target moved what is watched
            if (from == *number) context.plan.watch_port = to;
        }
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
    compile_connections(context, root);
    compile_slos(context, root);
    compile_watch(context, root);
    collect_passwords(context);
}

/// Puts the flags' values where the scenario's own stand, so that it reads as it was run.
void write_overrides(const Overrides& flags, const Plan& plan, nlohmann::ordered_json& json) {
    for (const auto& [name, url] : flags.targets) json["targets"][name] = url;
    if (!flags.slos.empty()) json["slo"] = flags.slos;
    write_load_overrides(flags, plan, json);
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

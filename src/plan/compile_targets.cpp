#include <fmt/format.h>

#include <algorithm>

#include "plan/compile_context.hpp"

// Targets: their URLs, with parts from the environment, and the flags that replace them.
namespace loadline {
namespace {

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
        context.problem(node, trouble);
        return false;
    }
    target.url = *url;
    return true;
}

bool is_overridden(const CompileContext& context, std::string_view name) {
    const auto& flags = context.overrides.targets;
    return std::any_of(flags.begin(), flags.end(), [&](const auto& f) { return f.first == name; });
}

}  // namespace

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

}  // namespace loadline

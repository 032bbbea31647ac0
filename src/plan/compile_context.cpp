#include "plan/compile_context.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/units.hpp"

namespace loadline {

std::string name_hint(std::string_view word, const std::vector<std::string_view>& known,
                      std::string_view list_intro) {
    if (known.empty()) return {};
    const auto near = nearest_word(word, known);
    if (!near.empty()) return fmt::format("did you mean \"{}\"?", near);
    return fmt::format("{} {}", list_intro, fmt::join(known, ", "));
}

VariableIndex CompileContext::variable(std::string_view name) {
    if (const auto found = variables_.find(name); found != variables_.end()) return found->second;
    const auto index = static_cast<VariableIndex>(plan.variable_names.size());
    variables_.emplace(name, index);
    plan.variable_names.emplace_back(name);
    plan.variable_count = plan.variable_names.size();
    return index;
}

void CompileContext::problem(const Node& at, std::string message, std::string hint,
                             std::string part) {
    Diagnostic diagnostic;
    diagnostic.pointer = at.pointer;
    diagnostic.message = std::move(message);
    diagnostic.hint = std::move(hint);
    diagnostic.part = std::move(part);
    problems.push_back(std::move(diagnostic));
}

void CompileContext::problem_about_key(const Node& at, std::string message, std::string hint) {
    problem(at, std::move(message), std::move(hint));
    problems.back().about_key = true;
}

void CompileContext::flag_problem(std::string message, std::string hint) {
    Diagnostic diagnostic;
    diagnostic.message = std::move(message);
    diagnostic.hint = std::move(hint);
    diagnostic.of_flag = true;
    problems.push_back(std::move(diagnostic));
}

void CompileContext::template_problems(const Node& at, std::string_view subject,
                                       const std::vector<TemplateProblem>& found) {
    for (const auto& one : found) {
        const auto message = fmt::format("{} {}", subject, one.message);
        const bool told = std::any_of(problems.begin(), problems.end(), [&](const Diagnostic& d) {
            return d.pointer == at.pointer && d.message == message;
        });
        if (!told) problem(at, message, one.hint, one.part);
    }
}

std::optional<std::uint32_t> CompileContext::target(const Node& at, std::string_view name,
                                                    bool redis) {
    std::vector<std::string_view> known;
    for (std::uint32_t i = 0; i < plan.targets.size(); ++i) {
        const auto& target = plan.targets[i];
        known.push_back(target.name);
        if (target.name != name) continue;
        const bool broken =
            std::find(broken_targets.begin(), broken_targets.end(), name) != broken_targets.end();
        if (broken || target.url.is_redis() == redis) return i;
        problem(at,
                fmt::format("target \"{}\" is {}://, but this step speaks {}", name,
                            target.url.scheme, redis ? "Redis" : "HTTP"),
                redis ? "write \"http\" for an HTTP target"
                      : "write \"redis\" and \"on\" for a Redis target",
                std::string{name});
        return std::nullopt;
    }
    if (known.empty()) return std::nullopt;  // "targets" itself is wrong, and was reported
    problem(at, fmt::format("there is no target \"{}\"", name),
            name_hint(name, known, "the targets are"), std::string{name});
    return std::nullopt;
}

std::optional<Duration> CompileContext::duration(const Node& at, bool zero_allowed) {
    if (at.text() == nullptr) return std::nullopt;
    const auto parsed = parse_duration(*at.text());
    if (!parsed) {
        problem(at, parsed.error().message);
        return std::nullopt;
    }
    if (*parsed == Duration{} && !zero_allowed) {
        problem(at, "this duration must be above zero");
        return std::nullopt;
    }
    return *parsed;
}

}  // namespace loadline

#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "plan/compile.hpp"
#include "plan/template_parse.hpp"
#include "temporary_folder.hpp"

namespace loadline {

/// A context to render in, with as many variables as a test sets.
struct Rendering {
    std::vector<Value> variables;
    Rng rng{7};
    std::uint64_t counter = 0;
    RenderContext context{variables, rng, counter};

    explicit Rendering(std::vector<Value> values) : variables{std::move(values)} {}
    Rendering(const Rendering&) = delete;
};

/// Names a, b, c, ... as variables 0, 1, 2, ...
inline TemplateNames letters(std::vector<std::string>& secrets) {
    TemplateNames names;
    names.secrets = &secrets;
    names.variable = [](std::string_view name) -> std::variant<std::uint32_t, TemplateProblem> {
        if (name.size() == 1) return static_cast<std::uint32_t>(name[0] - 'a');
        return TemplateProblem{"", "uses ${" + std::string{name} + "}, but nothing sets it", ""};
    };
    return names;
}

inline Template make_template(std::string_view text,
                              Template::Escape escape = Template::Escape::none) {
    std::vector<std::string> secrets;
    return Template{parse_template(text, escape, letters(secrets)).segments};
}

/// A users file with this many records: u1,p1 ...
inline std::string users_csv(int count) {
    std::string text = "name,password\n";
    for (int i = 1; i <= count; ++i) {
        text += "u" + std::to_string(i) + ",p" + std::to_string(i) + "\n";
    }
    return text;
}

/// The whole diagnostics as printed, or "valid".
inline std::string diagnose(const std::string& text, const Overrides& overrides = {},
                            const std::filesystem::path& file = "s.json") {
    const auto compiled = compile_text(text, file, overrides);
    const auto* problems = std::get_if<std::vector<Diagnostic>>(&compiled);
    return problems == nullptr ? "valid" : format_diagnostics(text, "s.json", *problems);
}

/// The plan of a scenario that must be valid; nullptr (and a message) otherwise.
std::shared_ptr<const Plan> plan_of(const std::string& text, const Overrides& overrides = {},
                                    const std::filesystem::path& file = "s.json");

}  // namespace loadline

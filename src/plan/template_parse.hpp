#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "plan/template.hpp"

namespace loadline {

/// What is wrong with one `${...}`. The message is a predicate, such as "uses ${token},
/// but nothing sets it"; the caller puts the subject before it.
struct TemplateProblem {
    std::string part;  ///< the text to underline: "${token}"
    std::string message;
    std::string hint;
};

/// What the names in a template stand for at its place.
struct TemplateNames {
    /// The index of a variable or feeder column, or what is wrong with the name.
    std::function<std::variant<std::uint32_t, TemplateProblem>(std::string_view name)> variable;
    std::vector<std::string>* secrets = nullptr;  ///< takes the values of ${env.X}; required
};

struct ParsedTemplate {
    std::vector<Template::Segment> segments;
    std::vector<TemplateProblem> problems;  ///< empty: `segments` is whole
};

/// Compiles a text with `${...}` in it; `$${` is a literal `${`. Literals in it are made
/// safe as well (except for Escape::none and header), so segments of several texts can be
/// put together. Environment variables become literals.
///
/// With Escape::json_value, a text that is exactly one template becomes a whole JSON value;
/// any other one becomes a JSON string in quotes.
ParsedTemplate parse_template(std::string_view text, Template::Escape escape,
                              const TemplateNames& names);

/// `text` with every ${env.X} replaced by its value, which joins `secrets`; any other
/// template is a problem.
struct ExpandedText {
    std::string text;
    std::vector<TemplateProblem> problems;
};
ExpandedText expand_environment(std::string_view text, std::vector<std::string>& secrets);

/// Appends to `segments`, joining literals that meet.
void append_segment(std::vector<Template::Segment>& segments, Template::Segment segment);
void append_literal(std::vector<Template::Segment>& segments, std::string_view text);

/// Whether a name may be used for a variable: letters, digits, '_' and '-', and no function.
bool is_variable_name(std::string_view name);

}  // namespace loadline

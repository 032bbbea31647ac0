#include "plan/template_parse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <optional>

#include "base/units.hpp"
#include "plan/escape.hpp"

namespace loadline {
namespace {

constexpr std::string_view functions[] = {"random", "uuid",     "counter",    "now",
                                          "base64", "iso_time", "user.index", "env"};

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

std::string_view trim(std::string_view text) {
    const auto from = text.find_first_not_of(" \t");
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

/// A text cut into literals and the insides of `${...}`.
struct Piece {
    std::string text;
    bool substitution = false;
    bool closed = true;
};

std::vector<Piece> split(std::string_view text) {
    std::vector<Piece> pieces;
    std::string literal;
    while (!text.empty()) {
        if (text.starts_with("$${")) {
            literal += "${";
            text.remove_prefix(3);
        } else if (text.starts_with("${")) {
            if (!literal.empty()) pieces.push_back({std::exchange(literal, {}), false, true});
            const auto end = text.find('}');
            const bool closed = end != std::string_view::npos;
            pieces.push_back({std::string{text.substr(2, closed ? end - 2 : end)}, true, closed});
            text.remove_prefix(closed ? end + 1 : text.size());
        } else {
            literal += text.front();
            text.remove_prefix(1);
        }
    }
    if (!literal.empty()) pieces.push_back({std::move(literal), false, true});
    return pieces;
}

using Segments = std::variant<Template::Segment, TemplateProblem>;

/// One `${...}`: what stands inside becomes a segment.
class SubstitutionParser {
public:
    SubstitutionParser(const Piece& piece, Template::Escape escape, const TemplateNames& names)
        : part_{"${" + piece.text + (piece.closed ? "}" : "")},
          inside_{trim(piece.text)},
          escape_{escape},
          names_{names} {
        const auto open = inside_.find('(');
        name_ = trim(inside_.substr(0, open));
        if (open != std::string_view::npos) arguments_ = inside_.substr(open + 1);
    }

    Segments parse() {
        if (inside_.empty()) return problem("has an empty ${}", "name a variable: ${token}");
        if (arguments_) {
            if (arguments_->empty() || arguments_->back() != ')') {
                return problem(fmt::format("has {}, but its \"(\" is not closed", part_),
                               "write ${random(1, 100)}");
            }
            arguments_->remove_suffix(1);
        }
        if (name_ == "random") return random();
        if (name_ == "base64") return base64();
        if (name_.starts_with("env.")) return environment();
        if (const auto simple = plain_function()) {
            if (!arguments_) return *simple;
            return problem(fmt::format("gives {} arguments, but it takes none", name_),
                           fmt::format("write ${{{}}}", name_));
        }
        return variable();
    }

private:
    TemplateProblem problem(std::string message, std::string hint) const {
        return {part_, std::move(message), std::move(hint)};
    }

    std::optional<Template::Segment> plain_function() const {
        if (name_ == "uuid") return Template::Uuid{};
        if (name_ == "counter") return Template::Counter{};
        if (name_ == "now") return Template::Now{};
        if (name_ == "iso_time") return Template::IsoTime{};
        if (name_ == "user.index") return Template::UserIndex{};
        return std::nullopt;
    }

    Segments random() const {
        std::int64_t low = 0, high = 0;
        const auto text = arguments_.value_or("");
        const auto comma = text.find(',');
        const bool numbers = comma != std::string_view::npos && read(text.substr(0, comma), low) &&
                             read(text.substr(comma + 1), high);
        if (!numbers) {
            return problem(fmt::format("has {}, but random takes two whole numbers", part_),
                           "write ${random(1, 100)}");
        }
        if (low > high) {
            return problem(fmt::format("has {}, but {} is above {}", part_, low, high),
                           fmt::format("write ${{random({}, {})}}", high, low));
        }
        return Template::Random{low, high};
    }

    static bool read(std::string_view text, std::int64_t& n) {
        text = trim(text);
        const auto end = text.data() + text.size();
        const auto [rest, ec] = std::from_chars(text.data(), end, n);
        return ec == std::errc{} && rest == end;
    }

    Segments base64() const {
        const auto name = trim(arguments_.value_or(""));
        if (name.empty()) {
            return problem(fmt::format("has {}, but base64 takes a variable", part_),
                           "write ${base64(token)}");
        }
        auto found = names_.variable(name);
        if (const auto* index = std::get_if<std::uint32_t>(&found)) {
            return Template::Base64{*index, escape_};
        }
        auto wrong = std::get<TemplateProblem>(std::move(found));
        wrong.part = part_;
        return wrong;
    }

    Segments environment() const {
        const std::string name{name_.substr(4)};
        const char* value = name.empty() || arguments_ ? nullptr : std::getenv(name.c_str());
        if (value == nullptr) {
            return problem(fmt::format("uses {}, but the environment has no {}", part_,
                                       name.empty() ? "variable without a name" : name),
                           name.empty() ? "write ${env.NAME}"
                                        : fmt::format("set it first: export {}=...", name));
        }
        if (names_.secrets != nullptr) names_.secrets->emplace_back(value);
        std::string text;
        const bool whole = escape_ == Template::Escape::json_value;
        append_escaped(value, false, whole ? Template::Escape::json_value : escape_, text);
        return Template::Literal{std::move(text)};
    }

    Segments variable() const {
        const bool named = std::all_of(name_.begin(), name_.end(),
                                       [](char c) { return is_name_character(c) || c == '.'; });
        if (arguments_ || !named) {
            const auto near = nearest_word(name_, functions);
            return problem(fmt::format("has {}, which is no variable and no function", part_),
                           near.empty() ? "a literal \"${\" is written \"$${\""
                                        : fmt::format("did you mean {}?", near));
        }
        auto found = names_.variable(name_);
        if (const auto* index = std::get_if<std::uint32_t>(&found)) {
            return Template::Variable{*index, escape_};
        }
        auto wrong = std::get<TemplateProblem>(std::move(found));
        wrong.part = part_;
        return wrong;
    }

    std::string part_;
    std::string_view inside_, name_;
    std::optional<std::string_view> arguments_;
    Template::Escape escape_;
    const TemplateNames& names_;
};

/// Texts that JSON must quote when they are a whole value.
bool needs_quotes(const Template::Segment& segment) {
    return std::holds_alternative<Template::Uuid>(segment) ||
           std::holds_alternative<Template::IsoTime>(segment);
}

void append_whole_value(std::vector<Template::Segment>& segments, Template::Segment segment) {
    const bool quotes = needs_quotes(segment);
    if (quotes) append_literal(segments, "\"");
    append_segment(segments, std::move(segment));
    if (quotes) append_literal(segments, "\"");
}

Template::Escape literal_escape(Template::Escape escape) {
    return escape == Template::Escape::header ? Template::Escape::none : escape;
}

}  // namespace

void append_segment(std::vector<Template::Segment>& segments, Template::Segment segment) {
    const auto* literal = std::get_if<Template::Literal>(&segment);
    if (literal != nullptr && !literal->number) {
        append_literal(segments, literal->text);
    } else {
        segments.push_back(std::move(segment));
    }
}

void append_literal(std::vector<Template::Segment>& segments, std::string_view text) {
    if (text.empty()) return;
    auto* last = segments.empty() ? nullptr : std::get_if<Template::Literal>(&segments.back());
    if (last != nullptr) {
        last->text += text;
        last->number = false;
    } else {
        segments.push_back(Template::Literal{std::string{text}});
    }
}

bool is_variable_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), is_name_character) &&
           !(name[0] >= '0' && name[0] <= '9') && name[0] != '-' &&
           std::find(std::begin(functions), std::end(functions), name) == std::end(functions);
}

ParsedTemplate parse_template(std::string_view text, Template::Escape escape,
                              const TemplateNames& names) {
    ParsedTemplate parsed;
    const auto pieces = split(text);
    const bool whole =
        escape == Template::Escape::json_value && pieces.size() == 1 && pieces[0].substitution;
    const bool quoted = escape == Template::Escape::json_value && !whole;
    const auto inner = quoted ? Template::Escape::json_string : escape;

    if (quoted) append_literal(parsed.segments, "\"");
    for (const auto& piece : pieces) {
        if (!piece.substitution) {
            std::string safe;
            append_escaped(piece.text, false, literal_escape(inner), safe);
            append_literal(parsed.segments, safe);
            continue;
        }
        if (!piece.closed) {
            parsed.problems.push_back({"${" + piece.text, "has a \"${\" without its \"}\"",
                                       "a literal \"${\" is written \"$${\""});
            continue;
        }
        auto result = SubstitutionParser{piece, inner, names}.parse();
        if (auto* wrong = std::get_if<TemplateProblem>(&result)) {
            parsed.problems.push_back(std::move(*wrong));
        } else if (whole) {
            append_whole_value(parsed.segments, std::get<Template::Segment>(std::move(result)));
        } else {
            append_segment(parsed.segments, std::get<Template::Segment>(std::move(result)));
        }
    }
    if (quoted) append_literal(parsed.segments, "\"");
    return parsed;
}

ExpandedText expand_environment(std::string_view text, std::vector<std::string>& secrets) {
    TemplateNames names;
    names.secrets = &secrets;
    names.variable = [](std::string_view name) {
        return TemplateProblem{
            "", fmt::format("uses ${{{}}}, but only ${{env.NAME}} is known here", name), ""};
    };
    auto parsed = parse_template(text, Template::Escape::none, names);
    ExpandedText expanded;
    expanded.problems = std::move(parsed.problems);
    for (const auto& segment : parsed.segments) {
        if (const auto* literal = std::get_if<Template::Literal>(&segment)) {
            expanded.text += literal->text;
        } else {
            expanded.problems.push_back(
                {"", "uses a function, but only ${env.NAME} is known here", ""});
        }
    }
    return expanded;
}

}  // namespace loadline

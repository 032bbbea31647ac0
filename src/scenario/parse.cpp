#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>

#include "base/units.hpp"
#include "scenario/locate.hpp"
#include "scenario/scenario.hpp"
#include "scenario/validate.hpp"

namespace loadline {
namespace {

constexpr std::size_t deepest_nesting = 64;

Diagnostic at_offset(std::size_t offset, std::string message, std::string hint) {
    Diagnostic diagnostic;
    diagnostic.offset = static_cast<std::ptrdiff_t>(offset);
    diagnostic.message = std::move(message);
    diagnostic.hint = std::move(hint);
    return diagnostic;
}

/// What is no text at all: nothing, or bytes that no editor writes.
std::vector<Diagnostic> check_bytes(std::string_view text) {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
        return {
            at_offset(0, "the file is empty", R"(a scenario starts with {"loadline": 1, ...})")};
    }
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
        return {at_offset(0, "the file is UTF-16", "save it as UTF-8")};
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 || c == '\t' || c == '\r' || c == '\n') continue;
        return {at_offset(i, fmt::format("the file is not text: it contains the byte 0x{:02x}", c),
                          "a scenario is JSON in UTF-8")};
    }
    return {};
}

/// The brackets that are open at the end of the text, or where nesting goes too deep.
struct Brackets {
    std::vector<std::size_t> open;
    std::optional<std::size_t> too_deep;
};

Brackets count_brackets(std::string_view text) {
    Brackets brackets;
    for (const auto& token : split_tokens(text)) {
        const char c = text[token.begin];
        if (c == '{' || c == '[') {
            brackets.open.push_back(token.begin);
            if (brackets.open.size() <= deepest_nesting) continue;
            brackets.too_deep = token.begin;
            return brackets;
        }
        if ((c == '}' || c == ']') && !brackets.open.empty()) brackets.open.pop_back();
    }
    return brackets;
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

Diagnostic explain_end(std::string_view text, const Brackets& brackets) {
    auto message = std::string{"the file ends too early"};
    if (!brackets.open.empty()) {
        const auto at = brackets.open.back();
        const auto line =
            1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
        message =
            fmt::format("the file ends before the \"{}\" of line {} is closed", text[at], line);
    }
    auto end = text.find_last_not_of(" \t\r\n");
    return at_offset(end == std::string_view::npos ? 0 : end, std::move(message),
                     "was the file cut off?");
}

/// Says in plain words what the parser's exception says in its own.
Diagnostic explain(std::string_view text, const nlohmann::json::parse_error& error,
                   const Brackets& brackets) {
    const std::string_view what = error.what();
    const auto last = std::min(error.byte == 0 ? 0 : error.byte - 1, text.size() - 1);
    // The token at that place; a text without its closing quote ends just before it.
    TextRange at{last, last + 1};
    for (const auto& token : split_tokens(text)) {
        const bool open_text = token.end == last && text[token.begin] == '"';
        if (token.begin <= last && (last < token.end || open_text)) at = token;
    }
    const auto begin = at.begin;
    const auto word = text.substr(begin, at.end - begin);
    const auto found = word.front() == '"' ? "a text" : fmt::format("\"{}\"", word);

    if (contains(what, "unexpected end of input")) return explain_end(text, brackets);
    if (contains(what, "ill-formed UTF-8")) {
        return at_offset(last, "this is not UTF-8", "save the file as UTF-8");
    }
    if (contains(what, "control character") || contains(what, "missing closing quote")) {
        return at_offset(begin, "this text has no closing quote on its line",
                         R"(a line break inside a text is written \n)");
    }
    if (contains(what, "invalid string")) {
        return at_offset(begin, R"(this text has a "\" that JSON does not know)",
                         R"(a single "\" is written "\\")");
    }
    if (contains(what, "invalid comment")) {
        return at_offset(last, "this comment is not closed", "comments are // ... and /* ... */");
    }
    if (contains(what, "expected end of input")) {
        return at_offset(begin, "the scenario has ended before this",
                         "one file holds one scenario: one { ... }");
    }
    if (contains(what, "unexpected '}'") || contains(what, "unexpected ']'")) {
        const auto before = text.find_last_not_of(" \t\r\n", begin == 0 ? 0 : begin - 1);
        if (begin > 0 && before != std::string_view::npos && text[before] == ',') {
            return at_offset(before, fmt::format("a comma before {}", found), "remove the comma");
        }
    }
    if (contains(what, "invalid literal") || contains(what, "invalid number")) {
        return at_offset(begin, fmt::format("{} is not JSON", found),
                         "names and texts stand in double quotes");
    }
    if (contains(what, "expected ','") || contains(what, "expected '}'") ||
        contains(what, "expected ']'")) {
        return at_offset(begin, "a comma is missing before this", "");
    }
    if (contains(what, "expected ':'")) {
        return at_offset(begin, "a colon is missing before this", R"(members are "name": value)");
    }
    if (contains(what, "expected string literal")) {
        return at_offset(begin, fmt::format("a name is expected here, not {}", found),
                         R"(members are "name": value)");
    }
    return at_offset(begin, fmt::format("a value is expected here, not {}", found), "");
}

/// A number beyond any double: the parser names it in single quotes.
Diagnostic explain_overflow(std::string_view text, std::string_view what) {
    const auto open = what.find('\'');
    const auto number = what.substr(open + 1, what.rfind('\'') - open - 1);
    for (const auto& token : split_tokens(text)) {
        if (text.substr(token.begin, token.end - token.begin) == number) {
            return at_offset(token.begin, "this number is too large", "");
        }
    }
    return at_offset(0, fmt::format("the number {} is too large", number), "");
}

std::vector<Diagnostic> find_duplicates(std::string_view text) {
    std::vector<Diagnostic> found;
    std::set<std::string> seen;
    std::size_t inside_until = 0;  // what a duplicate contains is not reported once more
    for (const auto& value : locate_values(text)) {
        if (seen.insert(value.pointer).second || !value.key) continue;
        if (value.key->begin < inside_until) continue;
        inside_until = value.value.end;
        const auto key = text.substr(value.key->begin, value.key->end - value.key->begin);
        found.push_back(at_offset(value.key->begin, fmt::format("key {} occurs twice", key),
                                  "keep one of the two"));
    }
    return found;
}

/// The scenario beside a missing one that has nearly its name.
std::string similar_file(const std::filesystem::path& file) {
    std::error_code ignored;
    const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path{"."};
    std::vector<std::string> stems;
    for (const auto& entry : std::filesystem::directory_iterator{folder, ignored}) {
        if (entry.path().extension() == ".json") stems.push_back(entry.path().stem().string());
    }
    std::sort(stems.begin(), stems.end());
    const auto stem = file.stem().string();
    const auto same = std::find(stems.begin(), stems.end(), stem);
    const auto near = same != stems.end() ? std::string_view{*same} : nearest_word(stem, stems);
    return near.empty() ? "" : (file.parent_path() / near).string() + ".json";
}

}  // namespace

Result<std::string> read_scenario(const std::filesystem::path& file) {
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored)) {
        return usage_error(fmt::format("cannot read {}: it is a folder", file.string()));
    }
    errno = 0;
    std::ifstream stream{file, std::ios::binary};
    std::string text{std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{}};
    if (stream.is_open() && !stream.bad()) return text;
    const auto reason = std::strerror(errno == 0 ? EIO : errno);
    auto message = fmt::format("cannot read {}: {}", file.string(), reason);
    if (const auto near = similar_file(file); !near.empty()) {
        message += fmt::format("\n   hint: did you mean {}?", near);
    }
    return usage_error(std::move(message));
}

ExaminedScenario examine_scenario(std::string text, std::filesystem::path file) {
    if (text.starts_with("\xef\xbb\xbf"))
        text.erase(0, 3);  // a byte order mark of UTF-8 is harmless
    ExaminedScenario examined;
    auto& [scenario, problems] = examined;
    scenario.text = std::move(text);
    scenario.file = std::move(file);
    scenario.json = nlohmann::ordered_json::value_t::discarded;

    problems = check_bytes(scenario.text);
    if (!problems.empty()) return examined;
    const auto brackets = count_brackets(scenario.text);
    if (brackets.too_deep) {
        problems = {at_offset(*brackets.too_deep, "nested deeper than 64 levels",
                              "a scenario needs about ten")};
        return examined;
    }
    try {
        scenario.json = nlohmann::ordered_json::parse(scenario.text, nullptr, true, true);
    } catch (const nlohmann::json::parse_error& error) {
        problems = {explain(scenario.text, error, brackets)};
        return examined;
    } catch (const nlohmann::json::out_of_range& error) {
        problems = {explain_overflow(scenario.text, error.what())};
        return examined;
    }
    problems = find_duplicates(scenario.text);
    const auto structural = validate_structure(scenario.json);
    problems.insert(problems.end(), structural.begin(), structural.end());
    return examined;
}

DiagnosticsOr<Scenario> parse_scenario(std::string text, std::filesystem::path file) {
    auto [scenario, problems] = examine_scenario(std::move(text), std::move(file));
    if (problems.empty()) return std::move(scenario);
    return std::move(problems);
}

}  // namespace loadline

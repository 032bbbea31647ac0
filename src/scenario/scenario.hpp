#pragma once
#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"

/// scenario: what the user wrote. Parse, locate, validate, write. A scenario is kept as
/// its JSON (key order preserved) together with its text, so that every later error can
/// point at a place; `compile` (room plan) turns it into what the machine runs.
namespace loadline {

/// One finding about a scenario. `pointer` is the JSON pointer of the value it is about;
/// line and column are found from it only when the diagnostic is printed.
struct Diagnostic {
    std::string pointer;
    std::string message;
    std::string hint;            ///< empty: none
    bool about_key = false;      ///< underline the key instead of the value
    std::string part;            ///< when not empty: underline this part of the value's text
    std::ptrdiff_t offset = -1;  ///< syntax errors: byte offset in the text instead of a pointer
    bool of_flag = false;        ///< about a flag of the command line: has no place in the text
};

template <class T>
using DiagnosticsOr = std::variant<T, std::vector<Diagnostic>>;

/// A parsed scenario whose structure is valid: known keys, right types.
struct Scenario {
    std::string text;            ///< the file as read, without a byte order mark
    std::filesystem::path file;  ///< for messages and for relative paths of data files
    nlohmann::ordered_json json;
};

/// A scenario that is JSON, with everything that is wrong in its structure: what a caller
/// needs who wants to go on and find the other errors too (plan/compile's `compile_text`).
struct ExaminedScenario {
    Scenario scenario;                 ///< json is discarded when the text is not JSON
    std::vector<Diagnostic> problems;  ///< empty: the structure is valid
};

/// The text of a scenario file. A usage error names the file and the reason, and the
/// file next to it that was perhaps meant.
Result<std::string> read_scenario(const std::filesystem::path& file);

/// Parses (with // and /* */ comments) and validates the structure; every error at once.
/// Duplicate keys, nesting beyond 64 levels, unknown keys (with "did you mean"), wrong
/// types and keys this version does not serve yet are errors.
DiagnosticsOr<Scenario> parse_scenario(std::string text, std::filesystem::path file);

/// The same, but a scenario with a wrong structure is handed out beside its problems.
ExaminedScenario examine_scenario(std::string text, std::filesystem::path file);

/// file:line:column: error: message, the line, a caret under the place, a hint; one per
/// diagnostic in the order of the text (those about flags first), then "N errors; nothing
/// was sent". Ends with a newline.
std::string format_diagnostics(const std::string& text, const std::filesystem::path& file,
                               const std::vector<Diagnostic>& diagnostics);

/// The scenario as run, pretty-printed, with every occurrence of a secret replaced by "***".
std::string write_scenario(const nlohmann::ordered_json& json,
                           const std::vector<std::string>& secrets);

/// `text` with every occurrence of a secret replaced by "***"; empty secrets are passed over.
std::string mask_secrets(std::string text, const std::vector<std::string>& secrets);

/// The pointer of a member: `key` appended to `pointer`, "~" and "/" escaped.
std::string pointer_to(std::string_view pointer, std::string_view key);
std::string pointer_to(std::string_view pointer, std::size_t index);

}  // namespace loadline

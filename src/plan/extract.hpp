#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/response_view.hpp"
#include "plan/template.hpp"

namespace loadline {

struct JsonPointerSource {
    std::string pointer;
};  ///< "/accessToken": from a JSON body
struct HeaderSource {
    std::string name;
};  ///< "header:Location"
struct ReplySource {
    std::string pointer;
};  ///< Redis: "" is the whole reply, "/0" an element

/// Takes one value from an answer into a variable.
struct Capture {
    std::uint32_t variable = 0;
    std::variant<JsonPointerSource, HeaderSource, ReplySource> source;
};

/// Writes the value into `out` (text and number flag); false when it is not there.
bool extract(const Capture& capture, const ResponseView& reply, Value& out);

/// The JSON value a pointer names, as it stands in `json`: a targeted scan without a DOM,
/// falling back to the full parser on keys with escapes. Strings are unescaped into `out`
/// with number = false; numbers, true, false and null are copied as written (number only
/// for numbers); objects and arrays as their text. False when the text is not JSON there
/// or has no such value.
bool scan_json(std::string_view json, std::string_view pointer, Value& out);

}  // namespace loadline

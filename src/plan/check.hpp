#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/response_view.hpp"

namespace loadline {

/// "status": 200 or [200, 201] or "2xx".
struct StatusCheck {
    struct Range {
        int low, high;
    };
    std::vector<Range> allowed;
};
struct BodyContainsCheck {
    std::string text;
};  ///< "bodyContains"
struct HeaderCheck {
    std::string name, value;
};  ///< "headers": {name: value}
struct JsonCheck {
    std::string pointer;
    std::string value;
};  ///< "json": {pointer: value}, compared as JSON text
struct ReplyEqualsCheck {
    std::string value;
};  ///< "equals": text, number or null ("" with is_null)
struct ReplyNullCheck {
    bool null;
};  ///< "equals": null
using Check = std::variant<StatusCheck, BodyContainsCheck, HeaderCheck, JsonCheck, ReplyEqualsCheck,
                           ReplyNullCheck>;

/// Whether the answer passes. Pure; allocates nothing except where a JSON body needs the
/// full parser: escaped keys or texts, and objects that are written otherwise.
bool passes(const Check& check, const ResponseView& reply);

}  // namespace loadline

#pragma once
#include <string>
#include <string_view>

#include "plan/template.hpp"

namespace loadline {

/// Appends `text`, made safe for the place it stands in; as Template::Escape says.
/// json_value quotes it unless `number`. Allocates nothing once `out` has grown.
void append_escaped(std::string_view text, bool number, Template::Escape escape, std::string& out);

/// Appends the standard base64 (with padding) of `text`.
void append_base64(std::string_view text, std::string& out);

}  // namespace loadline

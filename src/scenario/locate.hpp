#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace loadline {

/// A range of bytes in a scenario's text.
struct TextRange {
    std::size_t begin = 0, end = 0;
};

/// Where one value of a JSON text stands, and its key if it is a member of an object.
struct LocatedValue {
    std::string pointer;
    std::optional<TextRange> key;  ///< with its quotes
    TextRange value;
};

/// Every value of a JSON text (comments allowed) in the order of the text; a key that
/// occurs twice gives its pointer twice. Meant for texts that the parser took; on others
/// it stops where it understands no more.
std::vector<LocatedValue> locate_values(std::string_view text);

/// One token of a JSON text: a bracket, colon, comma, string, or word (numbers, literals
/// and whatever else stands together).
std::vector<TextRange> split_tokens(std::string_view text);

}  // namespace loadline

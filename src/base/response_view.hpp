#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace loadline {

/// One value of a Redis reply. An array of n elements is followed by its elements
/// in order (depth first), so a whole reply is one flat span.
struct RedisValue {
    enum class Type : std::uint8_t { nil, integer, text, status, error, array };
    Type type = Type::nil;
    std::int64_t integer = 0;  ///< the number of an integer, the length of an array
    std::string_view text;     ///< bulk string, status or error text
};

/// What a reply looks like to the plan that judges it: borrowed from the
/// connection's buffer, valid only during the call.
struct ResponseView {
    int status = 0;         ///< HTTP status; 0 for Redis
    std::string_view head;  ///< HTTP header lines, each "Name: value\r\n"; without the status line
    std::string_view body;  ///< HTTP body, chunking removed
    std::span<const RedisValue> reply;  ///< Redis: the flat reply; empty for HTTP

    bool is_redis() const { return !reply.empty(); }

    /// Value of the first header of this name (any case), without surrounding
    /// blanks; an empty view with data() == nullptr when there is none.
    std::string_view header(std::string_view name) const;
};

}  // namespace loadline

#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

namespace loadline {

/// A whole response that needed no state to be read; all views lie in the bytes given.
struct PlainReply {
    int status = 0;
    std::string_view fields;  ///< the header lines, each with its line end
    std::string_view body;
    std::size_t size = 0;  ///< of head and body together
};

/// Reads the commonest response in one pass: HTTP/1.1, final, Content-Length once, nothing
/// that changes the framing or ends the connection, and all of it in `data`. Nothing for
/// every other one, also the merely unusual (chunked, 1xx, 204, 304, folded lines, control
/// characters, a long head): Beast's parser reads those, and says what is malformed.
///
/// What it accepts, Beast accepts with the same result; unit tests compare the two on
/// mutated responses. It saves about half of the user instructions of a small exchange.
/// Must not be used for the answer to HEAD. Allocates nothing.
std::optional<PlainReply> read_plain_reply(std::string_view data);

}  // namespace loadline

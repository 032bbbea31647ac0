#pragma once

#include <strings.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>

/// What cheap_server and floor_client share: just enough HTTP/1.1 for each other and for
/// well-behaved peers. Not a parser: no chunks, no 1xx, no limits beyond the buffer's size.
namespace raw_http {

/// Where one message ends.
struct Message {
    std::string_view head;  ///< first line and headers, the blank line included
    std::size_t size;       ///< of head and body, in bytes
};

/// The value of Content-Length in `head`; 0 where there is none or it is no number.
inline std::size_t content_length(std::string_view head) {
    constexpr std::string_view name = "\ncontent-length:";
    for (auto at = head.find('\n'); at + name.size() < head.size(); at = head.find('\n', at + 1)) {
        if (strncasecmp(head.data() + at, name.data(), name.size()) != 0) continue;
        auto value = head.substr(at + name.size());
        value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
        std::size_t length = 0;
        std::from_chars(value.data(), value.data() + value.size(), length);
        return length;
    }
    return 0;
}

/// The first message of `bytes`; nothing while it is incomplete.
inline std::optional<Message> first_message(std::string_view bytes) {
    const auto blank = bytes.find("\r\n\r\n");
    if (blank == std::string_view::npos) return {};
    const auto head = bytes.substr(0, blank + 4);
    const auto size = head.size() + content_length(head);
    if (bytes.size() < size) return {};
    return Message{head, size};
}

/// Lets this process open as many sockets as the system allows it.
inline void raise_fd_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace raw_http

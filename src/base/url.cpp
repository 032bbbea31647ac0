#include "base/url.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace loadline {
namespace {

constexpr std::string_view unix_prefix = "unix:", redis_unix_prefix = "redis+unix:";
constexpr std::size_t longest_socket_path = 107;  // sockaddr_un

std::uint16_t default_port(std::string_view scheme) {
    if (scheme == "http") return 80;
    if (scheme == "https") return 443;
    return 6379;
}

std::string bracketed(const std::string& host) {
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Undoes %40 and the like; what is no such code stays as it is.
std::string percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
        if (text[i] != '%' || high < 0 || low < 0) {
            decoded += text[i];
        } else {
            decoded += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    return decoded;
}

/// Why the text is no target.
Error wrong(std::string_view text, std::string_view why) {
    return usage_error(fmt::format("\"{}\" is not a target URL: {}", text, why));
}

/// unix:/run/app.sock:/path, as nginx writes it.
Result<Url> parse_unix(std::string_view text, std::string_view prefix) {
    Url url;
    url.scheme = prefix.substr(0, prefix.size() - 1);
    auto rest = text.substr(prefix.size());
    const auto path_at = rest.find(":/");
    if (path_at != std::string_view::npos) {
        url.path = rest.substr(path_at + 1);
        rest = rest.substr(0, path_at);
    }
    if (rest.empty() || rest[0] != '/') {
        return wrong(text, "behind unix: stands the absolute path of a socket");
    }
    if (rest.size() > longest_socket_path) {
        return wrong(text, fmt::format("the path of a socket has at most {} characters",
                                       longest_socket_path));
    }
    url.host = rest;
    return url;
}

}  // namespace

std::string Url::authority() const {
    if (is_unix()) return "localhost";
    return port == default_port(scheme) ? bracketed(host) : endpoint();
}

std::string Url::endpoint() const {
    return is_unix() ? "unix:" + host : fmt::format("{}:{}", bracketed(host), port);
}

std::string Url::origin() const {
    return is_unix() ? fmt::format("{}:{}", scheme, host)
                     : fmt::format("{}://{}", scheme, endpoint());
}

bool looks_like_url(std::string_view text) {
    return text.find("://") != std::string_view::npos || text.starts_with(unix_prefix) ||
           text.starts_with(redis_unix_prefix);
}

Result<Url> parse_url(std::string_view text) {
    const auto wrong = [&](std::string_view why) { return loadline::wrong(text, why); };
    for (const unsigned char c : text) {
        if (c <= ' ' || c == 0x7f) return wrong("it contains a blank or a control character");
    }
    for (const auto prefix : {unix_prefix, redis_unix_prefix}) {
        if (text.starts_with(prefix)) return parse_unix(text, prefix);
    }
    const auto colon = text.find("://");
    if (colon == std::string_view::npos) {
        return wrong("it must start with http://, https://, redis://, rediss:// or unix:/");
    }
    Url url;
    url.scheme = text.substr(0, colon);
    std::transform(url.scheme.begin(), url.scheme.end(), url.scheme.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (url.scheme != "http" && url.scheme != "https" && url.scheme != "redis" &&
        url.scheme != "rediss") {
        return wrong(fmt::format("\"{}\" is not http, https, redis or rediss", url.scheme));
    }
    const auto rest = text.substr(colon + 3);
    const auto path_at = std::min(rest.find_first_of("/?#"), rest.size());
    auto host = rest.substr(0, path_at);
    url.path =
        rest.substr(path_at, rest.find('#') == std::string_view::npos ? std::string_view::npos
                                                                      : rest.find('#') - path_at);
    if (!url.path.empty() && url.path[0] == '?') url.path.insert(0, "/");

    if (const auto at = host.rfind('@'); at != std::string_view::npos) {
        const auto who = host.substr(0, at);
        const auto split = who.find(':');
        url.user = percent_decoded(who.substr(0, split));
        if (split != std::string_view::npos) url.password = percent_decoded(who.substr(split + 1));
        host.remove_prefix(at + 1);
    }
    std::string_view port;
    if (!host.empty() && host[0] == '[') {
        const auto close = host.find(']');
        if (close == std::string_view::npos) return wrong("\"[\" has no matching \"]\"");
        url.host = host.substr(1, close - 1);
        port = host.substr(close + 1);
        if (!port.empty() && port[0] != ':') return wrong("after \"]\" only :port may follow");
    } else {
        const auto split = host.find(':');
        url.host = host.substr(0, split);
        if (split != std::string_view::npos) port = host.substr(split);
    }
    if (url.host.empty()) return wrong("it has no host");
    url.port = default_port(url.scheme);
    if (!port.empty()) {
        port.remove_prefix(1);
        unsigned n = 0;
        const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), n);
        if (ec != std::errc{} || end != port.data() + port.size() || n == 0 || n > 65535) {
            return wrong(fmt::format("port \"{}\" is not between 1 and 65535", port));
        }
        url.port = static_cast<std::uint16_t>(n);
    }
    return url;
}

bool is_loopback_address(std::string_view host) {
    const std::string text{host};
    in_addr v4{};
    if (inet_aton(text.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
    return text == "localhost" || text == "::1";
}

bool is_local_address(std::string_view host) {
    if (host == "localhost") return true;
    const std::string text{host};
    in_addr v4{};
    if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
        const auto ip = ntohl(v4.s_addr);
        return ip >> 24 == 127 || ip >> 24 == 10 || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8 ||
               ip >> 16 == 0xa9fe;
    }
    in6_addr v6{};
    if (inet_pton(AF_INET6, text.c_str(), &v6) == 1) {
        return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6) ||
               (v6.s6_addr[0] & 0xfe) == 0xfc;
    }
    return false;
}

}  // namespace loadline

#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace loadline {

/// An absolute URL of a target:
///   http[s]://host[:port][/path]   redis[s]://[user[:password]@]host[:port][/db]
///   unix:/socket[:/path]           redis+unix:/socket[:/db]
/// IPv6 hosts stand in brackets in the text and without them here.
struct Url {
    std::string scheme;          ///< lower case: "http", "rediss", "unix", ...
    std::string user, password;  ///< percent codes undone
    std::string host;            ///< for a Unix socket: the path of its file
    std::uint16_t port = 0;      ///< the scheme's default when the text has none; 0: Unix socket
    std::string path;  ///< from the first '/', with the query; empty when the text has none

    bool is_redis() const { return scheme.starts_with("redis"); }
    bool is_tls() const { return scheme == "https" || scheme == "rediss"; }
    bool is_unix() const { return scheme == "unix" || scheme == "redis+unix"; }
    /// host:port as in a Host header: the port left out when it is the default; "localhost"
    /// for a Unix socket.
    std::string authority() const;
    /// host:port with the port always there, for messages; unix:/socket for a Unix socket.
    std::string endpoint() const;
    /// scheme://host:port: all but credentials and path.
    std::string origin() const;
};

/// Whether a command-line word is meant as a URL: it has "://" or begins as a Unix socket.
bool looks_like_url(std::string_view text);

/// Usage errors name the text and what is wrong with it.
Result<Url> parse_url(std::string_view text);

/// Whether `host` is a literal loopback or private address, or "localhost". Names
/// other than localhost must be resolved first.
bool is_local_address(std::string_view host);

/// Whether `host` is a literal loopback address, or "localhost".
bool is_loopback_address(std::string_view host);

}  // namespace loadline

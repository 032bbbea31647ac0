#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace loadline {

/// An absolute URL of a target: http://host[:port][/path] or
/// redis://[user[:password]@]host[:port][/db]. IPv6 hosts stand in brackets in the
/// text and without them here.
struct Url {
    std::string scheme;          ///< lower case: "http", "https", "redis", "rediss"
    std::string user, password;  ///< percent codes undone
    std::string host;
    std::uint16_t port = 0;  ///< the scheme's default when the text has none
    std::string path;        ///< from the first '/', with the query; empty when the text has none

    bool is_redis() const { return scheme == "redis" || scheme == "rediss"; }
    /// host:port as in a Host header: the port left out when it is the default.
    std::string authority() const;
    /// host:port with the port always there, for messages.
    std::string endpoint() const;
};

/// Usage errors name the text and what is wrong with it.
Result<Url> parse_url(std::string_view text);

/// Whether `host` is a literal loopback or private address, or "localhost". Names
/// other than localhost must be resolved first.
bool is_local_address(std::string_view host);

}  // namespace loadline

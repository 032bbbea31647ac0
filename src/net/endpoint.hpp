#pragma once
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "base/url.hpp"

namespace loadline {

/// An address of TCP over IPv4 or IPv6, or of a Unix socket.
using Endpoint = boost::asio::generic::stream_protocol::endpoint;

/// The addresses of a target, by the system's resolver (blocking, at most `limit`), each
/// once, in the resolver's order. Unreachable error when the name has none.
Result<std::vector<Endpoint>> resolve(const Url& url, Duration limit);

/// Whether the target is a name, whose addresses may change: no literal address, no socket.
bool is_name(const Url& url);

/// Connects once and closes again (blocking, at most `limit`): is anybody there?
/// Unreachable error naming the target and its address otherwise.
Result<void> probe_connect(const Url& url, const Endpoint& endpoint, Duration limit);

/// "127.0.0.1:80", "[::1]:80", "unix:/run/app.sock".
std::string to_string(const Endpoint& endpoint);

/// The address alone, without the port; nothing for a Unix socket.
std::optional<boost::asio::ip::address> address_of(const Endpoint& endpoint);

/// Any free port of one of this machine's addresses, to connect from. Usage error when the
/// text is no IP address or not one of this machine's.
Result<boost::asio::ip::tcp::endpoint> source_endpoint(const std::string& address);

}  // namespace loadline

#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "base/url.hpp"

namespace loadline {

using TcpEndpoint = boost::asio::ip::tcp::endpoint;

/// The addresses of a target, by the system's resolver (blocking). Unreachable error
/// when the name has none.
Result<std::vector<TcpEndpoint>> resolve(const Url& url);

/// Connects once and closes again (blocking, at most `limit`): is anybody there?
/// Unreachable error naming the target and its address otherwise.
Result<void> probe_connect(const Url& url, const TcpEndpoint& endpoint, Duration limit);

}  // namespace loadline

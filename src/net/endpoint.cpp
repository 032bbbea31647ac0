#include "net/endpoint.hpp"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>

namespace loadline {
namespace asio = boost::asio;

Result<std::vector<TcpEndpoint>> resolve(const Url& url) {
    asio::io_context io;
    asio::ip::tcp::resolver resolver{io};
    boost::system::error_code ec;
    const auto found = resolver.resolve(url.host, std::to_string(url.port),
                                        asio::ip::tcp::resolver::numeric_service, ec);
    if (ec || found.empty()) {
        return unreachable_error(
            fmt::format("cannot resolve {}: {}", url.endpoint(), ec.message()));
    }
    std::vector<TcpEndpoint> endpoints;
    for (const auto& entry : found) endpoints.push_back(entry.endpoint());
    return endpoints;
}

Result<void> probe_connect(const Url& url, const TcpEndpoint& endpoint, Duration limit) {
    asio::io_context io;
    asio::ip::tcp::socket socket{io};
    boost::system::error_code result = asio::error::timed_out;
    socket.async_connect(endpoint, [&](boost::system::error_code ec) { result = ec; });
    io.run_for(limit);
    if (!result) return {};
    return unreachable_error(
        fmt::format("{} does not answer at {}:{}: {}", url.endpoint(),
                    endpoint.address().to_string(), endpoint.port(),
                    result == asio::error::timed_out
                        ? fmt::format("no connection within {}", format_duration(limit))
                        : result.message()));
}

}  // namespace loadline

#include "net/endpoint.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <future>
#include <thread>

namespace loadline {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

struct Answer {
    int error = 0;
    std::vector<Endpoint> endpoints;
};

Answer look_up(const std::string& host, const std::string& port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* list = nullptr;
    Answer answer;
    answer.error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
    for (auto* entry = list; entry != nullptr; entry = entry->ai_next) {
        const Endpoint endpoint{entry->ai_addr, entry->ai_addrlen, IPPROTO_TCP};
        auto& all = answer.endpoints;
        if (std::find(all.begin(), all.end(), endpoint) == all.end()) all.push_back(endpoint);
    }
    if (list != nullptr) ::freeaddrinfo(list);
    return answer;
}

}  // namespace

Result<std::vector<Endpoint>> resolve(const Url& url, Duration limit) {
    if (url.is_unix()) {
        return std::vector<Endpoint>{asio::local::stream_protocol::endpoint{url.host}};
    }
    // getaddrinfo cannot be called off: a thread of its own waits for it, and is left behind
    // when it takes too long.
    std::promise<Answer> promise;
    auto answer = promise.get_future();
    std::thread{[to = std::move(promise), host = url.host,
                 port = std::to_string(url.port)]() mutable {
        to.set_value(look_up(host, port));
    }}.detach();
    if (answer.wait_for(limit) != std::future_status::ready) {
        return unreachable_error(fmt::format("cannot resolve {}: no answer within {}",
                                             url.endpoint(), format_duration(limit)));
    }
    auto found = answer.get();
    if (found.error != 0 || found.endpoints.empty()) {
        return unreachable_error(
            fmt::format("cannot resolve {}: {}", url.endpoint(), ::gai_strerror(found.error)));
    }
    return std::move(found.endpoints);
}

bool is_name(const Url& url) {
    boost::system::error_code not_an_address;
    asio::ip::make_address(url.host, not_an_address);
    return !url.is_unix() && not_an_address;
}

Result<void> probe_connect(const Url& url, const Endpoint& endpoint, Duration limit) {
    asio::io_context io;
    asio::generic::stream_protocol::socket socket{io};
    boost::system::error_code result = asio::error::timed_out;
    socket.async_connect(endpoint, [&](boost::system::error_code ec) { result = ec; });
    io.run_for(limit);
    if (!result) return {};
    const auto why = result == asio::error::timed_out
                         ? fmt::format("no connection within {}", format_duration(limit))
                         : result.message();
    return unreachable_error(url.is_unix()
                                 ? fmt::format("{} does not answer: {}", url.endpoint(), why)
                                 : fmt::format("{} does not answer at {}: {}", url.endpoint(),
                                               to_string(endpoint), why));
}

std::optional<asio::ip::address> address_of(const Endpoint& endpoint) {
    const auto family = endpoint.protocol().family();
    if (family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(endpoint.data());
        return asio::ip::address_v4{ntohl(v4->sin_addr.s_addr)};
    }
    if (family == AF_INET6) {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(endpoint.data());
        asio::ip::address_v6::bytes_type bytes;
        std::copy_n(v6->sin6_addr.s6_addr, bytes.size(), bytes.begin());
        return asio::ip::address_v6{bytes, v6->sin6_scope_id};
    }
    return std::nullopt;
}

std::string to_string(const Endpoint& endpoint) {
    const auto address = address_of(endpoint);
    if (!address) {
        const auto* un = reinterpret_cast<const sockaddr_un*>(endpoint.data());
        return fmt::format("unix:{}", un->sun_path);
    }
    // The port stands at the same place in both families.
    const auto port = ntohs(reinterpret_cast<const sockaddr_in*>(endpoint.data())->sin_port);
    return fmt::format(fmt::runtime(address->is_v6() ? "[{}]:{}" : "{}:{}"), address->to_string(),
                       port);
}

Result<tcp::endpoint> source_endpoint(const std::string& text) {
    boost::system::error_code ec;
    const auto address = asio::ip::make_address(text, ec);
    if (ec) return usage_error(fmt::format("\"{}\" is not an IP address", text));
    asio::io_context io;
    tcp::socket socket{io};
    const tcp::endpoint endpoint{address, 0};
    socket.open(endpoint.protocol(), ec);
    if (!ec) socket.bind(endpoint, ec);
    if (ec) {
        return usage_error(
            fmt::format("{} is not an address of this machine: {}", text, ec.message()));
    }
    return endpoint;
}

}  // namespace loadline

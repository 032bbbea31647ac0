#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

namespace loadline {

class ServerConnection;
struct ServerLoop;

struct HttpField {
    std::string_view name, value;
};

/// One whole request as a handler sees it. The views point into the connection's
/// buffers and live until the reply is sent (or its responder is destroyed).
struct HttpRequest {
    std::string_view method;  ///< as sent: "GET"
    std::string_view path;    ///< the target up to '?', not percent-decoded
    std::string_view query;   ///< after '?', may be empty
    std::string_view body;    ///< chunking removed
    std::span<const HttpField> fields;

    /// Value of the first header of this name (any case); an empty view with
    /// data() == nullptr when there is none.
    std::string_view header(std::string_view name) const;
};

/// What a handler answers. Everything is copied into the connection's buffer by send().
struct HttpReply {
    int status = 200;
    std::string_view body = {};
    std::string_view content_type = "application/json";
    std::string_view headers = {};  ///< further whole lines, each ending in CRLF
};

/// The right to answer one request, once, now or later, on the I/O thread that
/// called the handler. Destroyed without an answer it sends a 500. Move-only.
class HttpResponder {
public:
    explicit HttpResponder(std::shared_ptr<ServerConnection> connection);
    HttpResponder(HttpResponder&&) noexcept;
    HttpResponder& operator=(HttpResponder&&) = delete;
    ~HttpResponder();

    /// The reply leaves at this instant at the earliest, however soon it is ready.
    void not_before(TimePoint earliest);

    /// Sends head and body in one write. At most once.
    void send(const HttpReply& reply);

    /// Index of the I/O thread: 0 .. threads-1.
    unsigned thread() const;

private:
    std::shared_ptr<ServerConnection> connection_;
};

/// Called on an I/O thread for each whole, well-formed request. Must not block.
using HttpHandler = std::function<void(const HttpRequest&, HttpResponder)>;

struct HttpServerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  ///< 0: a free one
    unsigned threads = 1;
    std::uint32_t header_limit = 16 * 1024;  ///< bytes; 431 beyond
    std::uint64_t body_limit = 64 * 1024;    ///< bytes; 413 beyond
    Duration request_timeout =
        seconds(10);  ///< first byte to whole head, and again to whole body; 408
    Duration idle_timeout = seconds(60);  ///< between requests; closed without a word
    int backlog = 0;                      ///< of the kernel's accept queue; 0: the most it allows
    std::uint64_t most_open = 0;  ///< connections beyond it wait in the accept queue; 0: no limit
    /// Asked once per connection, when the client's FIN is read and nothing is left to
    /// answer: true leaves the socket open for ever (CLOSE_WAIT). Thread-safe. Empty: never.
    std::function<bool()> leak_on_eof;
};

/// A snapshot of what the server has seen; each number is exact, together they are
/// not one instant.
struct HttpServerCounts {
    std::uint64_t accepted = 0;
    std::uint64_t open = 0;    ///< connections served now, leaked ones left out
    std::uint64_t leaked = 0;  ///< kept open after the client's FIN
    std::uint64_t requests = 0;
    std::uint64_t malformed = 0;  ///< answered 400, 408, 413, 431 or 501 by the server itself
};

/// A small HTTP/1.1 server: keep-alive, pipelining (one request of a connection at
/// a time, in order), chunked bodies, limits and time-outs. One io_context per
/// thread; one acceptor deals connections round-robin, so that threads share the
/// load evenly however few connections there are.
///
/// It closes its side as soon as it reads the client's FIN with nothing left to
/// answer. While a request is being handled nothing is read: a FIN that comes then
/// is noticed after the reply.
class HttpServer {
public:
    HttpServer(HttpServerOptions options, HttpHandler handler);
    ~HttpServer();  ///< stops at once if still running
    HttpServer(const HttpServer&) = delete;

    /// Binds and listens; the port taken, or a usage error that names the address.
    Result<std::uint16_t> listen();

    /// Starts accepting on `threads` threads. Requires listen().
    void start();

    /// Stops accepting, closes idle connections, lets requests in flight end for at
    /// most `grace`, then closes the rest and joins. Not from an I/O thread.
    void stop(Duration grace);

    unsigned threads() const { return options_.threads; }
    /// The context of I/O thread `i`, for whatever else must run there. Lives as long as the
    /// server.
    boost::asio::io_context& context(unsigned i);

    HttpServerCounts counts() const;

private:
    struct Listener;
    void accept();
    void accept_after(Duration pause);
    bool full() const;
    void deal(boost::asio::ip::tcp::socket socket, ServerLoop& loop);

    HttpServerOptions options_;
    HttpHandler handler_;
    std::vector<std::unique_ptr<ServerLoop>> loops_;
    std::unique_ptr<Listener> listener_;
    std::atomic<std::uint64_t> accepted_{0};
    bool running_ = false;
};

}  // namespace loadline

#pragma once
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string_view>
#include <variant>
#include <vector>

#include "net/endpoint.hpp"
#include "net/handler_memory.hpp"
#include "net/http_reply.hpp"
#include "net/redis_reply.hpp"

namespace loadline {

enum class Protocol : std::uint8_t { http, redis };

/// One TCP connection of a client that has one exchange in flight at a time. It moves
/// bytes and knows when a reply is whole; when to read, what to send and what the reply
/// means is its owner's business.
///
/// Sending is synchronous on the non-blocking socket: one system call, no Asio operation
/// unless the kernel's buffer is full. Reading is asynchronous and started by the owner, so
/// that a batch of sends can go out before the first read looks (see engine/worker).
///
/// Handlers get (error_code) or (error_code, size). After close() handlers of the old
/// socket may still arrive; the owner tells them apart by `epoch()`. Thread: the one that
/// runs the io_context. Must outlive its operations.
class Connection {
public:
    using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                    boost::asio::io_context::executor_type>;

    Connection(boost::asio::io_context& io, Protocol protocol);

    /// Starts to connect; `handler(error_code)` runs later, also for errors of socket().
    template <class Handler>
    void async_connect(const TcpEndpoint& to, Handler handler) {
        open(to.protocol());
        socket_.async_connect(to, in_slot(memory_, std::move(handler)));
    }

    /// Sends what the kernel takes of `bytes`, which must stay valid until all is sent.
    /// would_block: wait with async_writable, then call send_rest.
    boost::system::error_code send(std::string_view bytes);
    boost::system::error_code send_rest();
    template <class Handler>
    void async_writable(Handler handler) {
        socket_.async_wait(Socket::wait_write, in_slot(memory_, std::move(handler)));
    }

    /// Prepares for the reply of the next request.
    void expect(bool head_request, bool keep_reply);
    template <class Handler>
    void async_read(Handler handler) {
        socket_.async_read_some(
            boost::asio::buffer(buffer_.data() + filled_, buffer_.size() - filled_),
            in_slot(memory_, std::move(handler)));
    }
    /// Takes the `n` bytes that async_read delivered.
    ReplyStatus received(std::size_t n);
    /// The next reply in what was received already (Redis handshakes).
    ReplyStatus next_reply();
    /// The peer closed its side.
    ReplyStatus end_of_stream();

    /// The whole reply; valid until the next expect() or received().
    ResponseView view() const;
    /// Whether any byte of the reply has come.
    bool reply_started() const;
    /// Whether another exchange may follow; after a complete reply.
    bool reusable() const;
    /// Whether the peer has closed or sent something unasked on an idle connection. One system
    /// call.
    bool peer_gone();

    /// Closes at once (FIN, or RST when unread bytes are waiting).
    void close();
    bool is_open() const { return socket_.is_open(); }
    /// Changes with each close(): handlers of an older epoch are stale.
    std::uint32_t epoch() const { return epoch_; }
    std::uint64_t bytes_in() const { return bytes_in_; }  ///< of this reply

private:
    void open(const boost::asio::ip::tcp& family);

    Socket socket_;
    HandlerMemory memory_;
    std::variant<HttpReplyParser, RedisReplyParser> parser_;
    std::vector<char> buffer_;
    std::size_t filled_ = 0;  ///< bytes at the start of buffer_ that the parser has not used
    std::string_view unsent_;
    std::uint64_t bytes_in_ = 0;
    std::uint32_t epoch_ = 0;
    bool whole_ = false;  ///< the last reply is complete and may be followed
};

}  // namespace loadline

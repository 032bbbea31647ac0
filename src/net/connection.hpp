#pragma once
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "net/endpoint.hpp"
#include "net/handler_memory.hpp"
#include "net/http_reply.hpp"
#include "net/redis_reply.hpp"
#include "net/tls.hpp"

namespace loadline {

enum class Protocol : std::uint8_t { http, redis };

/// One connection of a client, over TCP or a Unix socket, with or without TLS. It moves bytes
/// and knows when a reply is whole; when to read, what to send and what the reply means is
/// its owner's business.
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
    using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol,
                                                    boost::asio::io_context::executor_type>;

    /// `tls`: null for plain bytes; must outlive the connection.
    Connection(boost::asio::io_context& io, Protocol protocol, TlsContext* tls);

    /// Starts to connect, from the address `from` if there is one; `handler(error_code)` runs
    /// later, also for errors of socket() and bind().
    template <class Handler>
    void async_connect(const Endpoint& to, const std::optional<Endpoint>& from, Handler handler) {
        if (const auto ec = open(to, from)) {
            boost::asio::post(socket_.get_executor(),
                              [failed = std::move(handler), ec]() mutable { failed(ec); });
            return;
        }
        socket_.async_connect(to, in_slot(memory_, std::move(handler)));
    }

    /// With TLS, after the connect: goes as far as the bytes received allow, and sends its
    /// part. `more`: read, pass the bytes to received_handshake, and call it again.
    TlsSession::Handshake shake_hands();
    void received_handshake(std::size_t n) { tls_->feed(wire_.data(), n); }
    const TlsSession* tls() const { return tls_ ? &*tls_ : nullptr; }

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
    /// The same for HTTP replies that are read along: see HttpReplyParser::expect_head.
    void expect_head();
    /// Reads at most `most` bytes.
    template <class Handler>
    void async_read(Handler handler, std::size_t most = SIZE_MAX) {
        socket_.async_read_some(boost::asio::buffer(room_to_read(), most),
                                in_slot(memory_, std::move(handler)));
    }
    /// Takes the `n` bytes that async_read delivered.
    ReplyStatus received(std::size_t n);
    /// The next reply in what was received already: of several commands in flight.
    ReplyStatus next_reply();
    /// The peer closed its side.
    ReplyStatus end_of_stream();

    /// The whole reply; valid until the next expect(), received() or next_reply().
    ResponseView view() const;
    /// Of an HTTP reply under way: whether `view` has its status and header lines, and how many
    /// bytes of its body have come.
    bool head_complete() const { return std::get<HttpReplyParser>(parser_).head_complete(); }
    std::uint64_t body_size() const { return std::get<HttpReplyParser>(parser_).body_size(); }
    /// Whether any byte has come since the last expect().
    bool reply_started() const { return bytes_in_ > 0; }
    /// Whether another exchange may follow; after a complete reply with none in flight behind.
    bool reusable() const { return whole_; }
    /// Whether the peer has closed or sent something unasked on an idle connection. One system
    /// call.
    bool peer_gone();

    /// Sends FIN and goes on reading. An error: the peer has reset the connection.
    boost::system::error_code half_close();
    /// Throws away what has arrived and was not read, so that close() sends FIN.
    enum class Unread : std::uint8_t { nothing, bytes, end };  ///< end: the peer has closed
    Unread drop_unread();
    /// What comes next will be close(): let it send RST.
    void prepare_reset();
    /// How many bytes the kernel keeps for us at most, from the next connect on (and on this
    /// connection, as far as the peer has not been promised more); 0: the system's choice.
    void limit_receive_buffer(int bytes);

    /// Closes at once (FIN, or RST when unread bytes are waiting).
    void close();
    bool is_open() const { return socket_.is_open(); }
    /// Our own address and port, once connected over TCP.
    std::optional<Endpoint> local_endpoint() const;
    /// Changes with each close(): handlers of an older epoch are stale.
    std::uint32_t epoch() const { return epoch_; }
    /// Bytes of replies since the last call, TLS removed.
    std::uint64_t take_bytes_in() { return std::exchange(bytes_in_, 0); }

private:
    boost::system::error_code open(const Endpoint& to, const std::optional<Endpoint>& from);
    boost::asio::mutable_buffer room_to_read();
    ReplyStatus received_encrypted();
    ReplyStatus parse(std::size_t n);
    bool make_room();

    Socket socket_;
    HandlerMemory memory_;
    std::variant<HttpReplyParser, RedisReplyParser> parser_;
    TlsContext* tls_context_;
    std::optional<TlsSession> tls_;
    std::vector<char> wire_;    ///< with TLS: what was read, still encrypted
    std::vector<char> buffer_;  ///< what the parser reads
    std::size_t filled_ = 0;    ///< bytes at the start of buffer_ that the parser has not used
    std::string_view unsent_;   ///< without TLS
    std::uint64_t bytes_in_ = 0;
    std::uint32_t epoch_ = 0;
    int receive_buffer_ = 0;  ///< 0: the system's choice
    bool whole_ = false;      ///< the last reply is complete and may be followed
};

}  // namespace loadline

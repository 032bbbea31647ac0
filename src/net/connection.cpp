#include "net/connection.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace loadline {
namespace asio = boost::asio;

namespace {
constexpr std::size_t first_buffer = 4 * 1024;
constexpr std::size_t largest_buffer = 64 * 1024;
}  // namespace

Connection::Connection(asio::io_context& io, Protocol protocol)
    : socket_{io.get_executor()}, buffer_(first_buffer) {
    if (protocol == Protocol::redis) parser_.emplace<RedisReplyParser>();
}

void Connection::open(const asio::ip::tcp& family) {
    boost::system::error_code ec;
    socket_.open(family, ec);
    if (ec) return;  // async_connect tries again and reports the error
    socket_.set_option(asio::ip::tcp::no_delay(true), ec);
    socket_.non_blocking(true, ec);
    filled_ = 0;
    whole_ = false;
    if (auto* redis = std::get_if<RedisReplyParser>(&parser_)) redis->reset();
}

boost::system::error_code Connection::send(std::string_view bytes) {
    unsent_ = bytes;
    return send_rest();
}

boost::system::error_code Connection::send_rest() {
    boost::system::error_code ec;
    const auto n = socket_.write_some(asio::buffer(unsent_.data(), unsent_.size()), ec);
    unsent_.remove_prefix(n);
    if (!ec && !unsent_.empty()) ec = asio::error::would_block;
    return ec;
}

void Connection::expect(bool head_request, bool keep_reply) {
    bytes_in_ = 0;
    whole_ = false;
    if (auto* http = std::get_if<HttpReplyParser>(&parser_)) http->expect(head_request, keep_reply);
}

ReplyStatus Connection::received(std::size_t n) {
    bytes_in_ += n;
    filled_ += n;
    if (auto* redis = std::get_if<RedisReplyParser>(&parser_)) {
        redis->feed(buffer_.data(), filled_);
        filled_ = 0;
        return next_reply();
    }
    auto& http = std::get<HttpReplyParser>(parser_);
    std::size_t used = 0;
    const auto status = http.feed(buffer_.data(), filled_, used);
    filled_ -= used;
    if (status == ReplyStatus::complete) {
        whole_ = http.keep_alive() && filled_ == 0;  // bytes behind the reply: not ours
    } else if (status == ReplyStatus::incomplete) {
        if (filled_ > 0 && used > 0) std::memmove(buffer_.data(), buffer_.data() + used, filled_);
        if (filled_ == buffer_.size() || n == buffer_.size()) {  // a long line, or a long body
            if (filled_ == largest_buffer) return ReplyStatus::malformed;
            if (buffer_.size() < largest_buffer) buffer_.resize(buffer_.size() * 4);
        }
    }
    return status;
}

ReplyStatus Connection::next_reply() {
    auto& redis = std::get<RedisReplyParser>(parser_);
    const auto status = redis.next();
    if (status == ReplyStatus::complete) whole_ = !redis.has_more();
    return status;
}

ReplyStatus Connection::end_of_stream() {
    auto* http = std::get_if<HttpReplyParser>(&parser_);
    return http ? http->end_of_stream() : ReplyStatus::incomplete;
}

ResponseView Connection::view() const {
    return std::visit([](const auto& parser) { return parser.view(); }, parser_);
}

bool Connection::reply_started() const { return bytes_in_ > 0; }

bool Connection::reusable() const { return whole_; }

bool Connection::peer_gone() {
    char byte = 0;
    const auto n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

void Connection::close() {
    ++epoch_;
    boost::system::error_code ec;
    socket_.close(ec);
}

}  // namespace loadline

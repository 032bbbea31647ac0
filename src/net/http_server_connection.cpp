#include "net/http_server_connection.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <cassert>
#include <cstring>

namespace loadline {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t first_buffer = 4096;
constexpr std::size_t max_fields = 100;
constexpr std::size_t read_room = 2048;            // at least this much per read
constexpr std::size_t linger_limit = 1024 * 1024;  // bytes thrown away before we give up
constexpr auto linger_time = seconds(2);

std::string_view plain(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

RequestParser::RequestParser(const std::vector<char>& buffer, std::string& body,
                             std::vector<HttpField>& fields)
    : buffer_{buffer}, body_{body}, fields_{fields} {
    body_.clear();
    fields_.clear();
}

std::optional<RequestParser::Slice> RequestParser::slice(view text) const {
    const auto* begin = buffer_.data();
    if (text.empty()) return Slice{};
    if (text.data() < begin || text.data() + text.size() > begin + buffer_.size()) return {};
    return Slice{static_cast<std::size_t>(text.data() - begin), text.size()};
}

void RequestParser::on_request_impl(http::verb, view method, view target, int version, ec_t&) {
    method_ = *slice(method);
    target_ = *slice(target);
    version_ = version;
}

void RequestParser::on_field_impl(http::field name, view text, view value, ec_t& ec) {
    const auto name_at = slice(text), value_at = slice(value);
    if (!name_at || !value_at) {
        ec = http::error::bad_obs_fold;  // a folded value lies in no buffer of ours
    } else if (fields_.size() == max_fields) {
        ec = http::error::header_limit;
    } else {
        fields_.emplace_back();  // the views are made by request(), when the buffer stays put
        field_slices_.emplace_back(*name_at, *value_at);
    }
    if (name == http::field::expect)
        expects_continue_ = boost::beast::iequals(value, "100-continue");
    if (name == http::field::transfer_encoding) transfer_encoding_ = true;
}

std::size_t RequestParser::on_body_impl(view text, ec_t&) {
    body_.append(text.data(), text.size());
    return text.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, view text, ec_t&) {
    body_.append(text.data(), text.size());
    return text.size();
}

HttpRequest RequestParser::request() {
    assert(is_done());
    for (std::size_t i = 0; i < fields_.size(); ++i) {
        fields_[i] = {text(field_slices_[i].first), text(field_slices_[i].second)};
    }
    HttpRequest request;
    request.method = text(method_);
    const auto target = text(target_);
    const auto mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string_view::npos) request.query = target.substr(mark + 1);
    request.body = body_;
    request.fields = fields_;
    return request;
}

ServerConnection::ServerConnection(asio::ip::tcp::socket socket, ServerLoop& loop)
    : socket_{std::move(socket)}, loop_{loop}, hold_{loop.context}, in_(first_buffer) {
    loop_.open.fetch_add(1, std::memory_order_relaxed);
}

ServerConnection::~ServerConnection() { close(); }

void ServerConnection::start() {
    error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(asio::ip::tcp::no_delay{true}, ignored);
    loop_.connections.push_back(*this);
    deadline_ = Clock::now() + loop_.options.idle_timeout;
    read();
}

void ServerConnection::close() {
    if (state_ == State::closed) return;
    if (state_ != State::leaked) loop_.open.fetch_sub(1, std::memory_order_relaxed);
    state_ = State::closed;
    unlink();
    error_code ignored;
    socket_.close(ignored);
    hold_.cancel();
}

void ServerConnection::finish() {
    keep_alive_ = false;
    if (state_ == State::reading && filled_ == 0) close();
}

void ServerConnection::check_deadline(TimePoint now) {
    if (now < deadline_) return;
    if (state_ == State::reading && filled_ > 0) {
        refuse(408, "timeout", "the request was not complete in time");
        if (state_ == State::lingering) close();  // it had its time
        return;
    }
    close();
}

void ServerConnection::read() {
    if (in_.size() - filled_ < read_room) in_.resize(in_.size() * 2);
    socket_.async_read_some(
        asio::buffer(in_.data() + filled_, in_.size() - filled_),
        [self = shared_from_this()](const error_code& ec, std::size_t n) { self->on_read(ec, n); });
}

void ServerConnection::on_read(const error_code& ec, std::size_t n) {
    if (state_ == State::closed) return;
    if (ec) return ec == asio::error::eof ? on_eof() : close();
    if (state_ == State::lingering) {
        sent_ += n;  // counts what is thrown away
        return sent_ > linger_limit ? close() : read();
    }
    if (state_ != State::reading) return;
    if (filled_ == 0) deadline_ = Clock::now() + loop_.options.request_timeout;
    filled_ += n;
    proceed();
}

void ServerConnection::on_eof() {
    const bool leaks = state_ == State::reading && loop_.options.leak_on_eof && !loop_.stopping &&
                       loop_.options.leak_on_eof();
    if (!leaks) return close();
    state_ = State::leaked;
    deadline_ = TimePoint::max();
    unlink();
    loop_.leaked.push_back(shared_from_this());
    loop_.open.fetch_sub(1, std::memory_order_relaxed);
    loop_.leaks.fetch_add(1, std::memory_order_relaxed);
}

/// Serves what the buffer holds, request by request, then reads on.
void ServerConnection::proceed() {
    proceeding_ = true;
    while (state_ == State::reading && filled_ > head_ && parse()) handle();
    proceeding_ = false;
    if (state_ == State::reading) read();
}

/// Feeds the parser; true when a whole request is there. On an error it refuses.
bool ServerConnection::parse() {
    if (!parser_) {
        parser_.emplace(in_, body_, fields_);
        parser_->header_limit(loop_.options.header_limit);
        parser_->body_limit(loop_.options.body_limit);
        parser_->eager(false);
    }
    while (!parser_->is_done()) {
        const bool in_head = !parser_->is_header_done();
        boost::beast::error_code ec;
        const auto used = parser_->put(asio::buffer(in_.data() + head_, filled_ - head_), ec);
        if (in_head) {
            head_ += used;  // the head stays: the request's views point into it
        } else if (used > 0) {
            std::memmove(in_.data() + head_, in_.data() + head_ + used, filled_ - head_ - used);
            filled_ -= used;
        }
        if (in_head && parser_->is_header_done() && !ec) {
            if (parser_->unknown_encoding()) {
                refuse(501, "transfer_encoding", "only the transfer encoding chunked is served");
                return false;
            }
            deadline_ += loop_.options.request_timeout;
            if (!parser_->is_done() && parser_->expects_continue() && filled_ == head_) {
                constexpr std::string_view go = "HTTP/1.1 100 Continue\r\n\r\n";
                error_code ignored;
                socket_.write_some(asio::buffer(go), ignored);
            }
        }
        if (ec == http::error::need_more) return false;
        if (ec == http::error::body_limit) {
            refuse(413, "too_large",
                   fmt::format("a body may have at most {} bytes", loop_.options.body_limit));
            return false;
        }
        if (ec == http::error::header_limit) {
            refuse(431, "headers_too_large",
                   fmt::format("a request's head may have at most {} bytes and {} fields",
                               loop_.options.header_limit, max_fields));
            return false;
        }
        if (ec) {
            refuse(400, "bad_request", "the request is not HTTP/1.1: " + ec.message());
            return false;
        }
        if (filled_ == head_ && !parser_->is_done()) return false;
    }
    return true;
}

void ServerConnection::handle() {
    state_ = State::handling;
    deadline_ = TimePoint::max();
    version_10_ = parser_->version_10();
    keep_alive_ = parser_->keep_alive() && !loop_.stopping;
    const auto request = parser_->request();
    head_only_ = request.method == "HEAD";
    loop_.requests.fetch_add(1, std::memory_order_relaxed);
    loop_.handler(request, HttpResponder{shared_from_this()});
}

void ServerConnection::refuse(int status, std::string_view code, std::string_view message) {
    loop_.malformed.fetch_add(1, std::memory_order_relaxed);
    state_ = State::handling;
    keep_alive_ = false;
    refused_ = true;
    head_only_ = false;
    const auto body = fmt::format(R"({{"error":"{}","message":"{}"}})", code, message);
    respond({.status = status, .body = body});
}

void ServerConnection::respond(const HttpReply& reply) {
    if (state_ != State::handling) return;  // closed meanwhile
    render(reply);
    const auto earliest = std::exchange(earliest_, {});
    if (earliest <= Clock::now()) return write();
    state_ = State::holding;
    hold_.expires_at(earliest);
    hold_.async_wait([self = shared_from_this()](const error_code&) {
        if (self->state_ == State::holding) self->write();
    });
}

void ServerConnection::render(const HttpReply& reply) {
    keep_alive_ = keep_alive_ && !loop_.stopping;
    const auto reason = plain(http::obsolete_reason(static_cast<http::status>(reply.status)));
    out_.clear();
    auto out = std::back_inserter(out_);
    fmt::format_to(out, "HTTP/1.1 {} {}\r\n", reply.status, reason);
    if (reply.status != 204) {
        fmt::format_to(out, "Content-Type: {}\r\nContent-Length: {}\r\n", reply.content_type,
                       reply.body.size());
    }
    if (!keep_alive_) {
        out_ += "Connection: close\r\n";
    } else if (version_10_) {
        out_ += "Connection: keep-alive\r\n";
    }
    out_ += reply.headers;
    out_ += "\r\n";
    if (reply.status != 204 && !head_only_) out_ += reply.body;
    sent_ = 0;
}

void ServerConnection::write() {
    state_ = State::writing;
    error_code ec;
    sent_ = socket_.write_some(asio::buffer(out_), ec);  // nearly always takes it all
    if (ec && ec != asio::error::would_block) return close();
    if (sent_ == out_.size()) return written();
    deadline_ = Clock::now() + loop_.options.idle_timeout;
    asio::async_write(socket_, asio::buffer(out_.data() + sent_, out_.size() - sent_),
                      [self = shared_from_this()](const error_code& failed, std::size_t) {
                          if (self->state_ != State::writing) return;
                          failed ? self->close() : self->written();
                      });
}

void ServerConnection::written() {
    if (!keep_alive_) {
        // Unread input would turn our close into a reset that can overtake the reply.
        return refused_ || filled_ > head_ ? linger() : close();
    }
    next_request();
}

void ServerConnection::next_request() {
    parser_.reset();
    if (filled_ > head_) std::memmove(in_.data(), in_.data() + head_, filled_ - head_);
    filled_ -= head_;
    head_ = 0;
    state_ = State::reading;
    deadline_ =
        Clock::now() + (filled_ > 0 ? loop_.options.request_timeout : loop_.options.idle_timeout);
    if (!proceeding_) proceed();
}

void ServerConnection::linger() {
    state_ = State::lingering;
    error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    deadline_ = Clock::now() + linger_time;
    filled_ = head_ = sent_ = 0;
    parser_.reset();
    read();
}

}  // namespace loadline

#include "net/http_reply.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include "net/http_plain_reply.hpp"

namespace loadline {
namespace http = boost::beast::http;

namespace {
constexpr std::uint32_t header_limit = 16 * 1024;
constexpr std::size_t body_limit = 16 * 1024 * 1024;
constexpr std::size_t example_limit = 256;
constexpr int interim_limit = 16;

/// Headers that tell where an answer arose, in a proxy or behind it: kept of every response.
bool tells_origin(http::field field, boost::beast::string_view name) {
    if (field == http::field::server) return true;
    for (const boost::beast::string_view known :
         {"X-Upstream-Response-Time", "X-Envoy-Upstream-Service-Time"}) {
        if (name.size() == known.size() && boost::beast::iequals(name, known)) return true;
    }
    return false;
}

bool is_interim(int status) { return status < 200 && status != 101; }
}  // namespace

HttpReplyParser::Grammar::Grammar(HttpReplyParser& owner) : owner_{owner} {
    eager(true);
    skip(owner.head_request_);
    header_limit(loadline::header_limit);
    body_limit(boost::none);  // what is not kept costs nothing
}

void HttpReplyParser::Grammar::on_field_impl(http::field field, view name, view value, error&) {
    if (!owner_.keep_head_ && !tells_origin(field, name)) return;
    owner_.head_.append(name.data(), name.size());
    owner_.head_ += ": ";
    owner_.head_.append(value.data(), value.size());
    owner_.head_ += "\r\n";
}

/// `more`: how many bytes the peer says will follow; any 64-bit number.
void HttpReplyParser::Grammar::refuse_if_too_long(std::uint64_t more, error& ec) const {
    if (owner_.keep_body_ && more > loadline::body_limit - owner_.body_.size()) {
        ec = http::error::body_limit;
    }
}

std::size_t HttpReplyParser::Grammar::take(view body, error& ec) {
    auto& kept = owner_.body_;
    owner_.body_size_ += body.size();
    if (owner_.keep_body_) {
        refuse_if_too_long(body.size(), ec);
        if (ec) return 0;
        kept.append(body.data(), body.size());
    } else if (owner_.status_ >= 400 && kept.size() < example_limit) {
        kept.append(body.data(), std::min(body.size(), example_limit - kept.size()));
    }
    return body.size();
}

void HttpReplyParser::expect(bool head_request, bool keep_reply) {
    head_request_ = head_request;
    keep_head_ = keep_body_ = keep_reply;
    started_ = head_complete_ = keep_alive_ = false;
    status_ = interim_ = 0;
    body_size_ = 0;
    head_.clear();
    body_.clear();
    head_view_ = body_view_ = {};
    grammar_.reset();
}

void HttpReplyParser::expect_head() {
    expect(false, true);
    keep_body_ = false;
}

/// Reads a whole plain response. What is kept is borrowed from `data`.
bool HttpReplyParser::took_plain(const char* data, std::size_t size, std::size_t& used) {
    if (head_request_) return false;
    const auto reply = read_plain_reply({data, size});
    if (!reply) return false;
    used = reply->size;
    status_ = reply->status;
    head_complete_ = true;
    body_size_ = reply->body.size();
    head_view_ = reply->fields;  // costs nothing
    if (keep_head_) {
        body_view_ = reply->body;
    } else if (status_ >= 400) {
        body_view_ = reply->body.substr(0, example_limit);
    }
    keep_alive_ = true;
    return true;
}

ReplyStatus HttpReplyParser::feed(const char* data, std::size_t size, std::size_t& used) {
    used = 0;
    if (size > 0) started_ = true;
    if (!grammar_) {
        if (took_plain(data, size, used)) return ReplyStatus::complete;
        grammar_.emplace(*this);
    }
    for (;;) {
        boost::beast::error_code ec;
        used += grammar_->put(boost::asio::const_buffer{data + used, size - used}, ec);
        if (ec == http::error::need_more) return ReplyStatus::incomplete;
        if (ec) return ReplyStatus::malformed;
        if (!grammar_->is_done()) return ReplyStatus::incomplete;
        if (const auto status = finish_or_continue(); status != ReplyStatus::incomplete)
            return status;
        if (used == size) return ReplyStatus::incomplete;
    }
}

void HttpReplyParser::note_head() {
    if (is_interim(status_)) return;
    head_complete_ = true;
    head_view_ = head_;
}

ReplyStatus HttpReplyParser::finish_or_continue() {
    if (is_interim(status_)) {  // the real answer follows
        if (++interim_ > interim_limit) return ReplyStatus::malformed;
        head_.clear();
        grammar_.emplace(*this);
        return ReplyStatus::incomplete;
    }
    return complete(status_ != 101 && grammar_->keep_alive());  // 101: no longer HTTP
}

ReplyStatus HttpReplyParser::complete(bool keep_alive) {
    keep_alive_ = keep_alive;
    head_view_ = head_;
    body_view_ = body_;
    return ReplyStatus::complete;
}

ReplyStatus HttpReplyParser::end_of_stream() {
    if (!grammar_ || !grammar_->got_some()) return ReplyStatus::incomplete;
    boost::beast::error_code ec;
    grammar_->put_eof(ec);
    if (ec || !grammar_->is_done()) return ReplyStatus::incomplete;  // cut short
    return complete(false);
}

}  // namespace loadline

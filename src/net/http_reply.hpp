#pragma once
#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/response_view.hpp"

namespace loadline {

/// Whether a reply is whole.
enum class ReplyStatus : std::uint8_t {
    incomplete,
    complete,
    malformed,  ///< not the protocol, or beyond our limits
};

/// Reads HTTP/1.x responses with Beast's grammar and without its field map: Content-Length,
/// chunked and close-delimited bodies, HEAD, 1xx. A plain response that comes in one piece
/// takes a shorter way to the same result (see http_plain_reply). The status is always kept;
/// header lines and body only when asked for (or, up to 256 bytes of body, from status 400
/// on, as an example for the report; and the few header lines that tell a proxy from the
/// application behind it). Allocates nothing once its buffers have grown.
///
/// Limits: 16 KiB of header, 16 MiB of kept body, 16 interim (1xx) responses. A kept body
/// whose Content-Length or chunk is beyond the limit is malformed before its bytes come.
class HttpReplyParser {
public:
    /// Forgets the last response. Call before each request's response.
    void expect(bool head_request, bool keep_reply);
    /// The same for one who reads along: header lines are kept, the body is counted only.
    void expect_head();

    /// Parses from `data`; adds the bytes used to `used` (what is left must be offered
    /// again with more behind it). What the response's views show may lie in `data`.
    ReplyStatus feed(const char* data, std::size_t size, std::size_t& used);
    /// The peer closed: completes a close-delimited body.
    ReplyStatus end_of_stream();

    /// Whether anything of the response has come.
    bool started() const { return started_; }
    /// Whether all header lines of the final response have come: from then on `view` has its
    /// status, and the lines if they are kept.
    bool head_complete() const { return head_complete_; }
    /// Bytes of body so far, chunking removed.
    std::uint64_t body_size() const { return body_size_; }
    /// Whether the connection may carry another exchange; after `complete`.
    bool keep_alive() const { return keep_alive_; }
    ResponseView view() const { return {status_, head_view_, body_view_, {}}; }

private:
    bool took_plain(const char* data, std::size_t size, std::size_t& used);
    void note_head();
    ReplyStatus finish_or_continue();
    ReplyStatus complete(bool keep_alive);

    class Grammar final : public boost::beast::http::basic_parser<false> {
    public:
        explicit Grammar(HttpReplyParser& owner);

    private:
        using view = boost::beast::string_view;
        using error = boost::beast::error_code;
        void on_request_impl(boost::beast::http::verb, view, view, int, error&) override {}
        void on_response_impl(int status, view, int, error&) override { owner_.status_ = status; }
        void on_field_impl(boost::beast::http::field, view name, view value, error&) override;
        void on_header_impl(error&) override { owner_.note_head(); }
        void on_body_init_impl(const boost::optional<std::uint64_t>& size, error& ec) override {
            refuse_if_too_long(size.value_or(0), ec);
        }
        std::size_t on_body_impl(view body, error& ec) override { return take(body, ec); }
        void on_chunk_header_impl(std::uint64_t size, view, error& ec) override {
            refuse_if_too_long(size, ec);
        }
        std::size_t on_chunk_body_impl(std::uint64_t, view body, error& ec) override {
            return take(body, ec);
        }
        void on_finish_impl(error&) override {}
        void refuse_if_too_long(std::uint64_t more, error& ec) const;
        std::size_t take(view body, error& ec);

        HttpReplyParser& owner_;
    };

    std::optional<Grammar> grammar_;  ///< once the response has turned out not to be plain
    std::string head_, body_;         ///< what the grammar gathers
    std::string_view head_view_, body_view_;
    int status_ = 0;
    int interim_ = 0;
    std::uint64_t body_size_ = 0;
    bool head_request_ = false, keep_head_ = false, keep_body_ = false;
    bool started_ = false, head_complete_ = false, keep_alive_ = false;
};

}  // namespace loadline

#pragma once
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/intrusive/list.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "net/http_server.hpp"

namespace loadline {

/// What one I/O thread of the server owns. Everything but the counters is touched
/// on that thread alone.
struct ServerLoop {
    using Hook = boost::intrusive::list_base_hook<
        boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

    ServerLoop(const HttpServerOptions& o, const HttpHandler& h, unsigned i)
        : options{o}, handler{h}, index{i} {}

    const HttpServerOptions& options;
    const HttpHandler& handler;
    const unsigned index;
    boost::intrusive::list<ServerConnection, boost::intrusive::base_hook<Hook>,
                           boost::intrusive::constant_time_size<false>>
        connections;
    std::atomic<std::uint64_t> open{0}, leaks{0}, requests{0}, malformed{0};
    bool stopping = false;

    // Destroyed before what stands above: its last handlers still hold connections.
    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        context.get_executor()};
    boost::asio::steady_timer sweep{context};
    std::vector<std::shared_ptr<ServerConnection>> leaked;  ///< held open on purpose
    std::thread thread;
};

/// Reads one request head and body; keeps where the parts lie in the caller's
/// buffer. The head must stay in place until the message is done.
class RequestParser : public boost::beast::http::basic_parser<true> {
public:
    /// `buffer`: start of the connection's buffer. `body` is emptied and filled.
    RequestParser(const std::vector<char>& buffer, std::string& body,
                  std::vector<HttpField>& fields);

    /// The request with views into the buffer as it lies now. Requires is_done().
    HttpRequest request();

    bool version_10() const { return version_ == 10; }
    bool expects_continue() const { return expects_continue_; }
    /// Whether a Transfer-Encoding other than chunked was asked for.
    bool unknown_encoding() const { return transfer_encoding_ && !chunked(); }

private:
    using ec_t = boost::beast::error_code;
    using view = boost::beast::string_view;
    struct Slice {
        std::size_t at = 0, size = 0;
    };

    void on_request_impl(boost::beast::http::verb, view method, view target, int version,
                         ec_t&) override;
    void on_field_impl(boost::beast::http::field name, view text, view value, ec_t& ec) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>&, ec_t&) override {}
    std::size_t on_body_impl(view text, ec_t&) override;
    void on_chunk_header_impl(std::uint64_t, view, ec_t&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, view text, ec_t&) override;
    void on_header_impl(ec_t&) override {}
    void on_response_impl(int, view, int, ec_t&) override {}
    void on_finish_impl(ec_t&) override {}

    std::optional<Slice> slice(view text) const;
    std::string_view text(Slice slice) const { return {buffer_.data() + slice.at, slice.size}; }

    const std::vector<char>& buffer_;
    std::string& body_;
    std::vector<HttpField>& fields_;
    std::vector<std::pair<Slice, Slice>> field_slices_;
    Slice method_, target_;
    int version_ = 11;
    bool expects_continue_ = false, transfer_encoding_ = false;
};

/// One accepted connection: reading → handling → (holding the reply back) →
/// writing → reading …, until one side closes. Lives on its loop's thread; kept
/// alive by its pending operation or its responder.
class ServerConnection : public std::enable_shared_from_this<ServerConnection>,
                         public ServerLoop::Hook {
public:
    ServerConnection(boost::asio::ip::tcp::socket socket, ServerLoop& loop);
    ~ServerConnection();

    void start();
    /// Ends at once when idle, else after the reply of the request in flight.
    void finish();
    /// Ends now; later calls of respond() do nothing.
    void close();
    /// Acts when the deadline of the present state is over.
    void check_deadline(TimePoint now);

    void respond(const HttpReply& reply);
    void hold_until(TimePoint earliest) { earliest_ = earliest; }
    unsigned thread() const { return loop_.index; }

private:
    enum class State { reading, handling, holding, writing, lingering, leaked, closed };

    void read();
    void on_read(const boost::system::error_code& ec, std::size_t n);
    void on_eof();
    void proceed();
    bool parse();
    void handle();
    void refuse(int status, std::string_view code, std::string_view message);
    void render(const HttpReply& reply);
    void write();
    void written();
    void next_request();
    void linger();

    boost::asio::ip::tcp::socket socket_;
    ServerLoop& loop_;
    boost::asio::steady_timer hold_;
    std::vector<char> in_;  ///< [0, head_) the head being parsed, [head_, filled_) not yet parsed
    std::size_t head_ = 0, filled_ = 0;
    std::string body_, out_;
    std::size_t sent_ = 0;
    std::vector<HttpField> fields_;
    std::optional<RequestParser> parser_;
    TimePoint deadline_ = TimePoint::max();
    TimePoint earliest_{};
    State state_ = State::reading;
    bool keep_alive_ = true;
    bool version_10_ = false;
    bool head_only_ = false;   ///< a HEAD request: the reply has no body
    bool proceeding_ = false;  ///< proceed() is on the stack
    bool refused_ = false;     ///< the reply is the server's own refusal: linger, then close
};

}  // namespace loadline

#include "net/http_server.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <boost/asio/post.hpp>
#include <boost/beast/core/string.hpp>
#include <cassert>

#include "base/log.hpp"
#include "net/http_server_connection.hpp"

namespace loadline {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto sweep_period = milliseconds(250);
constexpr int accept_batch = 64;
constexpr auto full_pause = milliseconds(1);

void sweep(ServerLoop& loop) {
    loop.sweep.expires_after(sweep_period);
    loop.sweep.async_wait([&loop](const error_code& ec) {
        if (ec) return;
        const auto now = Clock::now();
        for (auto it = loop.connections.begin(); it != loop.connections.end();) {
            auto& connection = *it++;  // it may leave the list
            const auto keep = connection.shared_from_this();
            connection.check_deadline(now);
        }
        sweep(loop);
    });
}

template <class Action>
void for_each_connection(ServerLoop& loop, Action action) {
    for (auto it = loop.connections.begin(); it != loop.connections.end();) {
        const auto connection = (it++)->shared_from_this();
        action(*connection);
    }
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
    for (const auto& field : fields) {
        if (field.name.size() == name.size() &&
            boost::beast::iequals({field.name.data(), field.name.size()},
                                  {name.data(), name.size()})) {
            return field.value.data() ? field.value : std::string_view{""};
        }
    }
    return {};
}

HttpResponder::HttpResponder(std::shared_ptr<ServerConnection> connection)
    : connection_{std::move(connection)} {}
HttpResponder::HttpResponder(HttpResponder&&) noexcept = default;

HttpResponder::~HttpResponder() {
    if (!connection_) return;
    send({.status = 500,
          .body = R"({"error":"internal","message":"the request was not answered"})"});
}

void HttpResponder::not_before(TimePoint earliest) { connection_->hold_until(earliest); }

void HttpResponder::send(const HttpReply& reply) {
    assert(connection_);
    // Kept alive for the call: respond() may go on to the next request.
    const auto connection = std::move(connection_);
    connection_.reset();
    connection->respond(reply);
}

unsigned HttpResponder::thread() const { return connection_->thread(); }

struct HttpServer::Listener {
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    std::size_t next = 0;
    bool complained = false;

    explicit Listener(asio::io_context& context) : acceptor{context}, pause{context} {}
};

HttpServer::HttpServer(HttpServerOptions options, HttpHandler handler)
    : options_{std::move(options)}, handler_{std::move(handler)} {
    assert(options_.threads > 0);
    for (unsigned i = 0; i < options_.threads; ++i) {
        loops_.push_back(std::make_unique<ServerLoop>(options_, handler_, i));
    }
}

HttpServer::~HttpServer() { stop(Duration{}); }

asio::io_context& HttpServer::context(unsigned i) { return loops_[i]->context; }

Result<std::uint16_t> HttpServer::listen() {
    const auto failed = [&](const error_code& ec) {
        return usage_error(
            fmt::format("cannot listen on {}:{}: {}", options_.host, options_.port, ec.message()));
    };
    auto listener = std::make_unique<Listener>(loops_[0]->context);
    auto& acceptor = listener->acceptor;
    error_code ec;
    tcp::resolver resolver{loops_[0]->context};
    const auto found =
        resolver.resolve(options_.host, std::to_string(options_.port), tcp::resolver::passive, ec);
    if (ec) return failed(ec);
    const tcp::endpoint endpoint = *found.begin();
    acceptor.open(endpoint.protocol(), ec);
    if (!ec) acceptor.set_option(tcp::acceptor::reuse_address{true}, ec);
    if (!ec) acceptor.bind(endpoint, ec);
    const int most = asio::socket_base::max_listen_connections;
    if (!ec) acceptor.listen(options_.backlog > 0 ? options_.backlog : most, ec);
    if (!ec) acceptor.non_blocking(true, ec);
    if (ec) return failed(ec);
    listener_ = std::move(listener);
    return listener_->acceptor.local_endpoint().port();
}

void HttpServer::start() {
    assert(listener_ && !running_);
    running_ = true;
    accept();
    for (auto& each : loops_) {
        auto& loop = *each;
        sweep(loop);
        loop.thread = std::thread{[&loop] {
            prctl(PR_SET_TIMERSLACK, 1);
            loop.context.run();
        }};
    }
}

/// Takes all connections that wait, deals them out, and waits for more. Runs on thread 0.
void HttpServer::accept() {
    listener_->acceptor.async_wait(tcp::acceptor::wait_read, [this](const error_code& stopped) {
        if (stopped || !listener_->acceptor.is_open()) return;
        error_code ec;
        if (full()) return accept_after(full_pause);
        for (int i = 0; i < accept_batch && !ec && !full(); ++i) {
            auto& loop = *loops_[listener_->next % loops_.size()];
            tcp::socket socket{loop.context};
            listener_->acceptor.accept(socket, ec);
            if (!ec) deal(std::move(socket), loop);
        }
        if (!ec || ec == asio::error::would_block || ec == asio::error::connection_aborted) {
            return accept();
        }
        // Out of descriptors, most likely: the backlog waits until some are free again.
        if (!std::exchange(listener_->complained, true)) {
            log_warn("cannot accept: " + ec.message() + "; trying again every 50 ms");
        }
        accept_after(milliseconds(50));
    });
}

void HttpServer::accept_after(Duration pause) {
    listener_->pause.expires_after(pause);
    listener_->pause.async_wait([this](const error_code& cancelled) {
        if (!cancelled) accept();
    });
}

bool HttpServer::full() const {
    return options_.most_open > 0 && counts().open >= options_.most_open;
}

void HttpServer::deal(tcp::socket socket, ServerLoop& loop) {
    ++listener_->next;
    accepted_.fetch_add(1, std::memory_order_relaxed);
    auto connection = std::make_shared<ServerConnection>(std::move(socket), loop);
    if (loop.index == 0) return connection->start();
    asio::post(loop.context, [connection = std::move(connection), &loop] {
        loop.stopping ? connection->close() : connection->start();
    });
}

void HttpServer::stop(Duration grace) {
    if (!running_) return;
    running_ = false;
    asio::post(loops_[0]->context, [this] {
        error_code ignored;
        listener_->acceptor.close(ignored);
        listener_->pause.cancel();
    });
    for (auto& loop : loops_) {
        asio::post(loop->context, [&loop = *loop] {
            loop.stopping = true;
            for_each_connection(loop, [](ServerConnection& c) { c.finish(); });
        });
    }
    const auto give_up = Clock::now() + grace;
    while (counts().open > 0 && Clock::now() < give_up) {
        std::this_thread::sleep_for(milliseconds(5));
    }
    for (auto& loop : loops_) loop->context.stop();
    for (auto& loop : loops_) loop->thread.join();
    for (auto& loop : loops_) {
        for_each_connection(*loop, [](ServerConnection& c) { c.close(); });
        loop->leaked.clear();
    }
}

HttpServerCounts HttpServer::counts() const {
    HttpServerCounts counts;
    counts.accepted = accepted_.load(std::memory_order_relaxed);
    for (const auto& loop : loops_) {
        counts.open += loop->open.load(std::memory_order_relaxed);
        counts.leaked += loop->leaks.load(std::memory_order_relaxed);
        counts.requests += loop->requests.load(std::memory_order_relaxed);
        counts.malformed += loop->malformed.load(std::memory_order_relaxed);
    }
    return counts;
}

}  // namespace loadline

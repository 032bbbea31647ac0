#include "lab/delay_server.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <cmath>
#include <future>
#include <numbers>
#include <optional>
#include <string_view>

namespace loadline {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr Duration poll_before_due = std::chrono::microseconds{100};
constexpr std::size_t head_limit = 8 * 1024, body_limit = 1024 * 1024, read_room = 4096;

double normal(Rng& rng) {  // Box and Muller
    const double length = std::sqrt(2 * rng.exponential());
    return length * std::cos(2 * std::numbers::pi * rng.uniform());
}

Duration scaled(Duration d, double factor) {
    return Duration{std::llround(static_cast<double>(d.count()) * factor)};
}

struct Draw {
    Rng& rng;
    Duration operator()(const ConstantDelay& d) const { return d.value; }
    Duration operator()(const UniformDelay& d) const {
        return Duration{rng.between(d.low.count(), d.high.count())};
    }
    Duration operator()(const LognormalDelay& d) const {
        return scaled(d.median, std::exp(d.sigma * normal(rng)));
    }
    Duration operator()(const BimodalDelay& d) const {
        return rng.uniform() < d.slow_share ? d.slow : d.quick;
    }
};

bool same_letters(std::string_view a, std::string_view lower) {
    return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                      [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + 32 : x) == y; });
}

/// The body's length that a head announces: 0 without a Content-Length, nothing when it is
/// none that we serve.
std::optional<std::size_t> body_length(std::string_view head) {
    std::size_t length = 0;
    for (auto at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at)) {
        at += 2;
        const auto line = head.substr(at, head.find("\r\n", at) - at);
        const auto colon = line.find(':');
        if (colon == line.npos) continue;
        const auto name = line.substr(0, colon);
        if (same_letters(name, "transfer-encoding")) return {};
        if (!same_letters(name, "content-length")) continue;
        const auto digits = line.find_first_not_of(' ', colon + 1);
        if (digits == line.npos) return {};
        const auto* end = line.data() + line.size();
        const auto [rest, ec] = std::from_chars(line.data() + digits, end, length);
        if (ec != std::errc{} || rest != end || length > body_limit) return {};
    }
    return length;
}

enum class Progress { incomplete, whole, refused };

/// Looks for a whole request at the start of `bytes`; its size goes to `size`.
Progress find_request(std::string_view bytes, std::size_t& size) {
    const auto blank = bytes.find("\r\n\r\n");
    if (blank == bytes.npos) {
        return bytes.size() > head_limit ? Progress::refused : Progress::incomplete;
    }
    const auto body = body_length(bytes.substr(0, blank + 2));
    if (!body) return Progress::refused;
    size = blank + 4 + *body;
    return bytes.size() < size ? Progress::incomplete : Progress::whole;
}

}  // namespace

Duration draw(const Delay& delay, Rng& rng) { return std::visit(Draw{rng}, delay); }

struct DelayServer::Connection {
    explicit Connection(tcp::socket s) : socket{std::move(s)} {}

    tcp::socket socket;
    std::vector<char> in = std::vector<char>(read_room);
    std::size_t filled = 0, request = 0;  ///< bytes read; those of the request being answered
    TimePoint whole{};                    ///< when that request had come
    bool refused = false;                 ///< it is answered with 503
};

Result<std::unique_ptr<DelayServer>> DelayServer::start(DelayServerOptions options) {
    std::unique_ptr<DelayServer> server{new DelayServer{std::move(options)}};
    if (auto listening = server->listen(); !listening) return listening.error();
    server->accept();
    server->thread_ = std::thread{[to = server.get()] { to->run(); }};
    return server;
}

DelayServer::DelayServer(DelayServerOptions options)
    : delay_{options.delay},
      serve_{std::move(options.serve)},
      reply_{fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                         "Content-Length: {}\r\n\r\n{}",
                         options.body.size(), options.body)},
      refusal_{"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"},
      rng_{options.seed} {}

DelayServer::~DelayServer() {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] { quit_ = true; });
    thread_.join();
}

std::string DelayServer::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

Result<void> DelayServer::listen() {
    error_code ec;
    const tcp::endpoint any_port{asio::ip::address_v4::loopback(), 0};
    acceptor_.open(any_port.protocol(), ec);
    if (!ec) acceptor_.bind(any_port, ec);
    if (!ec) acceptor_.listen(asio::socket_base::max_listen_connections, ec);
    if (ec) return usage_error("cannot listen on 127.0.0.1: " + ec.message());
    port_ = acceptor_.local_endpoint().port();
    return {};
}

void DelayServer::stall(TimePoint begin, Duration length) {
    asio::post(io_, [this, begin, length] {
        stall_begin_ = begin;
        stall_end_ = begin + length;
    });
}

Histogram DelayServer::take_log() {
    std::promise<Histogram> log;
    asio::post(io_, [&] { log.set_value(std::exchange(log_, {})); });
    return log.get_future().get();
}

void DelayServer::run() {
    ::prctl(PR_SET_TIMERSLACK, 1);
    while (!quit_) {
        answer_due();
        const auto due = next_due();
        if (due == TimePoint::max() || due - Clock::now() > poll_before_due) {
            sleep_until(due == TimePoint::max() ? due : due - poll_before_due);
        } else {
            io_.poll();
        }
    }
}

/// Until `wake`, or until something comes. A timer that was armed for an earlier instant
/// only wakes us once in vain.
void DelayServer::sleep_until(TimePoint wake) {
    if (wake < armed_for_) {
        armed_for_ = wake;
        wake_.expires_at(wake);
        wake_.async_wait([this](error_code ec) {
            if (!ec) armed_for_ = TimePoint::max();
        });
    }
    io_.run_one();
    io_.poll();
}

void DelayServer::accept() {
    acceptor_.async_accept([this](error_code ec, tcp::socket socket) {
        if (!ec) {
            socket.non_blocking(true, ec);
            socket.set_option(tcp::no_delay{true}, ec);
            read(std::make_shared<Connection>(std::move(socket)));
        }
        accept();
    });
}

/// Reads on. An error or the client's end lets the connection go: nobody holds it then.
void DelayServer::read(const std::shared_ptr<Connection>& connection) {
    auto& in = connection->in;
    if (in.size() - connection->filled < read_room) in.resize(in.size() * 2);
    const auto room = asio::buffer(in.data() + connection->filled, in.size() - connection->filled);
    connection->socket.async_read_some(room, [this, connection](error_code ec, std::size_t n) {
        if (ec) return;
        connection->filled += n;
        take_request(connection);
    });
}

void DelayServer::take_request(const std::shared_ptr<Connection>& connection) {
    auto& c = *connection;
    switch (find_request({c.in.data(), c.filled}, c.request)) {
        case Progress::incomplete:
            return read(connection);
        case Progress::refused:
            return;
        case Progress::whole: {
            c.whole = Clock::now();
            const auto served =
                serve_ ? serve_(c.whole) : Served{c.whole + draw(delay_, rng_), false};
            c.refused = served.refused;
            answers_.push({served.finish, connection});
        }
    }
}

TimePoint DelayServer::next_due() const {
    if (answers_.empty()) return TimePoint::max();
    const auto due = answers_.top().due;
    return due >= stall_begin_ && due < stall_end_ ? stall_end_ : due;
}

void DelayServer::answer_due() {
    while (next_due() <= Clock::now()) {
        const auto connection = answers_.top().to;
        answers_.pop();
        answer(connection);
    }
}

void DelayServer::answer(const std::shared_ptr<Connection>& connection) {
    error_code ec;
    const auto& reply = connection->refused ? refusal_ : reply_;
    // Before the write: the client may have the answer before this thread runs on behind it.
    const auto now = Clock::now();
    const auto sent = connection->socket.write_some(asio::buffer(reply), ec);
    if (ec && ec != asio::error::would_block) return;  // the client has gone
    if (sent == reply.size()) return answered(connection, now);
    asio::async_write(connection->socket, asio::buffer(reply.data() + sent, reply.size() - sent),
                      [this, connection](error_code failed, std::size_t) {
                          if (!failed) answered(connection, Clock::now());
                      });
}

void DelayServer::answered(const std::shared_ptr<Connection>& connection, TimePoint at) {
    auto& c = *connection;
    log_.record(at - c.whole);
    std::copy(c.in.begin() + static_cast<std::ptrdiff_t>(c.request),
              c.in.begin() + static_cast<std::ptrdiff_t>(c.filled), c.in.begin());
    c.filled -= c.request;
    take_request(connection);
}

}  // namespace loadline

#include "watch/probes_attempt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "net/client_limit.hpp"

namespace loadline {
namespace {

using boost::system::error_code;

constexpr std::uint64_t body_read = 10 * 1024;
constexpr int most_redirects = 9;                         // ten requests
constexpr Duration known_for = std::chrono::seconds{10};  // beyond the time-out: see OwnSockets

std::string request_for(const Url& url) {
    return fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: kube-probe/loadline\r\nAccept: */*\r\n"
        "Connection: close\r\n\r\n",
        url.path.empty() ? "/" : url.path, url.authority());
}

bool redirects(int status) {
    constexpr std::array codes{301, 302, 303, 307, 308};
    return std::find(codes.begin(), codes.end(), status) != codes.end();
}

Endpoint with_port(const Endpoint& endpoint, std::uint16_t port) {
    const auto address = address_of(endpoint);
    return address ? Endpoint{boost::asio::ip::tcp::endpoint{*address, port}} : endpoint;
}

}  // namespace

std::optional<Url> redirect_url(const Url& from, std::string_view location) {
    const auto scheme_end = location.find("://");
    if (scheme_end < location.find_first_of("/?#") || location.starts_with("//")) {
        auto url = parse_url(location.starts_with("//") ? from.scheme + ":" + std::string{location}
                                                        : std::string{location});
        if (!url || (url->scheme != "http" && url->scheme != "https")) return {};
        return *url;
    }
    auto url = from;
    const auto path = location.substr(0, location.find('#'));
    const auto own_path = from.path.substr(0, from.path.find('?'));
    if (path.starts_with('/')) {
        url.path = path;
    } else if (path.starts_with('?')) {
        url.path = own_path + std::string{path};
    } else {
        url.path = own_path.substr(0, own_path.rfind('/') + 1) + std::string{path};
    }
    return url;
}

ProbeAttempt::ProbeAttempt(boost::asio::io_context& context, ProbeTarget& target,
                           std::shared_ptr<OwnSockets> own, Done done)
    : context_{context},
      target_{target},
      own_{std::move(own)},
      done_{std::move(done)},
      deadline_{context},
      url_{target.probe.url},
      endpoints_(target.endpoints) {}

template <class Function>
auto ProbeAttempt::if_current(Function function) {
    return [self = shared_from_this(), connection = connection_,
            function = std::move(function)](auto... results) {
        if (!self->over_ && connection == self->connection_) function(results...);
    };
}

void ProbeAttempt::start() {
    began_ = Clock::now();
    deadline_.expires_at(began_ + target_.probe.timeout);
    deadline_.async_wait([self = shared_from_this()](const error_code& cancelled) {
        if (!cancelled && !self->over_) self->broken();
    });
    connect(0);
}

void ProbeAttempt::connect(std::size_t endpoint) {
    if (endpoints_.empty()) return end(ShadowEnd::not_made);
    if (endpoint == endpoints_.size()) return end(ShadowEnd::failure);
    const bool tls = url_.is_tls() && !target_.probe.tcp;
    if (tls && !target_.tls) {
        TlsOptions options;
        options.verify = options.resume = false;
        auto created = TlsContext::create(options, url_.host);
        if (!created) return end(ShadowEnd::not_made);
        target_.tls = std::move(*created);
    }
    connection_ =
        std::make_shared<Connection>(context_, Protocol::http, tls ? target_.tls.get() : nullptr);
    connection_->async_connect(endpoints_[endpoint], {},
                               if_current([this, endpoint](const error_code& ec) {
                                   if (is_client_limit(ec)) return end(ShadowEnd::not_made);
                                   ec ? connect(endpoint + 1) : connected();
                               }));
}

void ProbeAttempt::connected() {
    if (own_) {
        const auto until = began_ + target_.probe.timeout + known_for;
        if (const auto local = connection_->local_endpoint()) own_->add(*local, until);
    }
    if (target_.probe.tcp) return end(ShadowEnd::success);
    connection_->tls() != nullptr ? shake_hands() : send();
}

void ProbeAttempt::shake_hands() {
    switch (connection_->shake_hands()) {
        case TlsSession::Handshake::done:
            return send();
        case TlsSession::Handshake::failed:
            return end(ShadowEnd::failure);
        case TlsSession::Handshake::more:
            break;
    }
    connection_->async_read(if_current([this](const error_code& ec, std::size_t n) {
        if (ec) return end(ShadowEnd::failure);
        connection_->received_handshake(n);
        shake_hands();
    }));
}

void ProbeAttempt::send() {
    request_ = request_for(url_);
    connection_->expect_head();
    send_rest(connection_->send(request_));
}

void ProbeAttempt::send_rest(error_code ec) {
    if (!ec) return read();
    if (ec != boost::asio::error::would_block) return end(ShadowEnd::failure);
    connection_->async_writable(if_current([this](const error_code& failed) {
        failed ? end(ShadowEnd::failure) : send_rest(connection_->send_rest());
    }));
}

void ProbeAttempt::read() {
    connection_->async_read(if_current([this](const error_code& ec, std::size_t n) {
        if (!ec) return look(connection_->received(n));
        if (ec != boost::asio::error::eof) return broken();
        const auto status = connection_->end_of_stream();
        status == ReplyStatus::complete ? look(status) : broken();
    }));
}

/// Looks at the reply as far as it has come.
void ProbeAttempt::look(ReplyStatus status) {
    if (connection_->head_complete() && !answered_) {
        const auto reply = connection_->view();
        if (const auto location = reply.header("Location");
            redirects(reply.status) && !location.empty()) {
            const auto to = redirect_url(url_, location);
            if (!to) return end(ShadowEnd::failure);
            if (to->host == url_.host) return follow(*to);
        }
        answered_ = elapsed();
    }
    if (status == ReplyStatus::malformed) return broken();
    if (status == ReplyStatus::incomplete && connection_->body_size() < body_read) return read();
    const auto code = connection_->view().status;
    end(code >= 200 && code < 400 ? ShadowEnd::success : ShadowEnd::failure);
}

void ProbeAttempt::follow(const Url& to) {
    if (++redirects_ > most_redirects) return end(ShadowEnd::failure);
    connection_->close();
    if (to.port != url_.port) {
        for (auto& endpoint : endpoints_) endpoint = with_port(endpoint, to.port);
    }
    url_ = to;
    connect(0);
}

/// No more will come: the connection ended, what it carried is no HTTP, or the time is over.
void ProbeAttempt::broken() { end(answered_ ? ShadowEnd::broken_body : ShadowEnd::failure); }

void ProbeAttempt::end(ShadowEnd how) {
    ShadowProbe shadow;
    shadow.end = how;
    shadow.took = elapsed();
    shadow.answered = answered_.value_or(shadow.took);
    over_ = true;
    deadline_.cancel();
    if (connection_) connection_->close();
    done_(shadow);
}

ShadowProbe ProbeAttempt::cut_off() {
    over_ = true;
    deadline_.cancel();
    if (connection_) connection_->close();
    const auto waited = elapsed();
    return {{}, answered_.value_or(waited), waited, ShadowEnd::unfinished};
}

}  // namespace loadline

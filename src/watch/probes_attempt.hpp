#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/connection.hpp"
#include "watch/own_sockets.hpp"
#include "watch/probes.hpp"

namespace loadline {

/// Where the probes of one kind go. `tls` is made when it is first needed: certificates are not
/// verified, and no session is resumed, as the kubelet does it.
struct ProbeTarget {
    KubeletProbe probe;
    std::vector<Endpoint> endpoints;  ///< tried in turn; empty: its name has no address
    std::unique_ptr<TlsContext> tls;
};

/// Where a redirect leads: nothing when `location` cannot be read, or is not HTTP.
std::optional<Url> redirect_url(const Url& from, std::string_view location);

/// One probe as the kubelet makes it, on the context's one thread.
///
/// HTTP: a GET on a connection of its own, with "Connection: close". 200 to 399 is a success.
/// Redirects (301, 302, 303, 307, 308 with a Location) to the same host are followed, in ten
/// requests at most; one to another host is the answer, and a success. The body is read up to 10
/// KB. TCP: the connect alone. Over after the probe's time-out at the latest.
class ProbeAttempt : public std::enable_shared_from_this<ProbeAttempt> {
public:
    /// Told how it ended, once; `start` is left for the caller to fill in.
    using Done = std::function<void(const ShadowProbe&)>;

    /// `target` must outlive it; `own` may be null.
    ProbeAttempt(boost::asio::io_context& context, ProbeTarget& target,
                 std::shared_ptr<OwnSockets> own, Done done);
    void start();
    /// What is known so far, when nothing is awaited any more. Says nothing to `done`.
    ShadowProbe cut_off();

private:
    void connect(std::size_t endpoint);
    void connected();
    void shake_hands();
    void send();
    void send_rest(boost::system::error_code ec);
    void read();
    void look(ReplyStatus status);
    void follow(const Url& to);
    void broken();
    void end(ShadowEnd how);
    Duration elapsed() const { return Clock::now() - began_; }
    /// Wraps a handler that is for the connection of now only.
    template <class Function>
    auto if_current(Function function);

    boost::asio::io_context& context_;
    ProbeTarget& target_;
    std::shared_ptr<OwnSockets> own_;
    Done done_;
    boost::asio::steady_timer deadline_;
    Url url_;
    std::vector<Endpoint> endpoints_;
    std::shared_ptr<Connection> connection_;
    std::string request_;
    TimePoint began_{};
    std::optional<Duration> answered_;
    int redirects_ = 0;
    bool over_ = false;
};

}  // namespace loadline

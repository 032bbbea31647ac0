#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/time.hpp"

namespace loadline {

/// The server's end of one connection, in the hands of a script. All calls block, and end
/// when the client leaves or the server is destroyed. Thread: that of its script.
class Peer {
public:
    /// `used` counts the peers that have sent a whole request.
    Peer(int fd, std::atomic<int>& used) : fd_{fd}, used_{&used} {}
    ~Peer() { end(false); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    /// The next whole request, head and body (HTTP with Content-Length, or one RESP
    /// command); nothing when the client left before.
    std::optional<std::string> read_request();
    /// At most `most` of the bytes that come next; empty when the client left.
    std::string read_some(std::size_t most = 16 * 1024);

    /// What came and is no whole request.
    const std::string& unread() const { return unread_; }
    /// Once a read has found nothing more: whether the client left with RST, not FIN.
    bool was_reset() const { return reset_; }
    /// The kernel's TCP state of this end: TCP_CLOSE_WAIT, ...
    int tcp_state() const;
    /// The client's address, without its port.
    std::string client() const;

    /// False when the client left.
    bool send(std::string_view bytes);
    /// Sends `again` until so many bytes are out or the client left; returns how many went.
    std::size_t flood(std::string_view again, std::size_t most);
    /// One byte after the other, with a pause before each.
    bool drip(std::string_view bytes, Duration pause);
    /// Sends FIN and goes on reading.
    void half_close();
    /// Sends FIN, then reads until the client leaves too: unread bytes would make it a reset.
    void close();
    /// Sends RST.
    void reset();
    /// Never answers: returns when the client leaves.
    void wait_until_gone();

private:
    friend class ScriptedServer;
    void end(bool by_reset);
    void cut_off();  ///< from another thread: every call of the script fails from here on

    std::mutex mutex_;  ///< of fd_'s end: the script closes it, the server may cut it off
    int fd_;
    std::atomic<int>* used_;  ///< null when this one is counted
    std::string unread_;
    bool reset_ = false;
};

/// A server that does what a script says, on a free port of 127.0.0.1: one thread for each
/// connection, which runs the script once and then closes. For tests of clients.
class ScriptedServer {
public:
    using Script = std::function<void(Peer&)>;

    explicit ScriptedServer(Script script);
    /// Shuts every connection down and waits for the scripts. A script that waits for
    /// something of its own must be let go first.
    ~ScriptedServer();
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;

    std::uint16_t port() const { return port_; }
    /// "http://127.0.0.1:4711" or "redis://...".
    std::string url(std::string_view scheme = "http") const;
    /// Connections that carried a request so far: mere probes are left out.
    int used_connections() const { return used_; }

    /// From here on the port refuses connections, and those that are open are closed.
    void stop_listening();
    /// The same port again.
    void listen_again();

private:
    struct Connection {
        Connection(int fd, std::atomic<int>& used) : peer{fd, used} {}
        Peer peer;
        std::thread thread;
    };
    void listen();
    void accept();

    Script script_;
    std::uint16_t port_ = 0;
    int listener_ = -1;
    std::thread acceptor_;
    std::vector<std::unique_ptr<Connection>> connections_;  ///< the acceptor's, while it runs
    std::atomic<int> used_ = 0;
};

/// "HTTP/1.1 200 OK", a Content-Length, `headers` (whole lines) and the body.
std::string http_reply(std::string_view body, std::string_view headers = {}, int status = 200);

/// A script that answers every request with `reply`.
ScriptedServer::Script answers_with(std::string reply);

/// Answers the requests 0, 2, 4 ... of all connections with `good`; on the others `misbehave`
/// runs, and then the connection ends. So a broken exchange always stands between two that
/// must work.
ScriptedServer::Script every_other(std::string good, std::function<void(Peer&)> misbehave);

}  // namespace loadline

/// An HTTP server that is cheaper than any client: one thread, one epoll loop, fixed answers.
/// With it as the target, a benchmark measures the client.
///
///   cheap_server       listens on a free port of 127.0.0.1, prints the port, ends with stdin
///
/// Every request is answered with 200: /login, /missions/N/bet and /status with the small JSON
/// that the mission mix needs, anything else with "ok". A request ends at its blank line plus
/// Content-Length, so pipelined ones work. A connection is closed when a request is larger than
/// its buffer, or when its client sends without reading.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "raw_http.hpp"

namespace {

constexpr int listen_backlog = 4096;
constexpr std::size_t events_per_wait = 512;

struct Connection {
    std::size_t have = 0;           ///< bytes in `buffer` that are not answered yet
    std::array<char, 4096> buffer;  // left as it is: clearing it would cost on every accept
};

[[noreturn]] void die(const char* what) {
    std::fprintf(stderr, "cheap_server: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

/// A whole answer, rendered once. The keep-alive header is for ab, which speaks HTTP/1.0.
std::string answer(std::string_view type, std::string_view body) {
    std::string text =
        "HTTP/1.1 200 OK\r\nServer: cheap\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
        "Connection: keep-alive\r\nContent-Type: ";
    text.append(type).append("\r\nContent-Length: ").append(std::to_string(body.size()));
    return text.append("\r\n\r\n").append(body);
}

/// The fixed answers, and which request gets which.
class Answers {
public:
    std::string_view to(std::string_view head) const {
        const auto path = head.substr(std::min(head.find('/'), head.size()));
        if (path.starts_with("/missions/")) return bet_;
        if (path.starts_with("/login")) return login_;
        if (path.starts_with("/status")) return status_;
        return plain_;
    }

private:
    static constexpr std::string_view json = "application/json";
    std::string plain_ = answer("text/plain", "ok");
    std::string status_ = answer(json, R"({"status":"ok","open":1000})");
    // The token is made up; it is as long as a small JWT.
    std::string login_ = answer(
        json,
        R"({"userId":7,"accessToken":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3IiwiZXhwIjo0MTAyNDQ0ODAwfQ)"
        R"(.bm90LWEtcmVhbC1zaWduYXR1cmUtb2YtdGhpcnR5LTI","expiresIn":3600})");
    std::string bet_ = answer(
        json, R"({"betId":4711,"missionId":42,"amount":100,"status":"accepted","balance":9900})");
};

class Server {
public:
    Server() : listener_{listen_on_loopback()}, epoll_{epoll_create1(0)} {
        if (epoll_ < 0) die("epoll_create1");
        // Regular files and /dev/null cannot be waited on; then the caller could not end us either.
        if (!watch(STDIN_FILENO)) die("stdin must be a pipe that stays open");
        if (!watch(listener_)) die("epoll_ctl");
    }

    int port() const {
        sockaddr_in address{};
        socklen_t size = sizeof address;
        if (getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size)) die("port");
        return ntohs(address.sin_port);
    }

    /// Serves until stdin is closed.
    void run() {
        std::array<epoll_event, events_per_wait> events;
        for (;;) {
            const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            if (n < 0 && errno != EINTR) die("epoll_wait");
            for (int i = 0; i < n; ++i) {
                const int fd = events[static_cast<std::size_t>(i)].data.fd;
                if (fd == STDIN_FILENO) {
                    if (stdin_ended()) return;
                } else if (fd == listener_) {
                    accept_all();
                } else if (!serve(fd)) {
                    drop(fd);
                }
            }
        }
    }

private:
    static int listen_on_loopback() {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) die("socket");
        sockaddr_in address{};  // port 0: the kernel picks a free one
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address)) die("bind");
        if (listen(fd, listen_backlog)) die("listen");
        return fd;
    }

    static bool stdin_ended() {
        char ignored[64];
        return read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
    }

    bool watch(int fd) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
    }

    void accept_all() {
        for (;;) {
            const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) {
                if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return;
                die("accept (too many connections for ulimit -Hn?)");
            }
            const int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            const auto at = static_cast<std::size_t>(fd);
            if (at >= connections_.size()) connections_.resize(2 * at);
            connections_[at].reset(new Connection);
            if (!watch(fd)) die("epoll_ctl");
        }
    }

    void drop(int fd) {
        close(fd);
        connections_[static_cast<std::size_t>(fd)].reset();
    }

    /// Reads once and answers all that is complete with one send. False: close it.
    bool serve(int fd) {
        auto& c = *connections_[static_cast<std::size_t>(fd)];
        const auto got = recv(fd, c.buffer.data() + c.have, c.buffer.size() - c.have, 0);
        if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
        c.have += static_cast<std::size_t>(got);

        std::string_view unread{c.buffer.data(), c.have};
        std::string_view reply;  // a lone request's answer is sent from where it lies
        batch_.clear();
        while (const auto message = raw_http::first_message(unread)) {
            if (!reply.empty()) batch_.append(reply);
            reply = answers_.to(message->head);
            unread.remove_prefix(message->size);
        }
        if (!batch_.empty()) reply = batch_.append(reply);
        std::memmove(c.buffer.data(), unread.data(), unread.size());
        c.have = unread.size();

        if (c.have == c.buffer.size()) return false;
        if (reply.empty()) return true;
        return send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) == std::ssize(reply);
    }

    int listener_, epoll_;
    Answers answers_;
    std::string batch_;
    std::vector<std::unique_ptr<Connection>> connections_;  // by file descriptor
};

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1) {
        std::fprintf(stderr, "cheap_server: \"%s\" is not expected; it takes no arguments\n",
                     argv[1]);
        return 2;
    }
    raw_http::raise_fd_limit();
    Server server;
    std::printf("%d\n", server.port());
    std::fflush(stdout);
    server.run();
}

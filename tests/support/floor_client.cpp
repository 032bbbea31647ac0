/// The floor of an HTTP client on epoll: what is left when everything but the work is gone.
/// A closed loop on kept-alive connections: one send, one recv and a share of an epoll_wait per
/// request, a parser that knows no more than status and length, and the two clock reads that any
/// load generator needs. Other clients are measured against it.
///
///   floor_client PORT CONNECTIONS SECONDS [PATH]        the target is 127.0.0.1
///
/// Prints one line of JSON: requests, errors, seconds, rate_per_s, mean_us. An error is an answer
/// that is not 200; a connection that ends early ends the program with exit code 1.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "raw_http.hpp"

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t events_per_wait = 512;

struct Connection {
    int fd = -1;
    Clock::time_point sent;
    std::size_t have = 0;
    std::array<char, 8192> buffer;
};

[[noreturn]] void die(const char* what, const char* why) {
    std::fprintf(stderr, "floor_client: %s: %s\n", what, why);
    std::exit(1);
}

class Client {
public:
    Client(int port, int connections, std::string_view path)
        : epoll_{epoll_create1(0)}, connections_(static_cast<std::size_t>(connections)) {
        request_.append("GET ").append(path).append(" HTTP/1.1\r\nHost: 127.0.0.1:");
        request_.append(std::to_string(port)).append("\r\n\r\n");
        for (auto& c : connections_) open(c, port);
    }

    /// Keeps one request in flight on every connection for `length`, and prints the figures.
    void run(Clock::duration length) {
        const auto begin = Clock::now();
        auto now = begin;
        for (auto& c : connections_) send_request(c, now);

        std::array<epoll_event, events_per_wait> events;
        while (now < begin + length) {
            const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
            if (n < 0 && errno != EINTR) die("epoll_wait", std::strerror(errno));
            for (int i = 0; i < n; ++i) {
                serve(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
            }
            now = Clock::now();
        }
        print(now - begin);
    }

private:
    void open(Connection& c, int port) {
        c.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (c.fd < 0) die("socket (too many connections for ulimit -Hn?)", std::strerror(errno));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(c.fd, reinterpret_cast<sockaddr*>(&address), sizeof address)) {
            die("connect", std::strerror(errno));
        }
        const int on = 1;
        setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &c;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event)) {
            die("epoll_ctl", std::strerror(errno));
        }
    }

    /// A request is small and the socket's buffer empty, so the send is never short.
    void send_request(Connection& c, Clock::time_point now) {
        c.sent = now;
        if (send(c.fd, request_.data(), request_.size(), MSG_NOSIGNAL) != std::ssize(request_)) {
            die("send", std::strerror(errno));
        }
    }

    void serve(Connection& c) {
        const auto got =
            recv(c.fd, c.buffer.data() + c.have, c.buffer.size() - c.have, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got < 0) die("recv", std::strerror(errno));
        if (got == 0) die("recv", "the server closed the connection");
        c.have += static_cast<std::size_t>(got);

        const auto reply = raw_http::first_message({c.buffer.data(), c.have});
        if (!reply) {
            if (c.have == c.buffer.size()) die("recv", "an answer is larger than 8 KiB");
            return;
        }
        constexpr std::string_view ok = "HTTP/1.1 200 ";
        errors_ += !reply->head.starts_with(ok);
        const auto done = Clock::now();
        in_flight_ += done - c.sent;
        ++requests_;
        c.have = 0;  // one in flight: nothing can follow the answer
        send_request(c, Clock::now());
    }

    void print(Clock::duration elapsed) const {
        const auto seconds = std::chrono::duration<double>(elapsed).count();
        const auto done = static_cast<double>(requests_);
        const auto total_us = std::chrono::duration<double, std::micro>(in_flight_).count();
        std::printf(
            "{\"requests\": %llu, \"errors\": %llu, \"seconds\": %.6f, \"rate_per_s\": %.1f, "
            "\"mean_us\": %.3f}\n",
            static_cast<unsigned long long>(requests_), static_cast<unsigned long long>(errors_),
            seconds, done / seconds, requests_ ? total_us / done : 0.0);
    }

    int epoll_;
    std::string request_;
    std::vector<Connection> connections_;
    std::uint64_t requests_ = 0, errors_ = 0;
    Clock::duration in_flight_{};
};

/// A whole number from 1 to `most`; anything else ends the program with exit code 2.
int number(const char* name, std::string_view text, int most) {
    int value = 0;
    const auto end = text.data() + text.size();
    const auto [rest, ec] = std::from_chars(text.data(), end, value);
    if (ec == std::errc{} && rest == end && value >= 1 && value <= most) return value;
    std::fprintf(stderr, "floor_client: %s \"%.*s\" is not a whole number from 1 to %d\n", name,
                 static_cast<int>(text.size()), text.data(), most);
    std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4 && argc != 5) {
        std::fprintf(stderr, "usage: floor_client PORT CONNECTIONS SECONDS [PATH]\n");
        return 2;
    }
    const int port = number("PORT", argv[1], 65535);
    const int connections = number("CONNECTIONS", argv[2], 100'000);
    const int seconds = number("SECONDS", argv[3], 3600);
    raw_http::raise_fd_limit();
    Client{port, connections, argc == 5 ? argv[4] : "/"}.run(std::chrono::seconds{seconds});
}

#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace loadline {

/// A file descriptor that closes itself.
class Fd {
public:
    explicit Fd(int fd = -1) : fd_{fd} {}
    Fd(Fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() { close(); }
    int get() const { return fd_; }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

private:
    int fd_;
};

/// A listening socket on a free loopback port; the test itself plays the server, so that
/// every step is known.
class ListeningSocket {
public:
    /// AF_INET: 127.0.0.1. AF_INET6: [::], dual-stack. `port` 0 takes a free one.
    explicit ListeningSocket(int family = AF_INET, std::uint16_t port = 0, int backlog = 1024,
                             bool share_port = false) {
        fd_ = Fd{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        const int on = 1;
        ::setsockopt(fd_.get(), SOL_SOCKET, share_port ? SO_REUSEPORT : SO_REUSEADDR, &on,
                     sizeof on);
        sockaddr_in6 six{};
        sockaddr_in four{};
        six.sin6_family = AF_INET6;
        four.sin_family = AF_INET;
        four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        six.sin6_port = four.sin_port = htons(port);
        const int off = 0;
        if (family == AF_INET6)
            ::setsockopt(fd_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        const auto* address = family == AF_INET ? reinterpret_cast<const sockaddr*>(&four)
                                                : reinterpret_cast<const sockaddr*>(&six);
        const auto size = static_cast<socklen_t>(family == AF_INET ? sizeof four : sizeof six);
        open_ = ::bind(fd_.get(), address, size) == 0 && ::listen(fd_.get(), backlog) == 0;
        sockaddr_in6 bound{};
        socklen_t length = sizeof bound;
        ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound), &length);
        port_ = ntohs(bound.sin6_port);  // at the same place in both families
    }

    bool open() const { return open_; }
    std::uint16_t port() const { return port_; }
    int get() const { return fd_.get(); }
    void close() { fd_.close(); }
    Fd accept() const { return Fd{::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)}; }

    /// A client's connection over IPv4 loopback.
    Fd connect() const {
        Fd client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(port_);
        EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
        return client;
    }

private:
    Fd fd_;
    bool open_ = false;
    std::uint16_t port_ = 0;
};

/// Both ends of one connection.
struct Ends {
    Fd client, server;
};

inline std::vector<Ends> connect_and_accept(const ListeningSocket& listening, int count) {
    std::vector<Ends> connections;
    for (int i = 0; i < count; ++i) {
        auto client = listening.connect();
        connections.push_back({std::move(client), listening.accept()});
    }
    return connections;
}

/// The clients close; the server reads the EOF, if it does.
inline void close_clients(std::vector<Ends>& connections, bool server_reads_eof = true) {
    for (auto& connection : connections) {
        connection.client.close();
        char byte;
        if (!server_reads_eof) continue;
        EXPECT_EQ(::recv(connection.server.get(), &byte, 1, 0), 0);
    }
}

/// Waits until `done`, at most `limit`; returns whether it came true.
inline bool wait_for(Duration limit, const std::function<bool()>& done) {
    const auto end = Clock::now() + limit;
    while (!done()) {
        if (Clock::now() >= end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return true;
}

}  // namespace loadline

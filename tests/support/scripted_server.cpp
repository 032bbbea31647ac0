#include "scripted_server.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace loadline {
namespace {

std::size_t number_after(std::string_view text, std::size_t at) {
    std::size_t n = 0;
    while (at < text.size() && text[at] == ' ') ++at;
    std::from_chars(text.data() + at, text.data() + text.size(), n);
    return n;
}

/// The size of the HTTP request at the start of `text`; 0 when it is not whole.
std::size_t http_size(std::string_view text) {
    constexpr std::string_view length = "\r\nContent-Length:";
    const auto end = text.find("\r\n\r\n");
    if (end == text.npos) return 0;
    const auto at = text.substr(0, end).find(length);
    const auto size = end + 4 + (at == text.npos ? 0 : number_after(text, at + length.size()));
    return size <= text.size() ? size : 0;
}

/// The same for a RESP command: *n, then n times $length and the bytes.
std::size_t resp_size(std::string_view text) {
    auto line = text.find("\r\n");
    if (line == text.npos) return 0;
    auto words = number_after(text, 1);
    auto at = line + 2;
    for (; words > 0; --words) {
        line = text.find("\r\n", at);
        if (line == text.npos) return 0;
        at = line + 2 + number_after(text, at + 1) + 2;
    }
    return at <= text.size() ? at : 0;
}

int new_listener(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd, 1024) != 0) {
        throw std::runtime_error{
            fmt::format("cannot listen on 127.0.0.1:{}: {}", port, std::strerror(errno))};
    }
    return fd;
}

}  // namespace

void Peer::end(bool by_reset) {
    const std::lock_guard lock{mutex_};
    const linger at_once{1, 0};
    if (by_reset) ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

void Peer::cut_off() {
    const std::lock_guard lock{mutex_};
    if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

std::optional<std::string> Peer::read_request() {
    for (;;) {
        const auto size = unread_.rfind('*', 0) == 0 ? resp_size(unread_) : http_size(unread_);
        if (size > 0) {
            if (auto* used = std::exchange(used_, nullptr)) ++*used;
            auto request = unread_.substr(0, size);
            unread_.erase(0, size);
            return request;
        }
        char more[16 * 1024];
        const auto n = ::recv(fd_, more, sizeof more, 0);
        reset_ = n < 0 && errno == ECONNRESET;
        if (n <= 0) return {};
        unread_.append(more, static_cast<std::size_t>(n));
    }
}

std::string Peer::read_some(std::size_t most) {
    std::string bytes(most, '\0');
    const auto n = ::recv(fd_, bytes.data(), bytes.size(), 0);
    reset_ = n < 0 && errno == ECONNRESET;
    bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return bytes;
}

int Peer::tcp_state() const {
    tcp_info info{};
    socklen_t length = sizeof info;
    ::getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &length);
    return info.tcpi_state;
}

std::string Peer::client() const {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    ::getpeername(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    char text[INET_ADDRSTRLEN] = "";
    ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    return text;
}

bool Peer::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

std::size_t Peer::flood(std::string_view again, std::size_t most) {
    std::string block;
    while (block.size() < 64 * 1024) block += again;
    std::size_t sent = 0;
    while (sent < most && send(block)) sent += block.size();
    return sent;
}

bool Peer::drip(std::string_view bytes, Duration pause) {
    for (const char byte : bytes) {
        std::this_thread::sleep_for(pause);
        if (!send({&byte, 1})) return false;
    }
    return true;
}

void Peer::half_close() { ::shutdown(fd_, SHUT_WR); }

void Peer::close() {
    half_close();
    wait_until_gone();
}

void Peer::reset() { end(true); }

void Peer::wait_until_gone() {
    while (!read_some().empty()) {
    }
}

ScriptedServer::ScriptedServer(Script script) : script_{std::move(script)} { listen(); }

ScriptedServer::~ScriptedServer() {
    stop_listening();
    for (auto& connection : connections_) connection->thread.join();
}

std::string ScriptedServer::url(std::string_view scheme) const {
    return fmt::format("{}://127.0.0.1:{}", scheme, port_);
}

void ScriptedServer::listen() {
    listener_ = new_listener(port_);
    sockaddr_in bound{};
    socklen_t length = sizeof bound;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &length);
    port_ = ntohs(bound.sin_port);
    acceptor_ = std::thread{[this] { accept(); }};
}

void ScriptedServer::accept() {
    for (;;) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections_.push_back(std::make_unique<Connection>(fd, used_));
        auto& connection = *connections_.back();
        connection.thread = std::thread{[this, &connection] {
            script_(connection.peer);
            connection.peer.end(false);
        }};
    }
}

void ScriptedServer::stop_listening() {
    if (!acceptor_.joinable()) return;
    ::shutdown(listener_, SHUT_RDWR);  // wakes accept()
    acceptor_.join();
    ::close(listener_);
    for (auto& connection : connections_) connection->peer.cut_off();
}

void ScriptedServer::listen_again() { listen(); }

std::string http_reply(std::string_view body, std::string_view headers, int status) {
    return fmt::format("HTTP/1.1 {} Status\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(),
                       headers, body);
}

ScriptedServer::Script answers_with(std::string reply) {
    return [reply = std::move(reply)](Peer& peer) {
        while (peer.read_request() && peer.send(reply)) {
        }
    };
}

ScriptedServer::Script every_other(std::string good, std::function<void(Peer&)> misbehave) {
    auto requests = std::make_shared<std::atomic<int>>(0);
    return [requests, good = std::move(good), misbehave = std::move(misbehave)](Peer& peer) {
        while (peer.read_request()) {
            if ((*requests)++ % 2 == 1) return misbehave(peer);
            if (!peer.send(good)) return;
        }
    };
}

}  // namespace loadline

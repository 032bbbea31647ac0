#include <benchmark/benchmark.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "engine/arrivals.hpp"
#include "net/connection.hpp"

namespace loadline {
namespace {

/// When is the next journey due: once for every arrival.
void next_arrival(benchmark::State& state) {
    const auto kind = state.range(0) == 0 ? Arrivals::paced : Arrivals::poisson;
    ArrivalSchedule schedule{Rate::per_second(1000), kind, std::chrono::hours{100'000}, {}, 1};
    for (auto _ : state) benchmark::DoNotOptimize(schedule.next());
    state.SetLabel(kind == Arrivals::paced ? "paced" : "poisson");
}
BENCHMARK(next_arrival)->Arg(0)->Arg(1);

/// A server that answers every request it reads with the same bytes, on a thread of its own.
class EchoServer {
public:
    EchoServer() {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
        ::listen(listener_, 8);
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread{[this] { serve(); }};
    }
    ~EchoServer() {
        stop_ = true;
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    std::uint16_t port() const { return port_; }

private:
    void serve() {
        const int fd = ::accept(listener_, nullptr, nullptr);
        constexpr std::string_view reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        char buffer[4096];
        while (!stop_ && ::recv(fd, buffer, sizeof buffer, 0) > 0) {
            if (::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) break;
        }
        ::close(fd);
    }
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

/// One request and its response over loopback through Connection, one in flight: mostly the
/// kernel's way there and back and the wake-up of the other thread.
void loopback_exchange(benchmark::State& state) {
    EchoServer server;
    boost::asio::io_context io{1};
    Connection connection{io, Protocol::http, nullptr};
    const Endpoint to{
        boost::asio::ip::tcp::endpoint{boost::asio::ip::address_v4::loopback(), server.port()}};
    connection.async_connect(to, {}, [](boost::system::error_code) {});
    io.run();
    for (auto _ : state) {
        auto status = ReplyStatus::incomplete;
        connection.expect(false, false);
        if (connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
            return state.SkipWithError("send");
        while (status == ReplyStatus::incomplete) {
            io.restart();
            connection.async_read([&](boost::system::error_code ec, std::size_t n) {
                status = ec ? ReplyStatus::malformed : connection.received(n);
            });
            io.run();
        }
        if (status != ReplyStatus::complete) return state.SkipWithError("reply");
    }
    connection.close();
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(loopback_exchange)->UseRealTime();

}  // namespace
}  // namespace loadline

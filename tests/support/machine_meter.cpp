#include "machine_meter.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/units.hpp"

namespace loadline {
namespace {

int checked(int result, const char* what) {
    if (result < 0) throw std::system_error{errno, std::generic_category(), what};
    return result;
}

/// Both ends of a TCP connection over loopback.
std::pair<int, int> connected() {
    const int listener = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* at = reinterpret_cast<sockaddr*>(&address);
    checked(::bind(listener, at, length), "bind");
    checked(::listen(listener, 1), "listen");
    checked(::getsockname(listener, at, &length), "getsockname");
    const int near = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    checked(::connect(near, at, length), "connect");
    const int far = checked(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
    ::close(listener);
    const int yes = 1;
    for (const int socket : {near, far}) {
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    return {near, far};
}

/// Sends back each byte until the other end closes.
void answer(int socket) {
    for (char byte; ::recv(socket, &byte, 1, 0) == 1;) {
        if (::send(socket, &byte, 1, MSG_NOSIGNAL) != 1) break;
    }
    ::close(socket);
}

/// What is started while it lives goes before this thread, if this thread goes before ordinary
/// ones.
class GoingBefore {
public:
    GoingBefore() {
        if (::sched_getscheduler(0) != SCHED_FIFO || ::sched_getparam(0, &own_) != 0) return;
        const sched_param before{.sched_priority = own_.sched_priority + 1};
        changed_ = ::sched_setscheduler(0, SCHED_FIFO, &before) == 0;
    }
    ~GoingBefore() {
        if (changed_) ::sched_setscheduler(0, SCHED_FIFO, &own_);
    }
    GoingBefore(const GoingBefore&) = delete;

private:
    sched_param own_{};
    bool changed_ = false;
};

}  // namespace

EchoMeter::EchoMeter() {
    const GoingBefore threads;
    const auto [near, far] = connected();
    answering_ = std::thread{[socket = far] { answer(socket); }};
    asking_ = std::thread{[this, socket = near] { ask(socket); }};
}

const Histogram& EchoMeter::stop() {
    stop_ = true;
    if (asking_.joinable()) asking_.join();
    if (answering_.joinable()) answering_.join();
    return round_trips_;
}

void EchoMeter::ask(int socket) {
    ::prctl(PR_SET_TIMERSLACK, 1);
    auto due = Clock::now() + period;
    for (char byte = 0; !stop_; due += period) {
        std::this_thread::sleep_until(due);
        const auto sent = Clock::now();
        if (::send(socket, &byte, 1, MSG_NOSIGNAL) != 1 || ::recv(socket, &byte, 1, 0) != 1) break;
        const auto back = Clock::now();
        // Those that were due meanwhile would have waited for the rest of it.
        for (auto took = back - sent; took > Duration{}; took -= period) round_trips_.record(took);
        if (due < back) due = back;
    }
    ::close(socket);
}

Duration MachineNoise::at(double q) const {
    const double instants = 1 - (1 - q) / 3;
    return timers.quantile(instants) + echoes.quantile(instants);
}

void MachineNoise::merge(const MachineNoise& other) {
    timers.merge(other.timers);
    echoes.merge(other.echoes);
}

std::string MachineNoise::text() const {
    return fmt::format("the machine added {} at p50, {} at p99, {} at p99.9, {} at most",
                       format_duration(at(0.5)), format_duration(at(0.99)),
                       format_duration(at(0.999)), format_duration(longest_stall()));
}

MachineMeter::MachineMeter() {
    const GoingBefore threads;
    cpu_set_t mine;
    ::sched_getaffinity(0, sizeof mine, &mine);
    for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
        if (!CPU_ISSET(processor, &mine)) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(processor, &one);
        ::sched_setaffinity(0, sizeof one, &one);  // its thread inherits it
        timers_.push_back(std::make_unique<HiccupMeter>());
    }
    ::sched_setaffinity(0, sizeof mine, &mine);
}

MachineNoise MachineMeter::stop() {
    MachineNoise noise;
    for (const auto& timer : timers_) noise.timers.merge(timer->stop());
    noise.echoes = echoes_.stop();
    return noise;
}

}  // namespace loadline

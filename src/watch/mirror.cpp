#include "watch/mirror.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>

#include "watch/sock_diag.hpp"

namespace loadline {
namespace {

std::uint16_t port_of(const std::string& address) {
    const auto colon = address.rfind(':');
    if (colon == address.npos) return 0;  // a Unix socket
    return static_cast<std::uint16_t>(std::strtoul(address.c_str() + colon + 1, nullptr, 10));
}

}  // namespace

Mirror::Mirror(std::vector<std::string> addresses)
    : addresses_{std::move(addresses)}, before_{look()} {}

std::set<std::uint64_t> Mirror::look() const {
    std::optional<DumpError> error;
    SockDiag diag{error};
    std::vector<SocketRecord> records;
    std::set<std::uint16_t> ports;
    for (const auto& address : addresses_) ports.insert(port_of(address));
    ports.erase(0);
    for (const auto port : ports) {
        for (const int family : {AF_INET, AF_INET6}) {
            DumpRequest request{family, only(TcpState::fin_wait2), port};
            request.of_peer = true;
            diag.dump(request, records);
        }
    }
    std::set<std::uint64_t> cookies;
    for (const auto& record : records) {
        const bool ours =
            std::find(addresses_.begin(), addresses_.end(), record.peer()) != addresses_.end();
        if (ours) cookies.insert(record.cookie);
    }
    return cookies;
}

std::uint32_t Mirror::half_closed() const {
    const auto now = look();
    return static_cast<std::uint32_t>(std::count_if(
        now.begin(), now.end(), [&](std::uint64_t cookie) { return !before_.contains(cookie); }));
}

SocketReport judge_mirror(std::uint32_t half_closed, std::uint64_t closes, Duration tau,
                          std::uint16_t port, std::string_view why_not_watched) {
    SocketReport report;
    report.word = SocketWord::suspect;
    report.port = port;
    report.tau = tau;
    report.closes = closes;
    report.leaked = report.close_wait_max = half_closed;
    report.text = fmt::format(
        "{} of {} connections that we closed are still not closed by the other end after {} (our "
        "sockets in FIN_WAIT2): seen from here only, so nobody knows what they are stuck in; the "
        "server is not watched: {}",
        half_closed, closes, format_duration(tau), why_not_watched);
    return report;
}

}  // namespace loadline

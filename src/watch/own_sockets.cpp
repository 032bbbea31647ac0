#include "watch/own_sockets.hpp"

#include <netinet/in.h>

#include <algorithm>

namespace loadline {
namespace {

constexpr Duration comes_late = std::chrono::minutes{1};

}  // namespace

void OwnSockets::add(const Endpoint& local, TimePoint until) {
    const auto now = Clock::now();
    // The port stands at the same place in both families.
    const auto port = ntohs(reinterpret_cast<const sockaddr_in*>(local.data())->sin_port);
    const std::lock_guard lock{mutex_};
    std::erase_if(known_, [&](const auto& one) { return one.second.until < now - comes_late; });
    known_.emplace(port, Known{to_string(local), until});
}

bool OwnSockets::contains(const SocketRecord& socket, TimePoint at) const {
    const std::lock_guard lock{mutex_};
    const auto [first, last] = known_.equal_range(socket.port);
    return std::any_of(first, last, [&](const auto& one) {
        return one.second.until >= at && one.second.address == socket.peer();
    });
}

}  // namespace loadline

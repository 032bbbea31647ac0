#include "watch/port_owner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/procfs.hpp"
#include "watch/attribution.hpp"
#include "watch/process.hpp"
#include "watch/socket_table.hpp"

namespace loadline {
namespace {

constexpr Duration search_every = std::chrono::seconds{1};
constexpr Duration shortest_back_off = std::chrono::seconds{5};
constexpr Duration longest_back_off = std::chrono::seconds{80};

std::set<std::uint32_t> listening_on(std::uint16_t port) {
    const auto sockets = SocketTable{port}.read();
    std::set<std::uint32_t> inodes;
    if (!sockets) return inodes;
    for (const auto& socket : *sockets) {
        if (socket.state == TcpState::listen && socket.inode != 0) inodes.insert(socket.inode);
    }
    return inodes;
}

/// When a process began, while it runs; else 0.
std::uint64_t start_of(int pid) {
    const auto stat = parse_process_stat(read_text(fmt::format("/proc/{}/stat", pid)));
    return stat ? stat->start : 0;
}

}  // namespace

std::optional<int> PortOwner::look(TimePoint now) {
    if (pid_ != 0 && start_of(pid_) != start_) pid_ = 0;
    if (pid_ == 0 && !same_ && now >= next_search_) search(now);
    return pid_ != 0 ? std::optional{pid_} : std::nullopt;
}

void PortOwner::search(TimePoint now) {
    next_search_ = now + search_every;
    const auto inodes = listening_on(port_);
    const auto others = but_not_of_ ? listening_on(*but_not_of_) : std::set<std::uint32_t>{};
    if (inodes.empty() || (but_not_of_ && others.empty())) return;
    const auto holders = find_holders(inodes);
    for (const int pid : find_holders(others)) {
        same_ = same_ || std::find(holders.begin(), holders.end(), pid) != holders.end();
    }
    if (same_) return;
    if (!holders.empty()) {
        pid_ = holders.front();
        start_ = start_of(pid_);
        if (start_ != 0) return;
        pid_ = 0;  // it has ended meanwhile
    }
    back_off_ = std::clamp(2 * back_off_, shortest_back_off, longest_back_off);
    next_search_ = now + back_off_;
}

}  // namespace loadline

#include "watch/listener_follower.hpp"

#include <algorithm>
#include <utility>

namespace loadline {
namespace {

bool share_one(const std::set<std::uint64_t>& a, const std::set<std::uint64_t>& b) {
    return std::any_of(a.begin(), a.end(), [&](std::uint64_t one) { return b.contains(one); });
}

}  // namespace

ListenerFate ListenerFollower::add(const std::vector<SocketRecord>& sockets) {
    Cookies cookies;
    for (const auto& socket : sockets) {
        if (socket.state == TcpState::listen) cookies.insert(socket.cookie);
    }
    exchanged_ = !cookies.empty() && !latest_.empty() && !share_one(cookies, latest_);
    listens_ = !cookies.empty();
    if (first_.empty()) first_ = cookies;
    if (listens_) before_ = std::exchange(latest_, std::move(cookies));
    return fate();
}

ServerChange ListenerFollower::change(std::optional<ServerChange> told) {
    const auto change = told.value_or(exchanged_ ? ServerChange::another : ServerChange::none);
    if (change == ServerChange::reopened && share_one(before_, first_)) {
        first_.insert(latest_.begin(), latest_.end());
    }
    return change;
}

ListenerFate ListenerFollower::fate() const {
    if (first_.empty()) return ListenerFate::never_seen;
    if (!listens_) return ListenerFate::gone;
    return share_one(latest_, first_) ? ListenerFate::kept : ListenerFate::replaced;
}

}  // namespace loadline

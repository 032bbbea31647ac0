#include "watch/tracker.hpp"

#include <algorithm>
#include <utility>

namespace loadline {
namespace {

constexpr int absences_that_end = 2;
constexpr Duration worth_keeping = std::chrono::seconds{1};
constexpr std::size_t ended_kept = 100'000;

}  // namespace

void CloseWaitTracker::add(TimePoint at, const std::vector<SocketRecord>& sockets) {
    for (const auto& socket : sockets) {
        if (socket.state != TcpState::close_wait) continue;
        auto place = live_.find(socket.cookie);
        if (place == live_.end()) place = live_.emplace(socket.cookie, begin(at, socket)).first;
        auto& stay = place->second;
        stay.last_seen = at;
        stay.missed = 0;
        stay.unread = socket.receive_queue;
        stay.unsent = socket.send_queue;
        stay.inode = socket.inode;
        stay.keep_alive = socket.keep_alive;
    }
    for (auto place = live_.begin(); place != live_.end();) {
        auto& stay = place->second;
        if (stay.last_seen != at && ++stay.missed >= absences_that_end) {
            end(std::move(stay));
            place = live_.erase(place);
        } else {
            ++place;
        }
    }
    latest_ = at;
}

CloseWaitStay CloseWaitTracker::begin(TimePoint at, const SocketRecord& socket) const {
    CloseWaitStay stay;
    stay.cookie = socket.cookie;
    stay.peer = socket.peer();
    stay.first_seen = at;
    stay.before_load = !latest_;
    if (socket.timed) {
        stay.birth_latest = at - socket.since_last_ack;
        stay.birth_earliest = at - std::max(socket.since_last_data, socket.since_last_ack);
    } else {  // /proc tells no ages: born since the sample before, if there was one
        stay.birth_latest = at;
        stay.birth_earliest = latest_;
    }
    return stay;
}

void CloseWaitTracker::end(CloseWaitStay stay) {
    ++ended_count_;
    stay.ended = stay.last_seen;
    if (stay.last_seen - stay.birth_latest < worth_keeping || ended_.size() >= ended_kept) return;
    ended_.push_back(std::move(stay));
}

std::uint32_t CloseWaitTracker::stale(TimePoint at, Duration tau) const {
    const auto old = [&](const auto& entry) { return entry.second.age_at_least(at) >= tau; };
    return static_cast<std::uint32_t>(std::count_if(live_.begin(), live_.end(), old));
}

std::uint32_t CloseWaitTracker::of_load() const {
    const auto here = [](const auto& entry) {
        return !entry.second.before_load && entry.second.missed == 0;
    };
    return static_cast<std::uint32_t>(std::count_if(live_.begin(), live_.end(), here));
}

}  // namespace loadline

#include "watch/tracker.hpp"

#include <algorithm>

namespace loadline {
namespace {

constexpr int absences_that_end = 2;
constexpr std::size_t ended_kept = 1'000'000;

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
        if (socket.inode != 0) stay.accepted = std::min(stay.accepted, at);
        stay.keep_alive.follow(at, socket.keep_alive);
    }
    for (auto place = live_.begin(); place != live_.end();) {
        auto& stay = place->second;
        if (stay.last_seen != at && ++stay.missed >= absences_that_end) {
            end(stay);
            place = live_.erase(place);
        } else {
            ++place;
        }
    }
    latest_ = at;
}

void CloseWaitTracker::begin_anew(TimePoint at) {
    for (auto& [cookie, stay] : live_) stay.other_server = true;
    ended_.clear();
    dwell_ = Histogram{};
    begun_anew_ = at;
}

void CloseWaitTracker::follow(ServerChange change, TimePoint at) {
    if (change == ServerChange::none || change == ServerChange::reopened) return;
    if (change == ServerChange::elsewhere) {
        ended_count_ += live_.size();
        live_.clear();
    }
    begin_anew(at);
}

bool CloseWaitTracker::goes_on_in(const std::vector<SocketRecord>& sockets) const {
    return std::any_of(sockets.begin(), sockets.end(), [&](const auto& socket) {
        return socket.state == TcpState::close_wait && live_.contains(socket.cookie);
    });
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

void CloseWaitTracker::end(const CloseWaitStay& stay) {
    ++ended_count_;
    if (stay.other_server) return;
    const EndedStay ended{stay.birth_latest, stay.last_seen, stay.before_load, stay.what(),
                          stay.accepted};
    if (!stay.before_load) dwell_.record(ended.dwell());
    if (ended.dwell() >= worth_keeping_ && ended_.size() < ended_kept) ended_.push_back(ended);
}

StuckClassCounts CloseWaitTracker::stale(TimePoint at, Duration tau) const {
    StuckClassCounts counts{};
    for (const auto& [cookie, stay] : live_) {
        if (stay.age_at_least(at) < tau || (stay.other_server && !outlived(stay, tau))) continue;
        ++counts[static_cast<std::size_t>(stay.what())];
    }
    return counts;
}

std::uint32_t CloseWaitTracker::of_load() const {
    const auto here = [](const auto& entry) {
        const auto& stay = entry.second;
        return !stay.before_load && !stay.other_server && stay.missed == 0;
    };
    return static_cast<std::uint32_t>(std::count_if(live_.begin(), live_.end(), here));
}

}  // namespace loadline

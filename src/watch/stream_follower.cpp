#include "watch/stream_follower.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "watch/own_sockets.hpp"

namespace loadline {
namespace {

using Kind = StreamRead::Kind;

/// Containers may shift the monotonic clock (time namespaces): then it is not the same one.
constexpr Duration same_clock_within = std::chrono::hours{1};

}  // namespace

void ClockMap::add(const std::string& boot_id, TimePoint theirs, TimePoint ours) {
    if (boot_id != boot_id_) {
        boot_id_ = boot_id;
        const auto age = ours - theirs;
        same_ = boot_id == own_boot_id() && age >= Duration{} && age < same_clock_within;
        offset_.reset();
    }
    if (!same_) offset_ = std::min(offset_.value_or(ours - theirs), ours - theirs);
}

StreamFollower::StreamFollower(std::optional<Duration> tau,
                               std::function<void(const std::string&)> record,
                               std::shared_ptr<const OwnSockets> own)
    : tau_{tau},
      record_{std::move(record)},
      own_{std::move(own)},
      tracker_{std::min(shortest_tau, tau.value_or(shortest_tau))} {}

void StreamFollower::look_back(std::string_view line) {
    const auto read = reader_.take(line);
    if (!read) return;  // what cannot be read now is told again by the next line that tells all
    if (read->kind == Kind::sample) port_ = read->port;
}

void StreamFollower::take(std::string_view line, TimePoint now) {
    auto read = reader_.take(line);
    if (!read) {
        trouble_ = "the stream holds a line that is none of a watch: it " + read.error().message;
        return;
    }
    lost_ += samples_.empty() ? 0 : read->missing;
    if (read->kind != Kind::repeated && read->kind != Kind::foreign) {
        ended_ = read->kind == Kind::end;
    }
    switch (read->kind) {
        case Kind::sample:
            if (port_ != 0 && port_ != read->port && !samples_.empty()) {
                trouble_ = fmt::format("the stream told of port {} first, and then of port {}",
                                       port_, read->port);
            }
            port_ = read->port;
            take_sample(*read, now);
            break;
        case Kind::failure:
            failure_ = read->failure;
            record_failure(*read, now);
            break;
        case Kind::foreign:
            trouble_ = "two watchers write the stream at a time: each needs a run ID of its own";
            break;
        case Kind::skipped:
            ++skipped_;
            lost_ += samples_.empty() ? 0 : 1;
            break;
        case Kind::end:
        case Kind::repeated:
            break;
    }
}

/// A socket that was ours stays so, whoever has the port later.
void StreamFollower::leave_out_own(std::vector<SocketRecord>& sockets, TimePoint at) {
    if (!own_) return;
    std::set<std::uint64_t> own;
    std::erase_if(sockets, [&](const SocketRecord& socket) {
        if (socket.state == TcpState::listen) return false;
        if (!own_cookies_.contains(socket.cookie) && !own_->contains(socket, at)) return false;
        own.insert(socket.cookie);
        return true;
    });
    own_cookies_ = std::move(own);
}

void StreamFollower::take_sample(StreamRead& read, TimePoint now) {
    failure_.clear();
    clock_.add(read.boot_id, read.sample.at, now);
    auto sample = read.sample;
    sample.at = clock_.ours(sample.at);
    if (!samples_.empty()) {  // the map may get nearer, never our time go back
        sample.at = std::max(sample.at, samples_.back().at + std::chrono::nanoseconds{1});
    }
    if (read.change == ServerChange::elsewhere) own_cookies_.clear();
    leave_out_own(read.sockets, sample.at);
    listeners_.add(read.sockets);
    auto change = listeners_.change(read.change);
    if (samples_.empty()) change = ServerChange::none;
    tracker_.follow(change, sample.at);
    if (change == ServerChange::elsewhere) come_from_elsewhere();
    listener_ = listeners_.fate();
    if (another_server_ && listener_ == ListenerFate::kept) listener_ = ListenerFate::replaced;
    note_owner(read.owner);
    holder_ = read.holder;
    tracker_.add(sample.at, read.sockets);
    sample.classes = tracker_.stale(sample.at, socket_tau(tau_, {}));
    sample.stale = std::accumulate(sample.classes.begin(), sample.classes.end(), 0U);
    sample.seen = tracker_.ended_count() + tracker_.live().size();
    samples_.push_back(sample);
    if (!record_) return;
    if (!writer_) writer_.emplace(port_, tau_, read.netns);
    record_(writer_->sample({sample, read.sockets, listener_, owner_, holder_, change}));
}

void StreamFollower::record_failure(const StreamRead& read, TimePoint now) {
    if (!record_ || !writer_) return;
    clock_.add(read.boot_id, read.sample.at, now);
    record_(writer_->failure(clock_.ours(read.sample.at), read.failure));
}

/// Pids and cookies of the server before may stand for anything now.
void StreamFollower::come_from_elsewhere() {
    another_server_ = true;
    ++restarts_;
    pid_.reset();
    writer_.reset();  // the next one names the other network namespace
}

void StreamFollower::note_owner(const std::optional<ProcessInfo>& owner) {
    owner_ = owner;
    if (!owner) return;
    restarts_ += pid_ && *pid_ != owner->pid && *pid_ != owner->heir_of;
    pid_ = owner->pid;
}

void StreamFollower::record_end(const RecordedEnd& end) {
    if (record_ && writer_) record_(writer_->end(end));
}

}  // namespace loadline

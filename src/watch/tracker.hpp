#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "stats/histogram.hpp"
#include "watch/sock_diag.hpp"
#include "watch/socket_report.hpp"

namespace loadline {

/// When the kernel's keep-alive timer of a socket fires. It stays what it was when it was first
/// seen, until that time is over: what the kernel says of it trembles by a few milliseconds.
class KeepAliveTimer {
public:
    /// Takes what one sample says, the time that is left, or nothing when the timer is off;
    /// whether that changes anything.
    bool follow(TimePoint at, std::optional<Duration> left) {
        if (left.has_value() == fires_.has_value() && (!fires_ || at < *fires_)) return false;
        fires_ = left ? std::optional{at + *left} : std::nullopt;
        return true;
    }
    std::optional<Duration> left(TimePoint now) const {
        if (!fires_) return {};
        return std::max(*fires_ - now, Duration{});
    }

private:
    std::optional<TimePoint> fires_;
};

/// One stay of a server socket in CLOSE_WAIT: the client has closed, the server has not.
/// The client's FIN came between the two bounds of its birth, so a watcher that came late
/// can still say "at least 3 h".
struct CloseWaitStay {
    std::uint64_t cookie = 0;
    std::string peer;  ///< address:port
    TimePoint first_seen{}, last_seen{};
    std::optional<TimePoint> birth_earliest;  ///< the last data the peer sent; nothing: unknown
    TimePoint birth_latest{};                 ///< the last acknowledgement the peer sent
    std::uint32_t unread = 0, unsent = 0;     ///< as last seen
    std::uint32_t inode = 0;                  ///< 0: never accepted
    TimePoint accepted = TimePoint::max();    ///< of the first sample with an inode
    KeepAliveTimer keep_alive;
    bool before_load = false;   ///< it was there in the first sample
    bool other_server = false;  ///< it was there when the server was exchanged
    int missed = 0;             ///< samples in a row without it

    Duration age_at_least(TimePoint now) const { return now - birth_latest; }
    StuckClass what() const { return stuck_class(inode, unread, unsent); }
};

/// What another listening socket than in the sample before means.
enum class ServerChange : std::uint8_t {
    none,       ///< the same one listens
    reopened,   ///< the process that listened before has opened another one
    another,    ///< another process listens, or nobody knows which
    elsewhere,  ///< on another boot or in another network namespace
};

/// What is kept of a stay that is over.
struct EndedStay {
    TimePoint birth_latest{}, last_seen{};
    bool before_load = false;
    StuckClass what = StuckClass::eof_not_closed;  ///< as last seen
    TimePoint accepted = TimePoint::max();         ///< of the first sample with an inode

    Duration dwell() const { return last_seen - birth_latest; }
};

/// Follows the CLOSE_WAIT sockets by cookie over the samples. A socket has ended only after
/// two absences in a row: dumps are not atomic. Pure; not thread-safe.
class CloseWaitTracker {
public:
    /// Ended stays of `worth_keeping` and longer are kept one by one, the others only counted:
    /// no more than the smallest tau that the detector may be asked with.
    explicit CloseWaitTracker(Duration worth_keeping = std::chrono::seconds{1})
        : worth_keeping_{worth_keeping} {}

    /// Takes one complete sample; `at` never decreases.
    void add(TimePoint at, const std::vector<SocketRecord>& sockets);
    /// The server was exchanged at `at`: its sockets end with it, or soon after, and how they went
    /// says nothing of the next one.
    void begin_anew(TimePoint at);
    /// Begins anew where the change asks for it, before the sample of `at` is added. Elsewhere none
    /// of the sockets can be in that sample, whatever their cookies.
    void follow(ServerChange change, TimePoint at);
    /// Whether one of the sockets that were there is in this sample.
    bool goes_on_in(const std::vector<SocketRecord>& sockets) const;
    /// Whether a stay has outlived the server that was exchanged by `tau`: it is held by a process
    /// that is still there, and stuck.
    bool outlived(const CloseWaitStay& stay, Duration tau) const {
        return stay.other_server && stay.last_seen - *begun_anew_ >= tau;
    }
    /// When it was exchanged last; what is known of stays and dwell begins there.
    std::optional<TimePoint> begun_anew() const { return begun_anew_; }

    const std::unordered_map<std::uint64_t, CloseWaitStay>& live() const { return live_; }
    /// Ended stays that were worth keeping, the first million.
    const std::vector<EndedStay>& ended() const { return ended_; }
    std::uint64_t ended_count() const { return ended_count_; }
    /// How long the ended stays lasted that were not there before the load.
    const Histogram& dwell() const { return dwell_; }

    /// Live ones at least `tau` old at `at`, by class.
    StuckClassCounts stale(TimePoint at, Duration tau) const;
    /// Those in the latest sample that were not there in the first one.
    std::uint32_t of_load() const;

private:
    CloseWaitStay begin(TimePoint at, const SocketRecord& socket) const;
    void end(const CloseWaitStay& stay);

    Duration worth_keeping_;
    std::unordered_map<std::uint64_t, CloseWaitStay> live_;
    std::vector<EndedStay> ended_;
    Histogram dwell_;
    std::uint64_t ended_count_ = 0;
    std::optional<TimePoint> latest_;  ///< of the sample before
    std::optional<TimePoint> begun_anew_;
};

}  // namespace loadline

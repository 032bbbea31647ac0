#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "watch/sock_diag.hpp"

namespace loadline {

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
    bool keep_alive = false;
    bool before_load = false;        ///< it was there in the first sample
    int missed = 0;                  ///< samples in a row without it
    std::optional<TimePoint> ended;  ///< when it was last seen

    Duration age_at_least(TimePoint now) const { return now - birth_latest; }
};

/// Follows the CLOSE_WAIT sockets by cookie over the samples. A socket has ended only after
/// two absences in a row: dumps are not atomic. Pure; not thread-safe.
class CloseWaitTracker {
public:
    /// Takes one complete sample; `at` never decreases.
    void add(TimePoint at, const std::vector<SocketRecord>& sockets);

    const std::unordered_map<std::uint64_t, CloseWaitStay>& live() const { return live_; }
    /// Ended stays of a second and longer, the first 100 000; shorter ones are only counted.
    const std::vector<CloseWaitStay>& ended() const { return ended_; }
    std::uint64_t ended_count() const { return ended_count_; }

    /// Live ones at least `tau` old at `at`.
    std::uint32_t stale(TimePoint at, Duration tau) const;
    /// Those in the latest sample that were not there in the first one.
    std::uint32_t of_load() const;

private:
    CloseWaitStay begin(TimePoint at, const SocketRecord& socket) const;
    void end(CloseWaitStay stay);

    std::unordered_map<std::uint64_t, CloseWaitStay> live_;
    std::vector<CloseWaitStay> ended_;
    std::uint64_t ended_count_ = 0;
    std::optional<TimePoint> latest_;  ///< of the sample before
};

}  // namespace loadline

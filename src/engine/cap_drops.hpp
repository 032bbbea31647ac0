#pragma once
#include <cstdint>
#include <utility>

#include "base/time.hpp"

namespace loadline {

/// Arrivals that were dropped at our own cap, until it is known whose doing that was.
///
/// When an exchange that was under way at the time takes longer than the latency the SLOs
/// allow, it was the server that held what the arrival missed. Otherwise the cap was too
/// low. A slow exchange is noticed at most `notice` after the drop, so a drop is held back
/// for that long, and for at most twice as long.
///
/// Pure: reads no clock, allocates nothing. Not thread-safe; each worker owns one.
class CapDrops {
public:
    explicit CapDrops(Duration notice = {}) : notice_{notice} {}

    void drop() { ++newer_; }
    /// An exchange takes, or took, too long: what is not decided was the server's doing.
    void server_slow() { older_ = newer_ = 0; }
    /// How many drops turned out to be our own doing since the last call.
    std::uint64_t decide(TimePoint now) {
        if (now - last_ < notice_) return 0;
        last_ = now;
        return std::exchange(older_, std::exchange(newer_, 0));
    }
    /// The same at the end, when no exchange is under way any more.
    std::uint64_t decide_all() { return std::exchange(older_, 0) + std::exchange(newer_, 0); }

private:
    Duration notice_;
    TimePoint last_{};
    std::uint64_t older_ = 0, newer_ = 0;  ///< dropped before and since last_
};

}  // namespace loadline

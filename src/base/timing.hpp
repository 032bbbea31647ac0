#pragma once
#include <algorithm>

#include "base/time.hpp"

namespace loadline {

/// When one exchange was due, could leave, left and came back. All on the worker's own clock.
struct Timing {
    TimePoint intended, ready, sent, done;  // ready: a connection was free
    TimePoint first_byte{};                 // of the answer

    Duration response_time() const { return done - intended; }  // what the user felt
    Duration service_time() const { return done - sent; }       // what the server took
    Duration pool_wait() const {                                // waited for the server's others
        return std::max(ready - intended, Duration{});
    }
    Duration send_lag() const {
        return sent - std::max(intended, ready);
    }                                                    // what we added ourselves
    Duration wait() const { return first_byte - sent; }  // time to first byte
    Duration read() const { return done - first_byte; }  // from the first byte to the last
};

}  // namespace loadline

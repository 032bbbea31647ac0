#pragma once
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "base/time.hpp"
#include "net/later.hpp"

namespace loadline {

/// Resumes the coroutine after `length`, on the timer's thread; false: the timer was cancelled.
/// One at a time for each timer. When the context goes first, the coroutine ends with it.
inline Later<bool> pause(boost::asio::steady_timer& timer, Duration length) {
    Promise<bool> over;
    auto later = over.later();
    timer.expires_after(length);
    timer.async_wait(
        [over = std::move(over)](const boost::system::error_code& ec) mutable { over.set(!ec); });
    return later;
}

}  // namespace loadline

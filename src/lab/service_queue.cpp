#include "lab/service_queue.hpp"

#include <algorithm>
#include <cassert>

namespace loadline {

ServiceQueue::ServiceQueue(Rate rate) : service_{rate.offset_of(1)} {
    assert(rate.per_second() > 0 && service_.count() > 0);
}

TimePoint ServiceQueue::admit(TimePoint now) {
    auto free = free_.load(std::memory_order_relaxed);
    Duration::rep finish = 0;
    do {
        finish = std::max(now.time_since_epoch().count(), free) + service_.count();
    } while (!free_.compare_exchange_weak(free, finish, std::memory_order_relaxed));
    return TimePoint{Duration{finish}};
}

std::optional<TimePoint> ServiceQueue::admit(TimePoint now, std::uint64_t limit) {
    const auto room = service_.count() * static_cast<Duration::rep>(limit);
    const auto arrival = now.time_since_epoch().count();
    auto free = free_.load(std::memory_order_relaxed);
    Duration::rep finish = 0;
    do {
        finish = std::max(arrival, free) + service_.count();
        if (finish - arrival > room) return {};
    } while (!free_.compare_exchange_weak(free, finish, std::memory_order_relaxed));
    return TimePoint{Duration{finish}};
}

Duration ServiceQueue::backlog(TimePoint now) const {
    const TimePoint free{Duration{free_.load(std::memory_order_relaxed)}};
    return std::max(free - now, Duration{});
}

}  // namespace loadline

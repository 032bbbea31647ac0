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

Duration ServiceQueue::backlog(TimePoint now) const {
    const TimePoint free{Duration{free_.load(std::memory_order_relaxed)}};
    return std::max(free - now, Duration{});
}

}  // namespace loadline

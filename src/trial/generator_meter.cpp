#include "trial/generator_meter.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/cgroup.hpp"
#include "base/procfs.hpp"

namespace loadline {

GeneratorMeter::GeneratorMeter()
    : cores_{std::max(1U, static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN)))},
      last_{Clock::now()},
      steal_ticks_{steal_ticks()},
      throttled_{cgroup_throttled_time()} {}

GeneratorSecond GeneratorMeter::second(const std::vector<Duration>& worker_cpu, Duration length) {
    GeneratorSecond second;
    const auto share = [](Duration part, Duration whole) {
        return whole > Duration{} ? to_seconds(part) / to_seconds(whole) : 0;
    };
    for (const auto cpu : worker_cpu) second.worker_cpu.push_back(share(cpu, length));

    const auto now = Clock::now();
    const auto ticks = steal_ticks();
    if (ticks && steal_ticks_ && now > last_) {
        const auto stolen = std::chrono::milliseconds{10 * (*ticks - *steal_ticks_)};
        second.steal_share = share(stolen, (now - last_) * cores_);
    }
    const auto throttled = cgroup_throttled_time();
    if (throttled && throttled_) second.throttled = *throttled - *throttled_;
    second.descriptors = open_descriptors();
    second.time_wait = time_wait_sockets();
    last_ = now;
    steal_ticks_ = ticks;
    throttled_ = throttled;
    return second;
}

}  // namespace loadline

#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "result/trial_result.hpp"

namespace loadline {

/// Reads each second what the machine says of the generator itself: steal, throttling by a
/// cgroup, descriptors, TIME_WAIT. A few small files of /proc; used by one thread.
class GeneratorMeter {
public:
    GeneratorMeter();

    /// The state since the last call. `worker_cpu`: useful CPU of each worker in `length`.
    GeneratorSecond second(const std::vector<Duration>& worker_cpu, Duration length);

private:
    unsigned cores_;
    TimePoint last_;
    std::optional<std::uint64_t> steal_ticks_;
    std::optional<Duration> throttled_;
};

}  // namespace loadline

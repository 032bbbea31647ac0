#include "watch/target.hpp"

#include <algorithm>

namespace loadline {
namespace {

/// The mean of two rates over their stretches; the one that is known where one is not.
void mean(std::optional<double>& mine, Duration length, const std::optional<double>& theirs,
          Duration their_length) {
    if (!theirs) return;
    if (!mine) {
        mine = theirs;
        return;
    }
    const double a = to_seconds(length), b = to_seconds(their_length);
    if (a + b > 0) mine = (*mine * a + *theirs * b) / (a + b);
}

template <class T>
void most(std::optional<T>& mine, const std::optional<T>& theirs) {
    if (theirs) mine = std::max(mine.value_or(*theirs), *theirs);
}

void append(ProcessUse& mine, Duration length, const ProcessUse& later, Duration later_length) {
    auto sum = later;  // pid, cores, limits: as they are now
    for (const auto rate : {&ProcessUse::cores_used, &ProcessUse::throttled,
                            &ProcessUse::busiest_thread, &ProcessUse::run_queue_wait}) {
        sum.*rate = mine.*rate;
        mean(sum.*rate, length, later.*rate, later_length);
    }
    for (const auto gauge : {&ProcessUse::resident_bytes, &ProcessUse::threads, &ProcessUse::fds}) {
        most(sum.*gauge, mine.*gauge);
    }
    if (!sum.cores) sum.cores = mine.cores, sum.quota = mine.quota;
    if (!sum.fd_limit) sum.fd_limit = mine.fd_limit;
    sum.processes = std::max(mine.processes, later.processes);
    sum.restarts += mine.restarts;
    sum.oom_kills += mine.oom_kills;
    mine = sum;
}

void append(RedisUse& mine, Duration length, const RedisUse& later, Duration later_length) {
    mean(mine.ops, length, later.ops, later_length);
    mean(mine.cores_used, length, later.cores_used, later_length);
    for (const auto gauge : {&RedisUse::clients, &RedisUse::blocked, &RedisUse::used_bytes}) {
        most(mine.*gauge, later.*gauge);
    }
    if (later.max_bytes) mine.max_bytes = later.max_bytes;
    if (later.evicted) mine.evicted = mine.evicted.value_or(0) + *later.evicted;
    if (later.slowest > mine.slowest) {
        mine.slowest = later.slowest;
        mine.slowest_command = later.slowest_command;
    }
    mine.slow += later.slow;
    mine.slow_time += later.slow_time;
    mine.ping = std::max(mine.ping, later.ping);
    mine.unanswered += later.unanswered;
    mine.restarts += later.restarts;
}

}  // namespace

void append(KernelUse& counted, const KernelUse& later) {
    for (const auto& counter : kernel_counters) counted.*counter.count += later.*counter.count;
}

void append(TargetSecond& second, const TargetSecond& later) {
    for (const auto process : {&TargetSecond::process, &TargetSecond::proxy}) {
        auto& mine = second.*process;
        if (mine && later.*process) {
            append(*mine, second.length, *(later.*process), later.length);
        } else if (later.*process) {
            mine = later.*process;
        }
    }
    if (later.kernel) {
        if (!second.kernel) second.kernel.emplace();
        append(*second.kernel, *later.kernel);
    }
    if (later.redis) {
        if (second.redis) {
            append(*second.redis, second.length, *later.redis, later.length);
        } else {
            second.redis = later.redis;
        }
    }
    second.length += later.length;
}

}  // namespace loadline

#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/time.hpp"

namespace loadline {

/// What the target's process and its descendants did in a stretch of time. Absent: this user
/// may not see it, or the kernel does not count it.
struct ProcessUse {
    int pid = 0;
    std::uint32_t processes = 0;           ///< itself and its descendants
    std::optional<double> cores_used;      ///< CPU seconds per second, of all
    std::optional<double> cores;           ///< that it may use: its affinity, or a smaller quota
    bool quota = false;                    ///< `cores` is the CPU quota of a cgroup
    std::optional<double> throttled;       ///< share of the quota's periods in which it was used up
    std::optional<double> busiest_thread;  ///< CPU seconds per second of the busiest thread
    /// Seconds per second in which threads were ready and had no core, summed over all threads.
    std::optional<double> run_queue_wait;
    std::optional<std::uint64_t> resident_bytes, threads;  ///< at the end, of all
    /// At the end, of the process that is nearest to its limit.
    std::optional<std::uint64_t> fds, fd_limit;
    std::uint32_t restarts = 0;   ///< another process had taken its place
    std::uint64_t oom_kills = 0;  ///< by the kernel, in its cgroup
    bool gone = false;            ///< at the end: it was there, and is no more
};

/// What the kernel counted in the target's network namespace, whoever's sockets they were.
struct KernelUse {
    std::uint64_t listen_overflows = 0;  ///< connections refused room in a full accept queue
    std::uint64_t segments = 0;          ///< sent
    std::uint64_t retransmits = 0;       ///< of these, sent again; SYNs left out
    std::uint64_t syn_retransmits = 0;
};

/// What the target's Redis said of itself.
struct RedisUse {
    std::optional<double> ops;                      ///< commands per second
    std::optional<double> cores_used;               ///< by the main thread, where it says so
    std::optional<std::uint64_t> clients, blocked;  ///< connected; waiting in BLPOP and the like
    std::optional<std::uint64_t> used_bytes, max_bytes;  ///< max_bytes 0: no limit
    std::optional<std::uint64_t> evicted;                ///< keys
    std::uint64_t slow = 0;                              ///< new entries of its slow log
    Duration slow_time{}, slowest{};  ///< of these: all together, and the longest
    std::string slowest_command;      ///< its name alone: arguments may be secret
    Duration ping{};                  ///< longest round trip, unanswered ones so far
    /// PINGs that got no answer at all, of a Redis that had answered before.
    std::uint64_t unanswered = 0;
    std::uint32_t restarts = 0;
};

/// One stretch of time of all that is watched besides the sockets; what is not watched is
/// absent.
struct TargetSecond {
    Duration length{};
    std::optional<ProcessUse> process;
    std::optional<KernelUse> kernel;
    std::optional<RedisUse> redis;
};

/// `second` with the stretch `later` behind it: counts add up, shares and rates become the
/// mean over time, descriptors, threads, clients and memory the most there were, the rest what
/// `later` says.
void append(TargetSecond& second, const TargetSecond& later);
void append(KernelUse& counted, const KernelUse& later);

}  // namespace loadline

#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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
    std::uint64_t retransmits = 0;       ///< of these, sent again, SYNs too
    std::uint64_t syn_retransmits = 0;
    std::uint64_t listen_drops = 0;       ///< connections refused by a listener for any reason
    std::uint64_t syn_queue_drops = 0;    ///< SYNs dropped: too many half-open connections
    std::uint64_t syn_queue_cookies = 0;  ///< SYNs answered with a cookie for the same reason
    std::uint64_t syncookies_sent = 0;
    /// Established connections that a reset ended, sent or received.
    std::uint64_t resets = 0;
    /// Of connections that this side's kernel ended with a reset, why: data came after close();
    /// closed with data unread; no memory or too many orphans; the peer was silent; lingered.
    std::uint64_t aborts_on_data = 0, aborts_on_close = 0, aborts_on_memory = 0,
                  aborts_on_timeout = 0, aborts_on_linger = 0;
};

/// Where one of them stands in /proc/net/netstat or /proc/net/snmp, and what the reports call it.
struct KernelCounter {
    std::string_view table, name, key;
    std::uint64_t KernelUse::*count;
    bool always = false;  ///< counted wherever any is, and told when it is 0, too
};
/// What is not `always` told is 0 nearly everywhere, or not counted: a 0 is left out of what is
/// written.
inline constexpr std::array kernel_counters{
    KernelCounter{"TcpExt:", "ListenOverflows", "listen_overflows", &KernelUse::listen_overflows,
                  true},
    KernelCounter{"Tcp:", "OutSegs", "segments", &KernelUse::segments, true},
    KernelCounter{"Tcp:", "RetransSegs", "retransmits", &KernelUse::retransmits, true},
    KernelCounter{"TcpExt:", "TCPSynRetrans", "syn_retransmits", &KernelUse::syn_retransmits, true},
    KernelCounter{"TcpExt:", "ListenDrops", "listen_drops", &KernelUse::listen_drops},
    KernelCounter{"TcpExt:", "TCPReqQFullDrop", "syn_queue_drops", &KernelUse::syn_queue_drops},
    KernelCounter{"TcpExt:", "TCPReqQFullDoCookies", "syn_queue_cookies",
                  &KernelUse::syn_queue_cookies},
    KernelCounter{"TcpExt:", "SyncookiesSent", "syncookies_sent", &KernelUse::syncookies_sent},
    KernelCounter{"Tcp:", "EstabResets", "resets", &KernelUse::resets},
    KernelCounter{"TcpExt:", "TCPAbortOnData", "aborts_on_data", &KernelUse::aborts_on_data},
    KernelCounter{"TcpExt:", "TCPAbortOnClose", "aborts_on_close", &KernelUse::aborts_on_close},
    KernelCounter{"TcpExt:", "TCPAbortOnMemory", "aborts_on_memory", &KernelUse::aborts_on_memory},
    KernelCounter{"TcpExt:", "TCPAbortOnTimeout", "aborts_on_timeout",
                  &KernelUse::aborts_on_timeout},
    KernelCounter{"TcpExt:", "TCPAbortOnLinger", "aborts_on_linger", &KernelUse::aborts_on_linger},
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
    std::optional<ProcessUse> proxy{};  ///< before the target, where the load goes to one
};

/// `second` with the stretch `later` behind it: counts add up, shares and rates become the
/// mean over time, descriptors, threads, clients and memory the most there were, the rest what
/// `later` says.
void append(TargetSecond& second, const TargetSecond& later);
void append(KernelUse& counted, const KernelUse& later);

}  // namespace loadline

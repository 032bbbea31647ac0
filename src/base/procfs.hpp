#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/time.hpp"

namespace loadline {

/// The first line of a small file under /proc or /sys, without the newline; nothing if unreadable.
std::optional<std::string> read_first_line(const std::string& path);

/// All of a small file under /proc or /sys; empty if unreadable.
std::string read_text(const std::string& path);

/// CPU time this thread has used.
Duration thread_cpu_time();

/// Facts of the machine a report carries.
struct Machine {
    std::string kernel;  ///< "Linux 6.18.0"
    std::string cpu_model;
    unsigned cores = 0;  ///< cores this process may run on (affinity)
    std::uint64_t memory_bytes = 0;
    int tcp_tw_reuse = -1;            ///< -1: unknown
    int port_low = 0, port_high = 0;  ///< ip_local_port_range
};
Machine read_machine();

/// Steal time of all cores since boot, in clock ticks of 10 ms; nothing if unreadable.
std::optional<std::uint64_t> steal_ticks();

/// File descriptors that this process has open; nothing if unreadable.
std::optional<std::uint64_t> open_descriptors();

/// TCP sockets of this network namespace that are in TIME_WAIT: each keeps its port for a
/// minute; nothing if unreadable.
std::optional<std::uint64_t> time_wait_sockets();

/// Raises RLIMIT_NOFILE to its hard limit and returns the limit in force.
std::uint64_t raise_fd_limit();

/// Sets RLIMIT_NOFILE (the soft one) to `limit`; false when it is above the hard limit.
bool lower_fd_limit(std::uint64_t limit);

}  // namespace loadline

#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace loadline {

/// How long the CPU quota of this process's cgroups (v1 or v2) has held it back since they
/// were made: of the one that did most, as any group above may have the quota. Nothing where
/// no group says. Reads a few small files.
std::optional<Duration> cgroup_throttled_time();

/// The folders that may hold a controller's files, for the text of our /proc/self/cgroup: of the
/// group itself and of every group above it; v1 and v2.
std::vector<std::string> cgroup_folders(std::string_view proc_cgroup, std::string_view controller);

/// Where a process's groups can be read that have one controller.
struct VisibleCgroups {
    std::vector<std::string> own;    ///< folders of the group that it is in: of v1, of v2
    std::vector<std::string> above;  ///< of the groups above those, as far as visible
    /// It is in a group whose hierarchy is mounted here, but the group is not visible from here.
    bool hidden = false;
};

/// A folder is taken only where its cgroup.procs names the process: what /proc/PID/cgroup tells is
/// as seen from our own group, and in a container /sys/fs/cgroup shows our own group and not that
/// of a neighbour ("/../id"). Where it is not below our /sys/fs/cgroup, the process's own view is
/// asked, /proc/PID/root/sys/fs/cgroup, which needs its user or CAP_SYS_PTRACE. Beside v1, v2 is
/// below "unified". `root`: of the file tree.
VisibleCgroups visible_cgroups(int pid, std::string_view controller, const std::string& root = {});

/// The cpu.stat files of the groups with the cpu controller.
std::vector<std::string> cpu_stat_files(std::string_view proc_self_cgroup);

/// throttled_usec (v2) or throttled_time (v1, ns) of a cpu.stat; nothing when it has neither.
std::optional<Duration> throttled_time_in(std::string_view cpu_stat);

/// The number behind `key` in a file of lines such as "oom_kill 3"; nothing without it.
std::optional<std::uint64_t> number_in(std::string_view text, std::string_view key);

/// A CPU quota, and where it is counted how often it was used up.
struct CpuQuota {
    double cores = 0;       ///< CPU seconds per second that it grants
    std::string stat_file;  ///< its cpu.stat
};

/// The smallest quota over a process, from its groups with the cpu controller; nothing when it has
/// none, or none that is visible here.
std::optional<CpuQuota> cpu_quota(const VisibleCgroups& groups);

/// Cores of a cpu.max (v2): "50000 100000" is half a core. Nothing for "max".
std::optional<double> cores_of_cpu_max(std::string_view text);

}  // namespace loadline

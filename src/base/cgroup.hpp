#pragma once
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

/// The cpu.stat files that may count it, for the text of /proc/self/cgroup: of the group with
/// the cpu controller and of every group above it.
std::vector<std::string> cpu_stat_files(std::string_view proc_self_cgroup);

/// throttled_usec (v2) or throttled_time (v1, ns) of a cpu.stat; nothing when it has neither.
std::optional<Duration> throttled_time_in(std::string_view cpu_stat);

}  // namespace loadline

#pragma once
#include <optional>
#include <string_view>

#include "watch/target.hpp"

namespace loadline {

/// What the texts of /proc/net/netstat and /proc/net/snmp have counted since the network
/// namespace was made, as if all of it were one stretch. Nothing when they are not such texts.
std::optional<KernelUse> parse_kernel_counters(std::string_view netstat, std::string_view snmp);

/// Reads these counters of a process's network namespace (of our own without a pid, or where
/// that of the process is not visible). Needs no privilege. Not thread-safe.
class KernelMeter {
public:
    /// What was counted since the look before; nothing in the first look, after a change of
    /// namespace, and where the files cannot be read.
    std::optional<KernelUse> look(std::optional<int> pid);

private:
    std::optional<int> pid_;
    std::optional<KernelUse> before_;
};

}  // namespace loadline

#pragma once
#include <optional>
#include <string_view>

#include "watch/target.hpp"

namespace loadline {

/// What the texts of /proc/net/netstat and /proc/net/snmp have counted since the network
/// namespace was made, as if all of it were one stretch; 0 for what this kernel does not count.
/// Nothing when they are not such texts.
std::optional<KernelUse> parse_kernel_counters(std::string_view netstat, std::string_view snmp);

/// What was counted between two such counts. Counters that went back began anew at zero.
KernelUse counted_since(const KernelUse& now, const KernelUse& before);

/// Reads these counters of a process's network namespace (of our own without a pid, or where
/// that of the process is not visible). Needs no privilege. Not thread-safe.
class KernelMeter {
public:
    /// `namespace_of`: read those of this process's network namespace always, and no others.
    explicit KernelMeter(std::optional<int> namespace_of = {}) : namespace_of_{namespace_of} {}

    /// What was counted since the look before; nothing in the first look, after a change of
    /// namespace, and where the files cannot be read.
    std::optional<KernelUse> look(std::optional<int> pid);
    /// Whether the latest look could read them.
    bool readable() const { return before_.has_value(); }

private:
    std::optional<int> namespace_of_;
    std::optional<int> pid_;
    std::optional<KernelUse> before_;
};

}  // namespace loadline

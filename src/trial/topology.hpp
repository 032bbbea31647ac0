#pragma once
#include <optional>

#include "result/certificate.hpp"

namespace loadline {

/// Where the load came from, as seen from the target. `target`: its process, where it is on this
/// machine and known; then the cores that both may run on are compared.
Topology topology_of(bool same_machine, std::optional<int> target);

}  // namespace loadline

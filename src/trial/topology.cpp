#include "trial/topology.hpp"

#include <sched.h>

namespace loadline {
namespace {

std::optional<cpu_set_t> cores_of(int pid) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    if (::sched_getaffinity(pid, sizeof(cores), &cores) != 0) return {};
    return cores;
}

}  // namespace

Topology topology_of(bool same_machine, std::optional<int> target) {
    Topology topology;
    topology.same_machine = same_machine;
    if (!same_machine) {
        topology.text = "generator and target were on different machines";
        return topology;
    }
    auto ours = cores_of(0);
    auto theirs = target ? cores_of(*target) : std::nullopt;
    if (ours && theirs) {
        cpu_set_t both;
        CPU_AND(&both, &*ours, &*theirs);
        topology.cores_shared = CPU_COUNT(&both) > 0;
    }
    topology.text = !topology.cores_shared.value_or(true)
                        ? "generator and target were on one machine, each on cores of its own: a "
                          "figure over loopback is not a figure of production"
                        : "generator and target shared the cores of one machine: a figure of this "
                          "machine, not of production";
    return topology;
}

}  // namespace loadline

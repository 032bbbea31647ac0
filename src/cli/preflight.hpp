#pragma once
#include <string>
#include <vector>

#include "base/procfs.hpp"
#include "cli/options.hpp"

namespace loadline {

/// What the machine allows, held against what the load needs, before anything is sent.
/// Usage error with the numbers and the mend where it does not fit (also for targets outside
/// loopback and private ranges, and rates above --max-rate). Raises RLIMIT_NOFILE by itself.
/// The texts are doubts that do not stop the load.
Result<std::vector<std::string>> preflight(const SharedFlags& flags, const TrialOptions& options,
                                           const Plan& plan, double highest_rate);

/// The addresses of 127.x to connect from, where an HTTP target is one of them or `localhost` and
/// we close first: a connection that the client closed keeps its port for a minute, so that one
/// address is good for about 470 a second. As many as that takes (at most 200); 32 where the rate
/// is not known beforehand (0). Empty: one is enough, or --source says which.
std::vector<std::string> spread_sources(const Plan& plan, const TrialOptions& options,
                                        double highest_rate, const Machine& machine);

/// The local ports that one target's connections need and may have. A closed connection
/// keeps its port for a minute, unless the kernel reuses ports after a second.
struct PortBudget {
    double needed = 0, allowed = 0;
};
/// `target`: index into the plan; `sources`: addresses we connect from (at least 1).
PortBudget port_budget(const Plan& plan, std::size_t target, const TrialOptions& options,
                       double journeys_per_second, const Machine& machine);

}  // namespace loadline

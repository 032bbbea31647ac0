#pragma once
#include "trial/search.hpp"
#include "trial/trial.hpp"

namespace loadline {

/// Finds the largest rate of the plan that keeps its SLO: asks `next_probe` what to try,
/// tries it, and concludes. Workers, connections, sessions and watcher live through all
/// probes; the sockets are judged once, at the end.
Result<RunResult> run_search(std::shared_ptr<const Plan> plan, const TrialOptions& options,
                             const SearchOptions& search, const Observer& observer);

}  // namespace loadline

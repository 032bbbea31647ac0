#pragma once
#include "trial/search.hpp"
#include "trial/trial.hpp"

namespace loadline {

/// The plan's SLO clauses as the search sees them, in the same order.
std::vector<SearchClause> search_clauses(const Plan& plan);

/// Finds the largest rate of the plan that keeps its SLO: asks the search what to try, tries it,
/// and concludes. Workers, connections, sessions and watcher live through all probes; the
/// sockets are judged once, at the end. `earlier`: probes of a search that is to be continued.
Result<RunResult> run_search(std::shared_ptr<const Plan> plan, const TrialOptions& options,
                             const SearchOptions& search, const Observer& observer,
                             std::vector<ProbeResult> earlier = {});

}  // namespace loadline

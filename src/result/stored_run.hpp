#pragma once
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "result/comparison.hpp"
#include "stats/histogram.hpp"

namespace loadline {

/// What a step, or all transactions, did in a stored run.
struct StoredScope {
    std::uint64_t requests = 0, errors = 0;
    Histogram response_time;
    /// ln of each compared percentile (in ns) in each 10 s of the run, from latency.hlog;
    /// stretches with too few requests are left out.
    std::array<std::vector<double>, compared_percentiles.size()> block_logs;
};

/// The capacity of a stored search.
struct StoredCapacity {
    std::string word;
    std::optional<double> estimate_tps;
    std::optional<double> log_width;  ///< ln(q95/q05) of what is believed of it; above zero
    std::optional<double> budget_s;   ///< of the search, without its holds
};

/// What comparisons need of a run that lies in a report folder.
struct StoredRun {
    std::filesystem::path folder;
    std::string command;  ///< "run" or "search"
    std::string scenario_name, scenario_hash;
    std::string version, started_at;
    std::string kernel, cpu_model;
    unsigned cores = 0;
    std::string load;  ///< "200/s of journeys, poisson arrivals, pool connections"
    double duration_s = 0, warmup_s = 0;
    VerdictWord word = VerdictWord::invalid;
    std::vector<Reason> reasons;
    std::optional<double> error_limit;  ///< of the SLO clause on all transactions; a share
    StoredScope total;
    std::map<std::string, StoredScope> steps;  ///< those that are transactions
    std::optional<StoredCapacity> capacity;    ///< of a search

    /// Cut short by a signal: a partial result.
    bool interrupted() const;
    /// "Linux 6.18.0, 2 × Some CPU": what a result depends on beside the service.
    std::string machine() const;
};

/// Reads `folder`/summary.json, or that file itself, and latency.hlog beside it where there
/// is one (`block_logs` stay empty without). Usage error, with the path and what to
/// do, when the summary is missing, no summary of loadline, or of another version of the format.
Result<StoredRun> read_stored_run(const std::filesystem::path& folder);

/// The runs of one scenario: `path` is a run's folder, or a folder of such folders (what
/// lies there without a summary.json is passed over). In the order of their names.
Result<std::vector<StoredRun>> read_stored_runs(const std::filesystem::path& path);

}  // namespace loadline

#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/procfs.hpp"
#include "base/time.hpp"

namespace loadline {

/// What `loadline selftest` found out about this machine: how much load it can make, and how
/// well the reported percentiles agree with what a server of known behaviour did.
struct Selftest {
    std::string at;  ///< UTC, "2026-11-21T08:02:47Z"
    std::string version, kernel, cpu_model;
    unsigned cores = 0, threads = 0;

    double ceiling_per_s = 0;  ///< the highest rate with send lag p99 below 1 ms; 0: none
    Duration lag_p99{};        ///< at the ceiling
    double cpu_share = 0;      ///< of the busiest worker, there

    struct Percentile {
        double quantile = 0;
        Duration reported{}, served{};  ///< service time by loadline, and by the server's log
    };
    std::vector<Percentile> percentiles;
    Duration machine_p99{};  ///< what the machine itself added, by a hiccup meter

    /// The largest difference between reported and served, of p50 to p99; as a share of served.
    double worst_error() const;
};

nlohmann::ordered_json to_json(const Selftest& selftest);
/// Nothing when it is not what to_json wrote.
std::optional<Selftest> selftest_from_json(const nlohmann::ordered_json& json);

/// $XDG_CACHE_HOME/loadline/selftest.json, else ~/.cache/loadline/selftest.json; nothing
/// without a home.
std::optional<std::filesystem::path> selftest_file();

/// The result kept for this machine: nothing when there is none, or when it was made on
/// another processor, kernel or number of cores.
std::optional<Selftest> kept_selftest(const Machine& machine);

/// Keeps it for later reports. Output error with path and reason.
Result<void> keep_selftest(const Selftest& selftest);

}  // namespace loadline

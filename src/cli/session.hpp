#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/options.hpp"
#include "report/folder.hpp"
#include "report/live.hpp"

namespace loadline {

/// Where a plan came from: its name, and the scenario as written (empty for a one-liner).
struct ScenarioSource {
    std::string name;
    std::string text;
    nlohmann::ordered_json json;
};

struct LoadedPlan {
    std::shared_ptr<const Plan> plan;
    ScenarioSource source;
};

/// Reads, parses and compiles a scenario file. Prints every diagnostic on stderr and
/// returns nothing when it is wrong or cannot be read.
std::optional<LoadedPlan> load_plan(const std::string& file, const Overrides& overrides);

/// FNV-1a of a scenario's text, 64 bits, hexadecimal: tells scenarios apart, protects
/// against nothing.
std::string hash_of(const std::string& text);

/// Everything around a run or search that is not measuring: pre-flight checks, the run's
/// folder (proved writable before anything is sent), progress, and the reports at the end.
class ReportSession {
public:
    static Result<ReportSession> open(const SharedFlags& flags, const TrialOptions& options,
                                      std::shared_ptr<const Plan> plan,
                                      const ScenarioSource& source, double highest_rate);

    Observer observer();
    /// Completes `result` with what the session knows, writes every report and returns the
    /// exit code. The terminal summary comes first, so that a full disk cannot lose it.
    int finish(RunResult& result);
    /// Nothing came of it: takes the folder away again, when it is empty.
    void abandon() const;
    const std::filesystem::path& folder() const { return folder_.path(); }

private:
    ReportSession(RunFolder folder, std::unique_ptr<LiveDisplay> live)
        : folder_{std::move(folder)}, live_{std::move(live)} {}

    RunFolder folder_;
    std::unique_ptr<LiveDisplay> live_;
    SharedFlags flags_;
    TrialOptions options_;
    ScenarioSource source_;
    std::chrono::system_clock::time_point started_at_ = std::chrono::system_clock::now();
    TimePoint started_ = Clock::now();
};

}  // namespace loadline

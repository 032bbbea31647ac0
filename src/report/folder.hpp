#pragma once
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "result/trial_result.hpp"

namespace loadline {

/// summary.json, as the folder holds it and --json prints it. What is no UTF-8 in a quoted
/// reply becomes U+FFFD.
void write_summary(std::ostream& out, const RunResult& result);

/// The folder that one run writes: summary.json, timeline.jsonl, sockets.jsonl (where sockets were
/// watched), latency.hlog, latency.hgrm, report.html, scenario.effective.json; of a search
/// certificate.md too.
class RunFolder {
public:
    RunFolder(RunFolder&&) noexcept;
    RunFolder& operator=(RunFolder&&) noexcept;
    ~RunFolder();

    /// Creates the folder, with those above it, and proves that it takes files by writing and
    /// removing one: before anything is sent. Otherwise a usage error with path and reason.
    static Result<RunFolder> create(std::filesystem::path path);

    /// The same for `reports`/<scenario>/<UTC time>, with -2, -3 ... behind the time when there
    /// is such a folder already: no run writes into another one's. What a file name should not
    /// hold becomes "_" in the scenario's part.
    static Result<RunFolder> create_default(const std::string& scenario_name,
                                            std::chrono::system_clock::time_point started_at,
                                            const std::filesystem::path& reports = "reports");

    const std::filesystem::path& path() const { return path_; }

    /// Appends one second to timeline.jsonl at once: it keeps every second of a run of any
    /// length. A failure is remembered for write_all.
    void record(const TimelinePoint& point);

    /// Appends one line to sockets.jsonl, likewise; from any one thread at a time.
    void record_sockets(const std::string& line);

    /// Writes all other files (and the timeline of `result` where nothing was recorded); each under
    /// a temporary name first, so that a reader never sees half a file. `effective_scenario` is the
    /// text of scenario.effective.json, empty when there is none (the one-liner). The first failure
    /// (a full disk) is returned as ErrorKind::output with path and reason, after the other files
    /// were tried. Never throws.
    Result<void> write_all(const RunResult& result, const std::string& effective_scenario) const;

    /// One file of the folder, the same way.
    Result<void> write_file(const std::string& name,
                            const std::function<void(std::ostream&)>& write) const;

private:
    struct Lines;
    explicit RunFolder(std::filesystem::path path);

    std::filesystem::path path_;
    std::unique_ptr<Lines> timeline_, sockets_;
};

}  // namespace loadline

#pragma once
#include <iosfwd>
#include <string>

#include "result/trial_result.hpp"

namespace loadline {

/// Where and how the live display writes.
struct LiveOptions {
    bool rewrite = false;  ///< one line rewritten in place; else a plain line now and then
    int terminal = -1;     ///< file descriptor asked for its width at each line; -1: `columns`
    int columns = 80;      ///< width when no terminal answers
    Duration every = std::chrono::seconds{5};  ///< between plain lines
};

/// Progress while a trial runs, one TimelinePoint at a time; for stderr, as stdout is the report.
/// Never wraps, and leaves nothing behind on a terminal but the lines of finished probes.
/// Not thread-safe.
class LiveDisplay {
public:
    /// `out` must outlive the display.
    LiveDisplay(std::ostream& out, LiveOptions options) : out_{out}, options_{options} {}
    /// For stderr, of which `terminal` says whether it is one.
    LiveDisplay(std::ostream& out, bool terminal);
    ~LiveDisplay() { finish(); }
    LiveDisplay(const LiveDisplay&) = delete;
    LiveDisplay& operator=(const LiveDisplay&) = delete;

    /// The points that follow belong to this trial: "refine 374/s", or empty in a run.
    /// `planned` is its length with warm-up; zero: unknown.
    void trial_started(std::string label, Duration planned);
    void second(const TimelinePoint& point);
    /// One line that stays, in both forms.
    void probe_finished(const ProbeResult& probe);
    /// Any other line that stays: "logging 1000 sessions in".
    void note(const std::string& text);
    /// Takes the rewritten line away: before the report, or a line of the log.
    void finish();

private:
    std::string line_of(const TimelinePoint& point, Duration elapsed, std::size_t width) const;
    std::size_t width() const;
    void keep(const std::string& line);

    std::ostream& out_;
    LiveOptions options_;
    std::string label_;
    Duration planned_{};
    Duration base_{};  ///< since_start at the trial's beginning
    bool base_known_ = false;
    Duration next_plain_{};  ///< elapsed time at which the next plain line is due
    std::size_t probes_ = 0;
    bool drawn_ = false;
};

}  // namespace loadline

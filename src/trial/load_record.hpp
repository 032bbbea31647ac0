#pragma once
#include <cstdint>
#include <vector>

#include "plan/plan.hpp"
#include "stats/interval.hpp"
#include "watch/detector.hpp"

namespace loadline {

/// What the load did to each target, second by second: the detector takes what it did to those
/// whose sockets are watched, of which one may be known only when the load is over. For one
/// thread.
class LoadRecord {
public:
    /// The plan must outlive it.
    explicit LoadRecord(const Plan& plan);

    /// A window of load begins; the first one counts.
    void begin(TimePoint at);
    /// Adds what was done in the second that ended then.
    void add(const Interval& second, TimePoint at);
    /// The latest window of load has ended, but for its drain.
    void end(TimePoint at) { end_ = at; }

    /// Of the targets that are true in `watched`, by their index. `unanswered` are the requests
    /// that timed out or were still open at the end, and where a churn leaves in flight from a
    /// step that never answered, those it left, too: it is not known how long the server works on
    /// any of them.
    LoadFacts facts(const std::vector<bool>& watched) const;

private:
    struct Count {
        std::uint64_t closes = 0, requests = 0, unanswered = 0;
    };
    bool leaves_the_silent(const std::vector<bool>& watched) const;

    const Plan& plan_;
    TimePoint begin_{}, end_{};
    std::vector<TimePoint> at_;
    std::vector<Count> counts_;              ///< since the begin: of each instant, per target
    std::vector<std::uint64_t> left_;        ///< in flight by the churn, of each instant
    std::vector<std::uint64_t> answered_;    ///< per step
};

}  // namespace loadline

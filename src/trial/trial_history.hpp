#pragma once
#include <vector>

#include "result/trial_result.hpp"

namespace loadline {

/// What a trial keeps of its seconds for charts and .hlog: each for the first hour, ten as
/// one from then on, sixty as one after ten hours. So a run of any length fits into memory:
/// a week takes about 17 000 points. (timeline.jsonl has every second: it goes to the disk.)
class TrialHistory {
public:
    explicit TrialHistory(std::size_t steps) : pending_(steps) {}

    void add(TimelinePoint point);
    /// What one step did in a second that began at `since_start`; nothing when it did nothing.
    void add(StepIndex step, Duration since_start, Duration length, const Histogram& histogram);

    /// All kept so far. Ends the history.
    std::vector<TimelinePoint> take_timeline() { return std::move(timeline_); }
    std::vector<StepSecond> take_step_seconds();

private:
    struct Pending {
        Duration since_start{}, length{};
        Histogram histogram;
    };
    void keep(StepIndex step, Duration since_start, Duration length, const Histogram& histogram);

    std::vector<TimelinePoint> timeline_;
    std::vector<StepSecond> step_seconds_;
    std::vector<Pending> pending_;  ///< per step
};

/// `point` with the seconds of `later` behind it: counts add up, percentiles become the worst,
/// gauges those of `later`.
void append(TimelinePoint& point, const TimelinePoint& later);

}  // namespace loadline

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

    /// Of the targets that are true in `watched`, by their index. Abandoned are the requests that
    /// we gave up, and of those that a churn left in flight the same part as of the step's others:
    /// all of them where none was answered. Of a load beyond two hours the counts of long ago are
    /// more than a second apart.
    LoadFacts facts(const std::vector<bool>& watched) const;

private:
    struct Count {
        std::uint64_t given_up = 0, left_in_flight = 0;  ///< as in StepStats
    };
    using Counts = std::vector<Count>;
    struct Row {
        TimePoint at{};
        std::vector<std::uint64_t> closes;  ///< since the begin, per target
        Counts counts;                      ///< likewise, per step
    };
    void thin();
    std::vector<double> given_up_parts() const;

    const Plan& plan_;
    TimePoint begin_{}, end_{};
    std::vector<Row> rows_;  ///< oldest first, some thousands at most
    Row latest_;
    std::vector<std::uint64_t> sent_, answered_;  ///< per step
};

}  // namespace loadline

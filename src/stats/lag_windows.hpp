#pragma once
#include "stats/histogram.hpp"

namespace loadline {

/// The p99 of send lag in each window of 10 ms: in the median window it tells how late
/// requests leave by our own doing. The p99 over a second tells mostly of the stalls of 1 to
/// 20 ms that a virtual machine has now and then. Not thread-safe.
class LagWindows {
public:
    static constexpr Duration length = std::chrono::milliseconds{10};

    /// Adds the lag of a request that was due at `intended`, and the p99 of the window before
    /// to `p99_of_windows` where a new one begins. In the order of sending.
    void record(TimePoint intended, Duration lag, Histogram& p99_of_windows) {
        if (intended >= end_) {
            if (window_.count() > 0) p99_of_windows.record(window_.quantile(0.99));
            window_.clear();
            end_ = intended + length;
        }
        window_.record(lag);
    }
    /// Forgets the window under way.
    void clear() {
        window_.clear();
        end_ = {};
    }

private:
    TimePoint end_{};
    Histogram window_;
};

}  // namespace loadline

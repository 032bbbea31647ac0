#pragma once
#include <atomic>
#include <thread>

#include "base/time.hpp"
#include "stats/histogram.hpp"

namespace loadline {

/// What the machine itself adds to a measurement: a thread that asks to be woken every 100 µs
/// and records by how much it was late. Run it beside a test and hold doubts against it.
///
/// It sleeps and does not spin: a clock-reading loop would take a whole core from what is
/// measured. So it includes what a timer costs (50-80 µs on a virtual machine). Lateness is
/// weighed by time: see record_hiccup.
class HiccupMeter {
public:
    static constexpr Duration period = std::chrono::microseconds{100};

    HiccupMeter();
    ~HiccupMeter() { stop(); }
    HiccupMeter(const HiccupMeter&) = delete;

    /// Ends the thread. All that was recorded; after the first call nothing is added.
    const Histogram& stop();

private:
    void run();

    Histogram hiccups_;
    std::atomic<bool> stop_{false};  ///< the owner's; the thread only reads it
    std::thread thread_;
};

/// Records a wake-up that came `late`: also late - 100 µs, late - 200 µs and so on, since
/// that is how long the wake-ups that a stall swallowed would have waited. So a percentile
/// is one over instants, as that of an open load is: a stall of 1 s in 100 s reaches p99.
void record_hiccup(Histogram& hiccups, Duration late);

}  // namespace loadline

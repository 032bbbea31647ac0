#include "lab/hiccup_meter.hpp"

#include <sys/prctl.h>

namespace loadline {

HiccupMeter::HiccupMeter() : thread_{[this] { run(); }} {}

const Histogram& HiccupMeter::stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return hiccups_;
}

void HiccupMeter::run() {
    ::prctl(PR_SET_TIMERSLACK, 1);
    auto due = Clock::now() + period;
    while (!stop_) {
        std::this_thread::sleep_until(due);
        const auto now = Clock::now();
        record_hiccup(hiccups_, now - due);
        due = now + period;
    }
}

void record_hiccup(Histogram& hiccups, Duration late) {
    hiccups.record(late);
    while ((late -= HiccupMeter::period) > Duration{}) hiccups.record(late);
}

}  // namespace loadline

#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lab/hiccup_meter.hpp"
#include "stats/histogram.hpp"

namespace loadline {

/// How long two threads of this machine need to wake each other over the network: one sends a
/// byte over a loopback TCP connection each millisecond, the other sends it back. Across the
/// processors of a virtual machine a wake-up takes some 70 µs, which no timer shows.
///
/// Throws std::system_error where no connection can be made.
class EchoMeter {
public:
    static constexpr Duration period = std::chrono::milliseconds{1};

    EchoMeter();
    ~EchoMeter() { stop(); }
    EchoMeter(const EchoMeter&) = delete;

    /// Ends the threads. The round trips, those that a stall swallowed included.
    const Histogram& stop();

private:
    void ask(int socket);

    Histogram round_trips_;
    std::atomic<bool> stop_{false};
    std::thread asking_, answering_;
};

/// What the machine added to everything that ran on it, by meters that know nothing of loadline.
struct MachineNoise {
    Histogram timers{};  ///< how late wake-ups by a timer were, on all processors
    Histogram echoes{};  ///< round trips between two threads

    /// What may be added to percentile q of all exchanges. An exchange meets the machine three
    /// times (the server reads, a timer lets it answer, loadline reads), so the lateness at p99
    /// of all exchanges is that of a third of a percent of all instants. What a wake-up costs on
    /// a quiet machine is in it.
    Duration at(double q) const;
    Duration longest_stall() const { return timers.max(); }
    void merge(const MachineNoise& other);
    std::string text() const;
};

/// Runs a HiccupMeter on each processor, and an EchoMeter, until it is stopped. Where the thread
/// that makes it goes before ordinary ones, the meters go before that thread and those it started:
/// else the load that a test makes itself would be taken for a machine that stalls.
class MachineMeter {
public:
    MachineMeter();
    MachineNoise stop();

private:
    std::vector<std::unique_ptr<HiccupMeter>> timers_;
    EchoMeter echoes_;
};

}  // namespace loadline

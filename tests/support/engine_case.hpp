#pragma once
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

#include "base/outcome.hpp"
#include "engine/engine.hpp"

/// What tests of the `Engine` alone share: a scenario's text becomes load, and its counts are
/// looked at. No trial, no watcher, no report.
namespace loadline {

/// The plan of a scenario that must be valid; a failure of the test and nullptr otherwise.
std::shared_ptr<const Plan> plan_of_text(const std::string& text);

/// An engine that must start; a failure of the test and nullptr otherwise.
std::unique_ptr<Engine> started(const std::shared_ptr<const Plan>& plan,
                                const EngineOptions& options);

/// Paced arrivals; `rate` per second.
LoadWindow open_load(double rate, Duration length, Duration grace = std::chrono::seconds{5});
/// Each user starts its next journey when the last one has ended.
LoadWindow closed_load(std::uint64_t users, Duration length,
                       Duration grace = std::chrono::seconds{5});

/// Runs the window to its end, deaf to the seconds.
LoadResult run_window(Engine& engine, const LoadWindow& window);

/// How many exchanges of all steps ended so; `exchanges` counts every outcome.
std::uint64_t count(const Interval& interval, Outcome outcome);
std::uint64_t exchanges(const Interval& interval);
/// "ok 12, reset 11": every outcome that was counted, for messages and whole comparisons.
std::string outcomes(const Interval& interval);

/// How far this process's resident memory rises above what it is now, at its peak.
class MemoryPeak {
public:
    MemoryPeak();
    /// Bytes; nothing where the kernel does not let us ask.
    std::optional<std::uint64_t> growth() const;

private:
    bool known_ = false;
    std::uint64_t before_ = 0;
};

/// Whether this program runs under a sanitizer, which is slow and hoards freed memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

/// Judges what a stall of the machine can spoil: `attempt` returns an empty text, or what went
/// wrong as it does after a stall of `stall` or longer. When a meter beside it saw such a stall
/// it is tried again, three times at most, and then skipped with all that was seen; on a machine
/// that did not stall it fails at once. What no stall explains must be asserted inside.
void with_patience(Duration stall, const std::function<std::string()>& attempt);

}  // namespace loadline

#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "base/error.hpp"

/// base: the vocabulary every other room speaks. Time, rates, units, errors,
/// outcomes, timings, URLs, what a reply looks like, random numbers, logging and
/// the readers of /proc. Nothing here knows about sockets or scenarios.
namespace loadline {

/// The one clock of the tool: monotonic, nanoseconds. Every instant that is
/// compared with another one comes from it; wall time is only printed.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = std::chrono::nanoseconds;

constexpr Duration seconds(double s) { return Duration{static_cast<std::int64_t>(s * 1e9)}; }
constexpr Duration milliseconds(double ms) { return Duration{static_cast<std::int64_t>(ms * 1e6)}; }
constexpr double to_seconds(Duration d) { return static_cast<double>(d.count()) / 1e9; }
constexpr double to_ms(Duration d) { return static_cast<double>(d.count()) / 1e6; }

/// Reads "250ms", "10s", "1m30s", "1h", "50us". A unit is required ("0" alone is
/// allowed); fractions are. The message repeats the text and shows the form.
Result<Duration> parse_duration(std::string_view text);

/// "1.2 ms", "340 µs", "12.5 s", "1m30s": three significant digits, for people.
std::string format_duration(Duration d);

/// "10s", "1m30s", "250ms": what parse_duration reads back to the same value.
std::string format_duration_exact(Duration d);

/// "2026-11-21T08:02:47Z" and, for folder names, "20261121T080247Z". UTC.
std::string iso_utc(std::chrono::system_clock::time_point at);
std::string compact_utc(std::chrono::system_clock::time_point at);

}  // namespace loadline

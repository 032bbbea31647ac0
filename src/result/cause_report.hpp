#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace loadline {

/// Something that changed at the target where it began to fail.
struct CauseFinding {
    std::string code;               ///< "cpu_quota", "accept_queue", ...: the README lists them
    std::string text;               ///< one sentence, with the numbers of both sides
    std::optional<Duration> since;  ///< end of the first second that showed it, from the start
    std::optional<double> rate;     ///< journeys per second that the load asked for in it
};

/// What is said where nothing was found.
inline constexpr const char* cause_unknown =
    "cause unknown: nothing that was watched stands out in the bad seconds";

/// One of the two stretches that were compared.
struct CauseStretch {
    Duration from{};    ///< since the start of the run
    Duration length{};  ///< of its seconds, which need not follow one another
    double rate = 0;    ///< journeys per second on average, as asked for; 0: closed model
};

/// Why it broke there: good seconds against the first bad ones. No finding means that the
/// cause is unknown: nothing that is watched stands out.
struct CauseReport {
    std::vector<CauseFinding> findings;     ///< nearest to the root first
    std::optional<CauseStretch> good, bad;  ///< absent: there was none
};

}  // namespace loadline

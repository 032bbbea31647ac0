#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace loadline {

/// Something that changed at the target where it began to fail.
struct CauseFinding {
    std::string code;               ///< "cpu_quota", "accept_queue", ...: docs/causes.md lists them
    std::string text;               ///< one sentence, with the numbers of both sides
    std::optional<Duration> since;  ///< end of the first second that showed it, from the start
    std::optional<double> rate;  ///< journeys per second that the load asked for in it; of a search
                                 ///< the lowest rate whose probe shows it
};

/// One of the two stretches that were compared.
struct CauseStretch {
    Duration from{};      ///< since the start of the run
    Duration length{};    ///< of its seconds, which need not follow one another
    double rate = 0;      ///< journeys per second on average, as asked for; 0: closed model
    std::string probe{};  ///< of a search: "refine", "hold", ...; empty in a run
};

/// Why it broke there: good seconds against the first bad ones, or the last good probe of a
/// search against the first bad one. No finding means that the cause is unknown: nothing that
/// is watched stands out.
struct CauseReport {
    std::vector<CauseFinding> findings;     ///< nearest to the root first
    std::optional<CauseStretch> good, bad;  ///< absent: there was none
    /// Of a search: the first bad probe, if nothing stood out in it yet; `bad` is then the next
    /// one in which something did.
    std::optional<CauseStretch> silent{};
    /// Of a search: the last good probe, if nothing told it from the bad one, as one just below the
    /// limit; `good` is then the next lower one against which something stands out.
    std::optional<CauseStretch> alike{};
};

/// What is said where nothing was found.
inline const char* unknown_text(const CauseReport& cause) {
    return cause.bad ? "cause unknown: nothing that was watched stands out where it broke"
                     : "cause unknown: no second by itself shows what broke, so nothing could be "
                       "compared";
}

}  // namespace loadline

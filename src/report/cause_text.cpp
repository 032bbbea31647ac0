#include "report/cause_text.hpp"

#include <fmt/format.h>

#include "report/figures.hpp"

namespace loadline {
namespace {

std::string stretch_text(const CauseStretch& stretch) {
    auto text = fmt::format("{} from {} on", round_duration(stretch.length),
                            stretch.from > Duration{} ? round_duration(stretch.from) : "the start");
    if (stretch.rate > 0) text += " at " + rate_text(stretch.rate, "journeys");
    return text;
}

std::string probe_text(const CauseStretch& probe) {
    return fmt::format("{}, {} at {}", probe.probe, round_duration(probe.length),
                       rate_text(probe.rate, "journeys"));
}

}  // namespace

std::string compared_text(const CauseReport& cause) {
    if (!cause.bad) return {};
    if (!cause.bad->probe.empty()) {
        auto bad = "first bad probe: " + probe_text(*cause.bad);
        if (cause.silent) {
            bad = fmt::format("nothing stood out yet in {}, the first bad probe; compared: {}",
                              probe_text(*cause.silent), probe_text(*cause.bad));
        }
        if (!cause.good) return bad + "; no lower rate was good";
        auto good = "last good probe: " + probe_text(*cause.good);
        if (cause.alike) {
            good =
                fmt::format("nothing tells {}, the last good probe, from the bad one; compared: {}",
                            probe_text(*cause.alike), probe_text(*cause.good));
        }
        return good + "; " + bad;
    }
    const auto bad = "bad seconds: " + stretch_text(*cause.bad);
    if (!cause.good) return bad + "; there was no good one";
    return fmt::format("good seconds: {}; {}", stretch_text(*cause.good), bad);
}

std::string began_text(const CauseFinding& finding) {
    if (!finding.since && !finding.rate) return {};
    if (!finding.since) return "first seen at " + rate_text(*finding.rate, "journeys");
    auto text = fmt::format("began before {}", round_duration(*finding.since));
    if (finding.rate) text += ", at " + rate_text(*finding.rate, "journeys");
    return text;
}

const char* cause_title(const RunResult& result) {
    return result.capacity ? "Why it breaks there" : "Why";
}

}  // namespace loadline

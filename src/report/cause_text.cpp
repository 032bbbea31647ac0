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

}  // namespace

std::string compared_text(const CauseReport& cause) {
    if (!cause.bad) return {};
    const auto bad = "bad seconds: " + stretch_text(*cause.bad);
    if (!cause.good) return bad + "; there was no good one";
    return fmt::format("good seconds: {}; {}", stretch_text(*cause.good), bad);
}

std::string began_text(const CauseFinding& finding) {
    if (!finding.since) return {};
    auto text = fmt::format("began before {}", round_duration(*finding.since));
    if (finding.rate) text += ", at " + rate_text(*finding.rate, "journeys");
    return text;
}

}  // namespace loadline

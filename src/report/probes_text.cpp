#include "report/probes_text.hpp"

#include <fmt/format.h>

#include "report/figures.hpp"
#include "result/intended_rate.hpp"

namespace loadline {

std::string probe_text(const ProbeReport& report) {
    const auto& probe = report.probe;
    auto text = fmt::format("{} every {}, time-out {}, {} failures in a row", probe.text(),
                            round_duration(probe.period), round_duration(probe.timeout),
                            probe.failure_threshold);
    if (probe.success_threshold > 1) {
        text += fmt::format(" or {} successes", probe.success_threshold);
    }
    if (probe.initial_delay > Duration{}) {
        text += ", initial delay " + round_duration(probe.initial_delay);
    }
    text += fmt::format("; of {} shadow probes {} failed", count_text(report.shadows),
                        count_text(report.failed));
    if (report.discarded > 0) {
        text +=
            fmt::format(", {} had no whole body and do not count", count_text(report.discarded));
    }
    if (report.not_made > 0) {
        text += fmt::format(", {} could not be made from here", count_text(report.not_made));
    }
    if (report.slowest > Duration{}) {
        text += ", the slowest good one took " + format_duration(report.slowest);
    }
    return text;
}

std::string rate_then_text(const RunResult& result, const ProbeReport& report) {
    if (!report.restart && report.out.empty()) return {};  // never in the Service: at no rate
    const auto when = report.restart ? report.restart->from : report.out.front().from;
    const auto rate = intended_rate_at(result.measurement.timeline, when);
    if (!rate) return {};
    return fmt::format("; the load asked for {} then", rate_text(*rate, "journeys"));
}

}  // namespace loadline

#include "result/probes_json.hpp"

#include "result/intended_rate.hpp"
#include "result/json_parts.hpp"

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

double rounded_s(Duration d) {
    return to_seconds(std::chrono::round<std::chrono::milliseconds>(d));
}

Json episode_json(const ProbeEpisode& episode, std::span<const TimelinePoint> timeline) {
    Json out{{"from_s", rounded_s(episode.from)}};
    if (episode.to) out["to_s"] = rounded_s(*episode.to);
    out["phases"] = episode.phases;
    if (const auto rate = intended_rate_at(timeline, episode.from)) out["rate_per_s"] = *rate;
    return out;
}

Json report_json(const ProbeReport& r, std::span<const TimelinePoint> timeline) {
    Json out;
    out["text"] = text_json(r.text);
    out["probe"] = r.probe.text();
    out["period_s"] = to_seconds(r.probe.period);
    out["timeout_s"] = to_seconds(r.probe.timeout);
    out["failure_threshold"] = r.probe.failure_threshold;
    out["success_threshold"] = r.probe.success_threshold;
    out["initial_delay_s"] = to_seconds(r.probe.initial_delay);
    out["shadows"] = r.shadows;
    out["failed"] = r.failed;
    out["discarded"] = r.discarded;
    if (r.not_made > 0) out["not_made"] = r.not_made;
    if (r.slowest > Duration{}) out["slowest_ms"] = rounded_ms(r.slowest);
    out["watched_s"] = rounded_s(r.length);
    out["phases"] = r.phases;
    if (r.probe.kind == KubeletProbeKind::readiness) {
        out["out_of_service"] = Json::array();
        for (const auto& episode : r.out) {
            out["out_of_service"].push_back(episode_json(episode, timeline));
        }
        if (r.never_in > 0) out["never_in_service"] = r.never_in;
    } else if (r.restart) {
        out["restart"] = episode_json(*r.restart, timeline);
    }
    return out;
}

}  // namespace

Json probes_json(const std::vector<ProbeReport>& reports, std::span<const TimelinePoint> timeline) {
    Json out = Json::object();
    for (const auto& report : reports) {
        out[to_string(report.probe.kind)] = report_json(report, timeline);
    }
    return out;
}

Json probe_seconds_json(const std::vector<ProbeSecond>& seconds) {
    Json out = Json::object();
    for (const auto& second : seconds) {
        auto& one = out[to_string(second.kind)];
        one = {{"succeeded", second.succeeded}, {"failed", second.failed}};
        if (second.discarded > 0) one["discarded"] = second.discarded;
        one["slowest_ms"] = rounded_ms(second.slowest);
    }
    return out;
}

}  // namespace loadline

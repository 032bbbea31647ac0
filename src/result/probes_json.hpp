#pragma once
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "result/trial_result.hpp"

namespace loadline {

/// {"liveness": {...}}: what the kubelet would have done, by kind, and at which rate of the load.
nlohmann::ordered_json probes_json(const std::vector<ProbeReport>& reports,
                                   std::span<const TimelinePoint> timeline);

/// {"liveness": {"succeeded": 1, "failed": 0, "slowest_ms": 2.1}}: of a second of the timeline.
nlohmann::ordered_json probe_seconds_json(const std::vector<ProbeSecond>& seconds);

}  // namespace loadline

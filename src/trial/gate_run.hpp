#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "result/gate.hpp"

namespace loadline {

struct GateOptions {
    std::size_t pairs = 10;
    Duration warmup = std::chrono::seconds{1};  ///< of each segment; discarded
    Duration length = std::chrono::seconds{15};
};

struct SegmentSpec {
    Side side = Side::base;
    std::size_t pair = 0;
    Duration warmup{}, length{};
};

/// AB, BA, AB ...: what drifts with time hits both sides alike.
std::vector<SegmentSpec> gate_schedule(const GateOptions& options);

/// The seam of the gate: starts the side's service anew, loads it for one segment, ends it.
/// An error: the service did not come up.
using SegmentRunner = std::function<Result<Segment>(const SegmentSpec&)>;

struct GateRun {
    std::vector<Segment> segments;
    std::optional<Error> stopped;  ///< the service that did not come up; what ran before stands
    bool interrupted = false;
};

/// Runs all segments in turn; `seen` is told of each at once. Ends early when a segment is
/// interrupted or a service does not come up.
GateRun run_gate(const GateOptions& options, const SegmentRunner& run,
                 const std::function<void(const Segment&)>& seen = {});

/// How long a segment must be at this rate: 15 s, or 2000 journeys where these take longer.
Duration segment_length(Rate rate);

}  // namespace loadline

#include "trial/gate_run.hpp"

#include <algorithm>

namespace loadline {

std::vector<SegmentSpec> gate_schedule(const GateOptions& options) {
    std::vector<SegmentSpec> schedule;
    for (std::size_t pair = 0; pair < options.pairs; ++pair) {
        auto first = Side::base, second = Side::candidate;
        if (pair % 2 == 1) std::swap(first, second);
        for (const auto side : {first, second}) {
            schedule.push_back({side, pair, options.warmup, options.length});
        }
    }
    return schedule;
}

GateRun run_gate(const GateOptions& options, const SegmentRunner& run,
                 const std::function<void(const Segment&)>& seen) {
    GateRun gate;
    for (const auto& spec : gate_schedule(options)) {
        auto segment = run(spec);
        if (!segment) {
            gate.stopped = segment.error();
            break;
        }
        gate.segments.push_back(std::move(*segment));
        if (seen) seen(gate.segments.back());
        if (gate.segments.back().interrupted) {
            gate.interrupted = true;
            break;
        }
    }
    return gate;
}

Duration segment_length(Rate rate) {
    constexpr double fewest_journeys = 2000;
    return std::max(seconds(15), seconds(fewest_journeys / rate.per_second()));
}

}  // namespace loadline

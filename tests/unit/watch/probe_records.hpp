#pragma once
#include "watch/probes.hpp"

namespace loadline {

inline KubeletProbe probe_of(KubeletProbeKind kind, Duration period = std::chrono::seconds{10},
                             int failures = 3) {
    KubeletProbe probe;
    probe.kind = kind;
    probe.period = period;
    probe.failure_threshold = failures;
    return probe;
}

constexpr ShadowProbe good(Duration took = std::chrono::milliseconds{2}) {
    return {{}, took, took, ShadowEnd::success};
}
constexpr ShadowProbe bad(Duration took = std::chrono::milliseconds{2}) {
    return {{}, took, took, ShadowEnd::failure};
}

/// One shadow each second, as `told` says of it.
template <class Told>
ProbeRecord record_of(KubeletProbe probe, int length, Told told) {
    ProbeRecord record{probe, {}};
    for (int t = 0; t < length; ++t) {
        record.shadows.push_back(told(t));
        record.shadows.back().start = seconds(t);
    }
    return record;
}

}  // namespace loadline

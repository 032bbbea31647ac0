#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "watch/probes.hpp"

namespace loadline {

/// Something that would have happened in some of the phases: between these two instants.
struct ProbeEpisode {
    Duration from{};
    std::optional<Duration> to;  ///< nothing: until the end of the record
    std::size_t phases = 0;

    bool operator==(const ProbeEpisode&) const = default;
};

/// What the kubelet would have done because of one probe, over all phases.
struct ProbeReport {
    KubeletProbe probe;
    std::size_t shadows = 0, failed = 0, discarded = 0;  ///< as judged by the probe's time-out
    std::size_t not_made = 0;  ///< besides: for want of our own means, or without an address
    std::string trouble;       ///< why none could be made
    Duration slowest{};        ///< of those that were answered in time
    Duration length{};         ///< of the record
    std::size_t phases = 0;
    /// The first restart of each phase, the earliest to the latest.
    std::optional<ProbeEpisode> restart;
    /// Out of the Service; stretches of several phases that overlap are one episode.
    std::vector<ProbeEpisode> out;
    std::size_t never_in = 0;  ///< phases in which it was never in the Service
    std::string text;  ///< a sentence for each of these, or that nothing would have happened

    bool alarming() const { return restart || !out.empty() || never_in > 0; }
};

/// Replays each probe of a pod (see replay_probe) and sums its phases up, in the order given.
std::vector<ProbeReport> report_probes(const std::vector<ProbeRecord>& records,
                                       std::optional<Duration> container_start);

}  // namespace loadline

#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/kubelet_probe.hpp"

namespace loadline {

/// Shadow probes begin this far apart: the grid of phases that a replay goes through.
inline constexpr Duration shadow_period = std::chrono::seconds{1};

/// A container that has run for so long has its start behind it.
inline constexpr Duration settled_after = std::chrono::hours{24};

enum class ShadowEnd : std::uint8_t {
    success,
    failure,   ///< a bad status, no connection, no answer in time
    not_made,  ///< for want of our own means, or its name has no address: says nothing of the pod
    broken_body,  ///< an answer whose body did not come: the kubelet discards it
    unfinished,   ///< the record ended before it did
};

/// One probe that was really made, for as long as the probe's time-out allows.
struct ShadowProbe {
    Duration start{};     ///< from the start of the run
    Duration answered{};  ///< until the head of the answer was whole, or there will be none
    Duration took{};      ///< until its body was read too; the same for TCP
    ShadowEnd end = ShadowEnd::success;
};

/// What a probe that began at some instant would have been told.
struct ProbeOutcome {
    enum class Word : std::uint8_t { success, failure, discarded, unknown };
    Word word = Word::unknown;
    Duration took{};

    bool operator==(const ProbeOutcome&) const = default;
};

/// A shadow probe as a probe with this time-out sees it. No head in time is a failure; no body
/// in time is an error, which is discarded, as is one that could not be made. Unknown: the record
/// ended first.
ProbeOutcome outcome_of(const ShadowProbe& shadow, Duration timeout);

/// What the shadow probes of one kind were told that ended within some time.
struct ProbeSecond {
    KubeletProbeKind kind = KubeletProbeKind::liveness;
    std::uint64_t succeeded = 0, failed = 0, discarded = 0;
    Duration slowest{};
};

/// Adds `later` to `seconds`, kind by kind.
void append(std::vector<ProbeSecond>& seconds, const std::vector<ProbeSecond>& later);

/// A probe and what its shadows, in the order of their starts, were told.
struct ProbeRecord {
    KubeletProbe probe;
    std::vector<ShadowProbe> shadows;
    std::string trouble = {};  ///< why none could be made, where its name was not to be resolved
};

/// A stretch of the run; without an end it lasts to the end of the record.
struct ProbeStretch {
    Duration from{};
    std::optional<Duration> to;

    bool operator==(const ProbeStretch&) const = default;
};

/// What the kubelet would have done, had its ticks fallen on one of the possible phases.
struct PhaseReplay {
    std::optional<Duration> restart;  ///< liveness, startup: the first; what follows is unknown
    std::vector<ProbeStretch> out;    ///< readiness: not in the Service, once it had been in it
    bool never_in = false;            ///< readiness: not in the Service, from begin to end

    bool operator==(const PhaseReplay&) const = default;
};

/// Replays the kubelet's prober over the record in each of period / 1 s phases.
///
///   ticks     first shadow + phase + n x period; at most one tick waits while a probe runs, so
///             that the next one begins at the later of the next tick and the probe's end
///   outcome   of the shadow nearest in time, at most 1 s away (a gap in the record: none). One
///             that is discarded is tried again at once, three times in all, and counts for
///             nothing when none gives an answer
///   run       equal outcomes that follow one another; the state changes to them when there are
///             failureThreshold or successThreshold of them
///   states    readiness begins out of the Service, liveness begins well
///   gates     no probe before the container has run for initialDelay; liveness and readiness
///             none before startup has succeeded, whose ticks begin with theirs
///   restart   when the probe that made liveness or startup fail has ended; startup that has
///             succeeded is never asked again
///
/// `container_start` is on the record's clock, mostly below zero: before the record begins, each
/// probe succeeds at once. Nothing, or more than a day: its start is over, and all is well.
/// `startup` is null where the pod has no such probe, and for the startup probe itself. The extra
/// readiness probe that newer kubelets make when a pod's status changes is left out.
std::vector<PhaseReplay> replay_probe(const ProbeRecord& record, const ProbeRecord* startup,
                                      std::optional<Duration> container_start);

}  // namespace loadline

#include "watch/probes.hpp"

#include <algorithm>
#include <cassert>

namespace loadline {
namespace {

using Word = ProbeOutcome::Word;

constexpr int attempts = 3;  // of a probe whose answer is discarded

/// The ticks of one probe: an instant on the grid, and every period before and after it.
struct Ticks {
    Duration origin, period;

    /// The first tick at or after `t`.
    Duration from(Duration t) const {
        auto behind = (t - origin) % period;
        if (behind < Duration{}) behind += period;
        return behind == Duration{} ? t : t + period - behind;
    }
    /// The first tick after `t`.
    Duration after(Duration t) const { return from(t + Duration{1}); }
};

/// A state of one probe begins.
struct Change {
    Duration at;
    bool success;
};

constexpr auto never = Duration::max(), always = Duration::min();

/// One probe of one container in one phase: the kubelet's prober worker.
class Worker {
public:
    /// Requires shadows.
    Worker(const ProbeRecord& record, Duration phase, std::optional<Duration> container_start)
        : probe_{record.probe},
          shadows_{record.shadows},
          start_{container_start},
          ticks_{shadows_.front().start + phase % probe_.period, probe_.period} {}

    /// The changes of its state up to the end of the record; up to `gate` it does not probe.
    std::vector<Change> changes(Duration gate) const {
        std::vector<Change> changes;
        std::optional<bool> state, last;
        int run = 0;
        const auto begin = start_.value_or(shadows_.front().start);
        const auto delayed = start_ ? begin + probe_.initial_delay : begin;
        for (auto t = ticks_.from(begin); t <= shadows_.back().start + shadow_period;) {
            if (t < delayed || t <= gate) {
                t = ticks_.after(t);
                continue;
            }
            const auto outcome = ask(t);
            if (outcome.word == Word::unknown) break;
            const auto end = t + outcome.took;
            if (outcome.word != Word::discarded) {
                const bool success = outcome.word == Word::success;
                run = last == success ? run + 1 : 1;
                last = success;
                const auto needed = success ? probe_.success_threshold : probe_.failure_threshold;
                if (run >= needed && state != success) {
                    changes.push_back({end, success});
                    state = success;
                }
            }
            t = std::max(ticks_.after(t), end);
        }
        return changes;
    }

private:
    /// What a probe that begins at `t` is told, after its repetitions.
    ProbeOutcome ask(Duration t) const {
        ProbeOutcome sum{Word::discarded, {}};
        for (int i = 0; i < attempts && sum.word == Word::discarded; ++i) {
            const auto one = ask_once(t + sum.took);
            sum = {one.word, sum.took + one.took};
        }
        return sum;
    }

    ProbeOutcome ask_once(Duration t) const {
        if (t < shadows_.front().start) return {Word::success, {}};
        const auto next = std::lower_bound(
            shadows_.begin(), shadows_.end(), t,
            [](const ShadowProbe& shadow, Duration at) { return shadow.start < at; });
        auto nearest = next;
        if (next == shadows_.end() ||
            (next != shadows_.begin() && t - (next - 1)->start <= next->start - t)) {
            nearest = next - 1;
        }
        const auto distance = std::max(nearest->start - t, t - nearest->start);
        if (distance <= shadow_period) return outcome_of(*nearest, probe_.timeout);
        return {next == shadows_.end() ? Word::unknown : Word::discarded, {}};
    }

    const KubeletProbe& probe_;
    std::span<const ShadowProbe> shadows_;
    std::optional<Duration> start_;
    Ticks ticks_;
};

/// Until when startup holds the other probes back.
Duration gate_of(const ProbeRecord* startup, Duration phase, std::optional<Duration> start) {
    if (startup == nullptr || !start) return always;
    if (startup->shadows.empty()) return never;
    const auto changes = Worker{*startup, phase, start}.changes(always);
    return changes.empty() || !changes.front().success ? never : changes.front().at;
}

PhaseReplay replay_phase(KubeletProbeKind kind, const std::vector<Change>& changes, bool was_in) {
    PhaseReplay replay;
    for (const auto& change : changes) {
        if (kind == KubeletProbeKind::readiness) {
            if (!change.success && was_in) replay.out.push_back({change.at, {}});
            if (change.success && !replay.out.empty()) replay.out.back().to = change.at;
            was_in = was_in || change.success;
        } else if (!change.success) {
            replay.restart = change.at;
            break;
        } else if (kind == KubeletProbeKind::startup) {
            break;
        }
    }
    replay.never_in = kind == KubeletProbeKind::readiness && !was_in;
    return replay;
}

}  // namespace

ProbeOutcome outcome_of(const ShadowProbe& shadow, Duration timeout) {
    if (shadow.end == ShadowEnd::unfinished && shadow.took < timeout) return {Word::unknown, {}};
    if (shadow.end == ShadowEnd::not_made) return {Word::discarded, std::min(shadow.took, timeout)};
    if (shadow.answered >= timeout) return {Word::failure, timeout};
    if (shadow.took >= timeout) return {Word::discarded, timeout};
    if (shadow.end == ShadowEnd::broken_body) return {Word::discarded, shadow.took};
    return {shadow.end == ShadowEnd::success ? Word::success : Word::failure, shadow.took};
}

void append(std::vector<ProbeSecond>& seconds, const std::vector<ProbeSecond>& later) {
    for (const auto& more : later) {
        const auto found = std::find_if(seconds.begin(), seconds.end(),
                                        [&](const auto& one) { return one.kind == more.kind; });
        if (found == seconds.end()) {
            seconds.push_back(more);
            continue;
        }
        found->succeeded += more.succeeded;
        found->failed += more.failed;
        found->discarded += more.discarded;
        found->slowest = std::max(found->slowest, more.slowest);
    }
}

std::vector<PhaseReplay> replay_probe(const ProbeRecord& record, const ProbeRecord* startup,
                                      std::optional<Duration> container_start) {
    const auto phases = record.probe.period / shadow_period;
    if (record.shadows.empty()) return std::vector<PhaseReplay>(static_cast<std::size_t>(phases));
    if (container_start && record.shadows.front().start - *container_start > settled_after) {
        container_start.reset();
    }
    // Startup that is over is never asked again.
    const bool startup_over =
        record.probe.kind == KubeletProbeKind::startup && !container_start.has_value();
    std::vector<PhaseReplay> replays;
    for (std::int64_t i = 0; i < phases; ++i) {
        const auto phase = i * shadow_period;
        if (startup_over) {
            replays.emplace_back();
            continue;
        }
        const auto gate = gate_of(startup, phase, container_start);
        const auto changes = Worker{record, phase, container_start}.changes(gate);
        replays.push_back(replay_phase(record.probe.kind, changes, !container_start));
    }
    return replays;
}

}  // namespace loadline

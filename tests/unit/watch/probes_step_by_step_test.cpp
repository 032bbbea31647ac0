// The replay of random records against a kubelet that is simulated step by step.
#include <gtest/gtest.h>

#include <functional>

#include "base/rng.hpp"
#include "probe_records.hpp"

namespace loadline {
namespace {

using namespace std::chrono_literals;
using Kind = KubeletProbeKind;
using Word = ProbeOutcome::Word;

/// Go's time.Ticker and the loop around doProbe, in steps of 10 ms: a channel with room for one
/// tick, which loses a tick when it is full.
class StepByStep {
public:
    StepByStep(const ProbeRecord& record, Duration phase, Duration container_start)
        : record_{record}, phase_{phase}, container_start_{container_start} {}

    /// Of one probe. `started` says whether startup has succeeded before this instant.
    struct Seen {
        std::optional<Duration> first_success, first_failure;  ///< of its state
        std::vector<std::pair<Duration, bool>> states;
    };
    Seen run(const std::function<bool(Duration)>& started) const {
        Seen seen;
        const auto& probe = record_.probe;
        int state = -1, last = -1, repeated = 0;
        bool channel = false, busy = false;
        ProbeOutcome pending;
        Duration busy_until{};
        const auto finish = [&](Duration t) {
            busy = false;
            if (pending.word == Word::discarded) return;
            const int now = pending.word == Word::success;
            repeated = now == last ? repeated + 1 : 1;
            last = now;
            if (repeated < (now ? probe.success_threshold : probe.failure_threshold)) return;
            if (state == now) return;
            state = now;
            seen.states.emplace_back(t, now != 0);
            auto& first = now ? seen.first_success : seen.first_failure;
            if (!first) first = t;
        };
        const auto end = record_.shadows.back().start + 1s;
        for (Duration t = container_start_ - 30s; t <= end || busy; t += 10ms) {
            if (busy && t >= busy_until) finish(t);
            if ((t - phase_) % probe.period == Duration{}) channel = true;
            if (busy || !channel || t > end) continue;
            channel = false;
            if (t < container_start_ || t - container_start_ < probe.initial_delay) continue;
            if (!started(t)) continue;
            pending = answer(t);
            if (pending.word == Word::unknown) break;
            busy = true;
            busy_until = t + pending.took;
            if (pending.took == Duration{}) finish(t);
        }
        return seen;
    }

private:
    ProbeOutcome answer(Duration t) const {
        ProbeOutcome outcome{Word::discarded, {}};
        for (int i = 0; i < 3 && outcome.word == Word::discarded; ++i) {
            const auto at = t + outcome.took;
            if (at < Duration{}) return {Word::success, {}};
            auto second = static_cast<std::size_t>(at / 1s);
            if (at % 1s > 500ms) ++second;
            if (second == record_.shadows.size() && at - record_.shadows.back().start <= 1s) {
                --second;
            }
            if (second >= record_.shadows.size()) return {Word::unknown, {}};
            const auto one = outcome_of(record_.shadows[second], record_.probe.timeout);
            if (one.word == Word::unknown) return one;
            outcome = {one.word, outcome.took + one.took};
        }
        return outcome;
    }

    const ProbeRecord& record_;
    Duration phase_, container_start_;
};

ProbeRecord random_record(Rng& rng, Kind kind) {
    const auto pick = [&](int low, int high) { return static_cast<int>(rng.between(low, high)); };
    KubeletProbe probe = probe_of(kind, seconds(pick(1, 6)), pick(1, 4));
    probe.timeout = seconds(pick(1, 9));
    probe.initial_delay = seconds(pick(0, 2) * pick(0, 6));
    if (kind == Kind::readiness) probe.success_threshold = pick(1, 3);
    bool well = pick(0, 1) == 0;
    return record_of(probe, pick(20, 70), [&](int) {
        if (pick(0, 7) == 0) well = !well;
        const auto took = 10ms * pick(1, pick(0, 3) == 0 ? 900 : 90);
        if (pick(0, 9) == 0) {
            return ShadowProbe{{}, took / 2 - took / 2 % 10ms, took, ShadowEnd::broken_body};
        }
        return well ? good(took) : bad(took);
    });
}

TEST(ProbeReplay, AgreesWithAKubeletThatIsSimulatedStepByStep) {
    Rng rng{20261121, 1};
    int restarted = 0, left = 0, gated = 0;
    for (int i = 0; i < 300; ++i) {
        SCOPED_TRACE(i);
        const auto startup = random_record(rng, Kind::startup);
        const auto liveness = random_record(rng, Kind::liveness);
        const auto readiness = random_record(rng, Kind::readiness);
        const bool with_startup = rng.between(0, 1) == 0;
        const Duration container_start = seconds(-static_cast<double>(rng.between(0, 24)));
        for (const auto* record : {&startup, &liveness, &readiness}) {
            const bool is_startup = record == &startup;
            const auto* gate = with_startup && !is_startup ? &startup : nullptr;
            const auto phases = replay_probe(*record, gate, container_start);
            for (std::size_t p = 0; p < phases.size(); ++p) {
                SCOPED_TRACE(p);
                const auto phase = seconds(static_cast<double>(p));
                StepByStep::Seen up;
                if (gate)
                    up = StepByStep{*gate, phase, container_start}.run([](auto) { return true; });
                const bool held_for_ever =
                    gate && (!up.first_success ||
                             (up.first_failure && *up.first_failure < *up.first_success));
                const auto started = [&](Duration t) {
                    return !gate || (!held_for_ever && t > *up.first_success);
                };
                const auto seen = StepByStep{*record, phase, container_start}.run(started);
                gated += held_for_ever;
                if (record->probe.kind == Kind::readiness) {
                    std::vector<ProbeStretch> out;
                    bool was_in = false;
                    for (const auto& [at, in] : seen.states) {
                        if (in && was_in) out.back().to = at;
                        if (!in && was_in) out.push_back({at, {}});
                        was_in = was_in || in;
                    }
                    EXPECT_EQ(phases[p].out, out);
                    left += !out.empty();
                    continue;
                }
                auto restart = seen.first_failure;
                if (is_startup && restart && seen.first_success && *seen.first_success < *restart)
                    restart.reset();
                EXPECT_EQ(phases[p].restart, restart);
                restarted += restart.has_value();
            }
        }
    }
    // The records were of the kind that shows something.
    EXPECT_GT(restarted, 300);
    EXPECT_GT(left, 300);
    EXPECT_GT(gated, 50);
}

}  // namespace
}  // namespace loadline

#pragma once
#include <string>
#include <utility>

#include "result/compare_stored.hpp"
#include "result/gate.hpp"

/// What made-up comparisons are put together from.
namespace loadline::samples {

/// Ten pairs of segments that were judged: the candidate takes 20 ms at p50 where the base takes
/// 10, `drift_ms` more from pair to pair, and three times as much at p99; p99.9 is unanswered.
/// `step` is a step of its own. One segment of the candidate is invalid for `reason`.
inline Comparison gate_of(const std::string& step, const std::string& reason, double drift_ms) {
    Comparison c;
    c.kind = Comparison::Kind::gate;
    c.scenario_name = "bet";
    c.scenario_hash = "abc";
    c.version = "0.1.0";
    c.gate = GateSetup{300, Arrivals::poisson, 10, seconds(1), seconds(15), true, 7};
    for (std::size_t pair = 0; pair < 10; ++pair) {
        for (const auto side : {Side::base, Side::candidate}) {
            auto& segment = c.segments.emplace_back();
            segment.side = side;
            segment.pair = pair;
            segment.length = seconds(15);
            const double ms = (side == Side::base ? 10 : 20) + drift_ms * static_cast<double>(pair);
            for (const auto& name : {std::string{}, step}) {
                segment.scopes.push_back(
                    {name,
                     4500,
                     1,
                     {milliseconds(ms), milliseconds(3 * ms), Histogram::unanswered}});
            }
        }
    }
    c.segments[5].invalid.push_back({"send_lag", reason});
    auto judged = judge_gate(c.segments, 0.001);
    c.word = judged.word;
    c.reasons = std::move(judged.reasons);
    c.notes = std::move(judged.notes);
    c.figures = std::move(judged.figures);
    c.kept_pairs = judged.kept_pairs;
    return c;
}

/// A run of this folder that passed, without a step or a request.
inline StoredRun stored_in(const std::string& folder) {
    StoredRun run;
    run.folder = folder;
    run.command = "run";
    run.scenario_name = "bet";
    run.scenario_hash = "abc";
    run.version = "0.1.0";
    run.kernel = "Linux 6.18.0";
    run.cpu_model = "Some CPU";
    run.cores = 2;
    run.word = VerdictWord::pass;
    return run;
}

}  // namespace loadline::samples

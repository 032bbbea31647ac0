#include "sample_comparisons.hpp"

#include "result/compare_stored.hpp"
#include "result/gate.hpp"

namespace loadline::samples {
namespace {

Comparison gate_of(const std::string& step, const std::string& reason) {
    Comparison c;
    c.kind = Comparison::Kind::gate;
    c.scenario_name = "bet";
    c.scenario_hash = "abc";
    c.version = "0.1.0";
    c.elapsed = seconds(340);
    c.base.source = "'./old --port 8080'";
    c.candidate.source = "'./new --port 8080'";
    c.gate = GateSetup{300, Arrivals::poisson, 10, seconds(1), seconds(15), true, 7};
    for (std::size_t pair = 0; pair < 10; ++pair) {
        for (const auto side : {Side::base, Side::candidate}) {
            auto& segment = c.segments.emplace_back();
            segment.side = side;
            segment.pair = pair;
            segment.length = seconds(15);
            const double ms = (side == Side::base ? 10 : 20) + 0.01 * static_cast<double>(pair);
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
    c.reasons = judged.reasons;
    c.notes = judged.notes;
    c.figures = judged.figures;
    c.kept_pairs = judged.kept_pairs;
    return c;
}

StoredRun run_of(const char* folder, double bet_ms, double settle_ms) {
    StoredRun run;
    run.folder = folder;
    run.command = "run";
    run.scenario_name = "bet";
    run.scenario_hash = "abc";
    run.version = "0.1.0";
    run.started_at = "2026-11-21T08:02:47Z";
    run.kernel = "Linux 6.18.0";
    run.cpu_model = "Some CPU";
    run.cores = 2;
    run.word = VerdictWord::pass;
    for (const auto& [name, ms] : {std::pair{"bet", bet_ms}, std::pair{"settle", settle_ms}}) {
        auto& step = run.steps[name];
        step.requests = 600;
        step.response_time.record(milliseconds(ms), 590);
        step.response_time.record(milliseconds(3 * ms), 10);
        run.total.requests += step.requests;
        run.total.response_time.merge(step.response_time);
    }
    return run;
}

}  // namespace

Comparison failing_gate() {
    return gate_of("settle", "requests left up to 12.3 ms late in 4 of 15 seconds");
}

Comparison hostile_gate() {
    auto c = gate_of("s\x1b[31m|ettle", "late\n| injected | <script>alert(1)</script>");
    c.scenario_name = "b\x1b]0;owned\a<script>\"&";
    c.candidate.source =
        "./new\n| injected | <script>alert(1)</script> `x` " + std::string(300, 'x');
    c.reasons.insert(c.reasons.begin(),
                     {"died", "the candidate ended:\n<script>\x9b" + std::string(300, 'y')});
    return c;
}

Comparison stored_warning() {
    auto slower = run_of("reports/bet/20261121T090000Z", 11, 20);
    slower.cores = 8;
    return *compare_stored(run_of("reports/bet/20261121T080247Z", 10, 20), slower, {});
}

Comparison capacity_drop() {
    auto base = run_of("reports/bet/A", 10, 20), candidate = run_of("reports/bet/B", 10, 20);
    for (auto* run : {&base, &candidate}) {
        run->command = "search";
        run->capacity = StoredCapacity{"CONFIRMED", run == &base ? 1000.0 : 950.0, 0.05, 180.0};
    }
    return *compare_capacity(base, candidate);
}

}  // namespace loadline::samples

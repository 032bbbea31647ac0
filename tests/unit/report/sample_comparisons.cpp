#include "sample_comparisons.hpp"

#include "comparison_parts.hpp"

namespace loadline::samples {
namespace {

Comparison drifting_gate(const std::string& step, const std::string& reason) {
    auto c = gate_of(step, reason, 0.01);
    c.elapsed = seconds(340);
    c.base.source = "'./old --port 8080'";
    c.candidate.source = "'./new --port 8080'";
    return c;
}

StoredRun run_of(const char* folder, double bet_ms, double settle_ms) {
    auto run = stored_in(folder);
    run.started_at = "2026-11-21T08:02:47Z";
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
    return drifting_gate("settle", "requests left up to 12.3 ms late in 4 of 15 seconds");
}

Comparison hostile_gate() {
    auto c = drifting_gate("s\x1b[31m|ettle", "late\n| injected | <script>alert(1)</script>");
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

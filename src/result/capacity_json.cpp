#include "result/capacity_json.hpp"

#include "result/json_parts.hpp"
#include "result/words.hpp"

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

Json clause_count_json(const ClauseCount& c) {
    Json out;
    out["requests"] = c.requests;
    out["bad"] = c.bad;
    if (c.requests > 0) out["bad_share"] = c.bad_share();
    if (c.standard_error) out["standard_error"] = *c.standard_error;
    if (c.worst_minute_share) {
        out["worst_minute_share"] = *c.worst_minute_share;
        out["worst_minute_start_s"] = to_seconds(c.worst_minute_start);
    }
    return out;
}

Json probe_json(const ProbeResult& p) {
    Json out;
    out["kind"] = to_string(p.kind);
    out["rate_per_s"] = p.rate.per_second();
    out["length_s"] = to_seconds(p.length);
    if (p.planned > p.length) out["planned_s"] = to_seconds(p.planned);  // ended early
    if (p.elapsed > Duration{}) out["elapsed_s"] = to_seconds(p.elapsed);
    out["requests"] = p.requests;
    out["tps"] = p.transactions_per_s;
    if (p.requests > 0) {
        out["p50_ms"] = percentile_ms_json(p.p50);
        out["p90_ms"] = percentile_ms_json(p.p90);
        out["p99_ms"] = percentile_ms_json(p.p99);
        out["p999_ms"] = percentile_ms_json(p.p999);
        out["error_share"] = p.error_share;
        out["send_lag_p99_ms"] = rounded_ms(p.send_lag_p99);
    }
    if (p.p50_second_half > Duration{}) {
        out["p50_halves_ms"] = {percentile_ms_json(p.p50_first_half),
                                percentile_ms_json(p.p50_second_half)};
    }
    out["clauses"] = Json::array();
    for (const auto& clause : p.clauses) out["clauses"].push_back(clause_count_json(clause));
    if (p.aborted_by) out["aborted_by"] = *p.aborted_by;
    out["drained"] = p.drained;
    out["word"] = to_string(p.word);
    if (!p.why.empty()) out["why"] = text_json(p.why);
    return out;
}

Json hold_json(const HoldFacts& h) {
    Json out;
    out["rate_per_s"] = h.rate;
    out["length_s"] = to_seconds(h.length);
    out["passed"] = h.passed;
    out["clause"] = h.clause;
    out["budget_used"] = h.budget_used;
    if (h.worst_minute_used) {
        out["worst_minute_used"] = *h.worst_minute_used;
        out["worst_minute_start_s"] = to_seconds(h.worst_minute_start);
    }
    if (h.chance_to_repeat) out["chance_to_repeat"] = *h.chance_to_repeat;
    return out;
}

Json curve_json(const std::vector<CurvePoint>& curve) {
    Json out = Json::array();
    for (const auto& point : curve) {
        out.push_back({{"tps", point.tps},
                       {"p50_ms", percentile_ms_json(point.p50)},
                       {"p99_ms", percentile_ms_json(point.p99)}});
    }
    return out;
}

Json topology_json(const Topology& topology) {
    Json out;
    out["same_machine"] = topology.same_machine;
    if (topology.cores_shared) out["cores_shared"] = *topology.cores_shared;
    out["text"] = topology.text;
    return out;
}

}  // namespace

Json capacity_json(const CapacityResult& c) {
    Json out;
    out["word"] = c.word;
    out["text"] = text_json(c.text);
    if (!c.advice.empty()) out["advice"] = text_json(c.advice);
    const auto add = [&](const char* key, const auto& value) {
        if (value) out[key] = *value;
    };
    add("confirmed_tps", c.confirmed_tps);
    add("confirmed_rate_per_s", c.confirmed_rate);
    add("estimate_tps", c.estimate_tps);
    add("estimate_rate_per_s", c.estimate_rate);
    add("safe_tps", c.safe_tps);
    add("safe_rate_per_s", c.safe_rate);
    if (c.interval) {
        const auto& q = *c.interval;
        out["interval_per_s"] = {
            {"q05", q.q05}, {"q20", q.q20}, {"q50", q.q50}, {"q80", q.q80}, {"q95", q.q95}};
        // of transactions, as scripts read it
        out["interval_tps"] = {q.q05 * c.transactions_per_journey,
                               q.q95 * c.transactions_per_journey};
    }
    out["transactions_per_journey"] = c.transactions_per_journey;
    if (!c.binding_clause.empty()) out["binding_clause"] = text_json(c.binding_clause);
    if (!c.failed_first.empty()) out["failed_first"] = text_json(c.failed_first);
    if (c.hold) out["hold"] = hold_json(*c.hold);
    out["curve"] = curve_json(c.curve);
    add("knee", c.knee);
    add("current_rate_per_s", c.current_rate);
    add("headroom", c.headroom);
    add("pods", c.pods);
    add("tps_per_pod", c.tps_per_pod);
    out["topology"] = topology_json(c.topology);
    out["budget_s"] = to_seconds(c.budget);
    out["spent_s"] = to_seconds(c.spent);
    out["notes"] = Json::array();
    for (const auto& note : c.notes) out["notes"].push_back(text_json(note));
    out["probes"] = Json::array();
    for (const auto& probe : c.probes) out["probes"].push_back(probe_json(probe));
    return out;
}

}  // namespace loadline

#include "result/churn_json.hpp"

#include "result/json_parts.hpp"
#include "stats/quantile.hpp"

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

std::string name_of(std::size_t mode) { return std::string{churn_mode_names[mode]}; }

Json counts_json(const ChurnCounts& counts) {
    return {{"closes", counts.closes},
            {"unmeasured", counts.unmeasured},
            {"answered_first", counts.answered_first},
            {"server_first", counts.server_first},
            {"failed", counts.failed},
            {"not_kept", counts.not_kept}};
}

/// A percentile that no end of stream reached is null.
Json fin_to_eof_json(const Histogram& times) {
    Json out{{"count", times.count()}, {"none", times.unanswered_count()}};
    for (const auto& [key, q] : {std::pair{"p50", 0.5}, {"p99", 0.99}}) {
        if (times.count() >= samples_needed(q)) out[key] = percentile_ms_json(times.quantile(q));
    }
    if (times.count() > times.unanswered_count()) out["max"] = rounded_ms(times.max());
    return out;
}

}  // namespace

Json churn_config_json(const ChurnPlan& plan) {
    using enum ChurnMode;
    Json out{{"share", plan.share}};
    for (std::size_t i = 0; i < churn_mode_count; ++i) {
        if (plan.weights[i] > 0) out["weights"][name_of(i)] = plan.weights[i];
    }
    if (plan.has(fin_inflight) || plan.has(rst_inflight)) {
        out["inflight_after_ms"] = rounded_ms(plan.inflight_after);
    }
    if (plan.has(timeout)) out["timeout_after_ms"] = rounded_ms(plan.timeout_after);
    if (plan.has(slow_read)) out["slow_rate_bytes_per_s"] = plan.slow_rate;
    if (plan.has(reuse_race)) {
        out["idle_timeout_ms"] = rounded_ms(plan.idle_timeout);
        out["idle_jitter_ms"] = rounded_ms(plan.idle_jitter);
    }
    if (plan.has(burst_end)) out["burst_size"] = plan.burst_size;
    return out;
}

Json churn_json(const Plan& plan, const ChurnStats& stats) {
    const auto& churn = plan.churn;
    auto out = counts_json(stats.sum());
    out["modes"] = Json::object();
    for (std::size_t i = 0; i < churn_mode_count; ++i) {
        if (churn.weights[i] > 0) out["modes"][name_of(i)] = counts_json(stats.modes[i]);
    }
    if (churn.has(ChurnMode::half)) out["fin_to_eof_ms"] = fin_to_eof_json(stats.fin_to_eof);
    const auto doubt = churn.doubt(plan.load.length());
    if (!doubt.empty()) out["note"] = doubt;
    return out;
}

Json churn_closes_json(const std::array<std::uint64_t, churn_mode_count>& closes) {
    auto out = Json::object();
    for (std::size_t i = 0; i < churn_mode_count; ++i) {
        if (closes[i] > 0) out[name_of(i)] = closes[i];
    }
    return out;
}

}  // namespace loadline

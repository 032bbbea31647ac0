#include "result/to_json.hpp"

#include <fmt/format.h>

#include <cmath>

#include "result/capacity_json.hpp"
#include "result/churn_json.hpp"
#include "result/json_parts.hpp"
#include "result/probes_json.hpp"
#include "result/sockets_json.hpp"
#include "result/verdict.hpp"
#include "stats/hlog.hpp"
#include "stats/quantile.hpp"

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

constexpr int summary_version = 1;

double per_second(std::uint64_t count, Duration length) {
    return length > Duration{} ? static_cast<double>(count) / to_seconds(length) : 0.0;
}

struct Percentile {
    const char* key;
    double q;
};
constexpr Percentile percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};

/// What can be read from so many values, and no more: p999 takes 1000 of them, max and mean
/// an answer.
Json latencies(const Histogram& histogram, Duration timeout) {
    Json out = Json::object();
    for (const auto& [key, q] : percentiles) {
        if (histogram.count() < samples_needed(q)) continue;
        out[key] = percentile_ms_json(histogram.quantile(q));
        if (out[key].is_null()) out[std::string{key} + "_over_ms"] = rounded_ms(timeout);
    }
    if (histogram.count() > histogram.unanswered_count()) {
        out["max"] = rounded_ms(histogram.max());
        out["mean"] = rounded_ms(histogram.mean());
    }
    return out;
}

Json step_json(const StepStats& stats, Duration timeout, Duration measured) {
    Json out;
    out["requests"] = stats.count();
    out["errors"] = stats.errors();
    out["rate_per_s"] = per_second(stats.count(), measured);
    out["response_time_ms"] = latencies(stats.response_time, timeout);
    out["response_time_ok_ms"] = latencies(stats.response_time_ok, timeout);
    out["service_time_ms"] = latencies(stats.service_time, timeout);
    out["outcomes"] = outcomes_json(stats.outcomes);
    out["bytes_in"] = stats.bytes_in;
    out["bytes_out"] = stats.bytes_out;
    return out;
}

/// What only exchanges have, and journeys have not.
Json exchange_json(const StepStats& stats, Duration timeout, Duration measured) {
    auto out = step_json(stats, timeout, measured);
    const std::pair<const char*, const Histogram&> phases[] = {{"resolve_ms", stats.resolve},
                                                               {"connect_ms", stats.connect},
                                                               {"tls_ms", stats.tls},
                                                               {"wait_ms", stats.wait},
                                                               {"read_ms", stats.read}};
    for (const auto& [key, histogram] : phases) {
        if (histogram.count() == 0) continue;
        out[key] = latencies(histogram, timeout);
        out[key]["count"] = histogram.count();
    }
    out["resends"] = stats.resends;
    out["response_time_hdr"] = encode_histogram(stats.response_time);
    out["service_time_hdr"] = encode_histogram(stats.service_time);
    return out;
}

Json metadata(const RunResult& r) {
    Json out;
    out["tool"] = "loadline";
    out["tool_version"] = r.version;
    out["command"] = r.command;
    out["started_at"] = iso_utc(r.started_at);
    out["elapsed_s"] = to_seconds(r.elapsed);
    out["scenario"] = r.scenario_name;
    out["scenario_hash"] = r.scenario_hash;
    out["kernel"] = r.machine.kernel;
    out["cpu_model"] = r.machine.cpu_model;
    out["cores"] = r.machine.cores;
    out["memory_bytes"] = r.machine.memory_bytes;
    if (r.machine.tcp_tw_reuse >= 0) out["tcp_tw_reuse"] = r.machine.tcp_tw_reuse;
    if (r.machine.port_high > 0)
        out["ip_local_port_range"] = {r.machine.port_low, r.machine.port_high};
    out["target_shares_machine"] = r.target_shares_machine;
    if (r.selftest) {
        out["selftest"] = {{"at", r.selftest->at},
                           {"threads", r.selftest->threads},
                           {"ceiling_per_s", r.selftest->ceiling_per_s},
                           {"worst_error_share", r.selftest->worst_error()}};
    }
    return out;
}

Json stages(const RateProfile& profile) {
    Json out = Json::array();
    for (const auto& stage : profile.stages()) {
        out.push_back({{"from_per_s", stage.from.per_second()},
                       {"to_per_s", stage.to.per_second()},
                       {"over_s", to_seconds(stage.length)}});
    }
    return out;
}

/// The load model and its figures. A rate is that of all journeys together.
void add_load(const Plan& plan, Json& out) {
    const auto& load = plan.load;
    if (load.users) {
        out["load_model"] = "closed";
        out["users"] = *load.users;
        if (load.pacing > Duration{}) out["pacing_s"] = to_seconds(load.pacing);
    } else {
        out["load_model"] = "open";
        out["arrivals"] = load.arrivals == Arrivals::poisson ? "poisson" : "paced";
        out["at_cap"] = load.at_cap == AtCap::queue ? "queue" : "drop";
        if (load.rate) out["rate_per_s"] = load.rate->per_second();
        if (load.stages) out["stages"] = stages(*load.stages);
    }
    for (const auto& journey : plan.journeys) {
        if (!journey.rate_part || !load.rate) continue;
        out["own_rates_per_s"][journey.name] = *journey.rate_part * load.rate->per_second();
    }
    out["duration_s"] = to_seconds(load.duration);
    out["warmup_s"] = to_seconds(load.warmup);
    out["drain_s"] = to_seconds(load.drain);
}

Json config(const RunResult& r) {
    const auto& plan = *r.plan;
    Json out;
    out["seed"] = r.seed;
    out["threads"] = r.threads;
    out["max_users"] = r.user_cap;
    if (r.connection_cap > 0) out["connections"] = r.connection_cap;
    out["connection_mode"] = to_string(plan.connections);
    if (plan.churn.any()) out["churn"] = churn_config_json(plan.churn);
    if (!r.sources.empty()) out["sources"] = r.sources;
    add_load(plan, out);
    for (const auto& target : plan.targets) {
        out["targets"][target.name] = target.url.origin();  // no credentials
    }
    return out;
}

Json reasons_json(const std::vector<Reason>& reasons) {
    Json out = Json::array();
    for (const auto& reason : reasons) {
        out.push_back({{"code", reason.code}, {"text", text_json(reason.text)}});
    }
    return out;
}

Json generator_json(const GeneratorHealth& g) {
    Json out;
    out["scheduled"] = g.scheduled;
    out["sent"] = g.sent;
    out["dropped"] = g.dropped;
    if (g.sent > 0) {
        out["send_lag_ms"] = {{"p50", rounded_ms(g.send_lag_p50)},
                              {"p99", rounded_ms(g.send_lag_p99)},
                              {"window_p99", rounded_ms(g.send_lag_window_p99)}};
        out["pool_wait_ms"] = {{"p50", rounded_ms(g.pool_wait_p50)},
                               {"p99", rounded_ms(g.pool_wait_p99)}};
    }
    out["lag_bound_ms"] = rounded_ms(g.lag_bound);
    out["lag_windows"] = g.lag_windows;
    out["lag_windows_over"] = g.lag_windows_over;
    out["cpu_share_max"] = g.cpu_share_max;
    out["worker_cpu_shares"] = g.worker_cpu;
    if (g.steal_share) out["steal_share"] = *g.steal_share;
    if (g.throttled) out["throttled_ms"] = rounded_ms(*g.throttled);
    if (g.descriptors_max) out["descriptors_max"] = *g.descriptors_max;
    if (g.descriptor_limit > 0) out["descriptor_limit"] = g.descriptor_limit;
    out["connections_max"] = g.connections_max;
    if (g.time_wait_max) out["time_wait_max"] = *g.time_wait_max;
    out["limits"] = reasons_json(g.limits);
    out["notes"] = g.notes;
    return out;
}

Json clause_json(const ClauseResult& c) {
    Json out;
    out["clause"] = c.clause.text;
    out["word"] = to_string(c.word);
    out["samples"] = c.samples;
    if (c.clause.over_every) {
        out["over_every_s"] = to_seconds(*c.clause.over_every);
        out["windows"] = c.windows;
        out["windows_broken"] = c.windows_broken;
    }
    if (c.clause.metric == SloClause::Metric::errors) {
        out["limit_share"] = c.clause.error_limit;
        if (c.samples > 0) out["actual_share"] = c.actual_share;
        return out;
    }
    out["limit_ms"] = rounded_ms(c.clause.limit);
    if (c.actual) out["actual_ms"] = rounded_ms(*c.actual);
    if (c.actual_over) out["actual_over_ms"] = rounded_ms(*c.actual_over);
    return out;
}

Json cause_json(const CauseReport& cause) {
    Json out;
    out["text"] =
        text_json(cause.findings.empty() ? unknown_text(cause) : cause.findings.front().text);
    out["findings"] = Json::array();
    for (const auto& finding : cause.findings) {
        Json one{{"code", finding.code}, {"text", text_json(finding.text)}};
        if (finding.since) one["since_s"] = to_seconds(*finding.since);
        if (finding.rate) one["rate_per_s"] = *finding.rate;
        out["findings"].push_back(std::move(one));
    }
    for (const auto& [key, stretch] : {std::pair{"good", cause.good},
                                       {"bad", cause.bad},
                                       {"silent", cause.silent},
                                       {"alike", cause.alike}}) {
        if (!stretch) continue;
        out[key] = {{"from_s", to_seconds(stretch->from)},
                    {"length_s", to_seconds(stretch->length)}};
        if (stretch->rate > 0) out[key]["rate_per_s"] = stretch->rate;
        if (!stretch->probe.empty()) out[key]["probe"] = stretch->probe;
    }
    return out;
}

Json results(const RunResult& r) {
    const auto& plan = *r.plan;
    const auto& m = r.measurement;
    Json out;
    const auto pooled = pooled_transactions(plan, m.total);
    out["total"] = exchange_json(pooled, largest_timeout(plan), m.measured);
    out["total"]["tps"] = per_second(m.throughput.ok, m.measured);
    out["measured_s"] = to_seconds(m.measured);
    for (std::size_t i = 0; i < r.addresses.size(); ++i) {
        const auto& target = r.addresses[i];
        out["targets"][plan.targets[i].name] = {{"addresses", target.addresses},
                                                {"resolve_ms", rounded_ms(target.resolve_time)}};
    }
    out["steps"] = Json::object();
    for (std::size_t i = 0; i < m.total.steps.size(); ++i) {
        const auto& stats = m.total.steps[i];
        if (stats.count() == 0) continue;
        auto step = exchange_json(stats, plan.steps[i].timeout, m.measured);
        step["transaction"] = plan.steps[i].transaction;
        out["steps"][plan.steps[i].name] = std::move(step);
    }
    out["journeys"] = Json::object();
    for (std::size_t i = 0; i < m.total.journeys.size(); ++i) {
        const auto& journey = plan.journeys[i];
        out["journeys"][journey.name] =
            step_json(m.total.journeys[i], largest_timeout(plan, journey), m.measured);
    }
    out["slo"] = Json::array();
    for (const auto& clause : r.clauses) out["slo"].push_back(clause_json(clause));
    out["generator"] = generator_json(m.generator);
    if (r.capacity) out["capacity"] = capacity_json(*r.capacity);
    if (plan.churn.any()) out["churn"] = churn_json(plan, m.churn);
    if (r.sockets) {
        out["sockets"] = socket_report_json(*r.sockets);
    } else if (!r.not_watched.empty()) {
        out["not_watched"] = text_json(r.not_watched);
    }
    if (!r.probes.empty()) out["probes"] = probes_json(r.probes, m.timeline);
    if (r.cause) out["cause"] = cause_json(*r.cause);
    if (!r.not_seen.empty()) {
        out["not_seen"] = Json::array();
        for (const auto& what : r.not_seen) out["not_seen"].push_back(text_json(what));
    }
    out["examples"] = Json::array();
    for (const auto& example : m.examples) {
        out["examples"].push_back({{"outcome", std::string{to_string(example.outcome)}},
                                   {"step", example.step},
                                   {"text", text_json(example.text)}});
    }
    return out;
}

}  // namespace

Json summary_json(const RunResult& r) {
    Json out;
    out["version"] = summary_version;
    out["metadata"] = metadata(r);
    out["config"] = config(r);
    out["results"] = results(r);
    out["verdict"]["word"] = to_string(r.verdict.word);
    out["verdict"]["reasons"] = reasons_json(r.verdict.reasons);
    out["verdict"]["exit_code"] = exit_code(r);
    return out;
}

}  // namespace loadline

#include "result/timeline_json.hpp"

#include "result/churn_json.hpp"
#include "result/json_parts.hpp"
#include "result/probes_json.hpp"
#include "result/target_json.hpp"
#include "result/words.hpp"

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

Json sample_json(const SocketSample& s) {
    Json sockets;
    for (std::size_t i = 1; i < tcp_state_count; ++i) {
        if (s.states[i] > 0) sockets["states"][tcp_state_name(i)] = s.states[i];
    }
    sockets["close_wait"] = s.close_wait;
    if (s.counts_only) return sockets;
    sockets["stale"] = s.stale;
    sockets["accept_queue"] = s.accept_queue;
    sockets["backlog"] = s.backlog;
    if (s.fds) sockets["fds"] = *s.fds;
    if (s.fd_limit) sockets["fd_limit"] = *s.fd_limit;
    return sockets;
}

/// Only what there was.
void add_origins(Json& out, const Origins& origins) {
    for (const auto& [status, count] : {std::pair{"502", origins.http_502},
                                        {"503", origins.http_503},
                                        {"504", origins.http_504}}) {
        if (count > 0) out["http_5xx_status"][status] = count;
    }
    if (origins.slow == 0) return;
    out["slow_answers"] = {{"count", origins.slow},
                           {"service_ms", rounded_ms(origins.slow_service)},
                           {"upstream_ms", rounded_ms(origins.slow_upstream)}};
}

}  // namespace

Json timeline_json(const TimelinePoint& p) {
    Json out;
    out["t_s"] = to_seconds(p.since_start);
    out["length_s"] = to_seconds(p.length);
    out["phase"] = to_string(p.phase);
    out["intended_rate_per_s"] = p.intended_rate;
    out["scheduled"] = p.scheduled;
    out["started"] = p.started;
    out["sent"] = p.sent;
    out["dropped"] = p.dropped;
    out["completed"] = p.completed;
    out["transactions"] = p.transactions;
    out["errors"] = p.errors;
    out["outcomes"] = outcomes_json(p.outcomes);
    add_origins(out, p.origins);
    // Zero: nothing of the kind ended in this second.
    const auto add = [&](const char* key, Duration value) {
        if (value > Duration{}) out[key] = percentile_ms_json(value);
    };
    add("p50_ms", p.p50);
    add("p90_ms", p.p90);
    add("p99_ms", p.p99);
    add("p999_ms", p.p999);
    add("max_ms", p.max);
    add("service_p50_ms", p.service_p50);
    add("service_p99_ms", p.service_p99);
    add("send_lag_p50_ms", p.send_lag_p50);
    add("send_lag_p99_ms", p.send_lag_p99);
    add("pool_wait_p99_ms", p.pool_wait_p99);
    out["in_flight"] = p.in_flight;
    out["users"] = p.users;
    out["connections"] = p.connections;
    out["closes"] = p.closes;
    if (auto modes = churn_closes_json(p.churn_closes); !modes.empty()) {
        out["churn_closes"] = std::move(modes);
    }
    out["cpu_share_max"] = p.cpu_share_max;
    const auto& g = p.generator;
    out["worker_cpu_shares"] = g.worker_cpu;
    if (g.steal_share) out["steal_share"] = *g.steal_share;
    if (g.throttled) out["throttled_ms"] = rounded_ms(*g.throttled);
    if (g.descriptors) out["descriptors"] = *g.descriptors;
    if (g.time_wait) out["time_wait"] = *g.time_wait;
    if (p.sockets) out["sockets"] = sample_json(*p.sockets);
    if (p.fullest_queue) out["sockets"]["accept_queue_max"] = p.fullest_queue->length;
    if (p.target) out["target"] = target_json(*p.target);
    if (!p.probes.empty()) out["probes"] = probe_seconds_json(p.probes);
    return out;
}

}  // namespace loadline

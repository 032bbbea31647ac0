#include "result/target_json.hpp"

#include <cmath>

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double value) { return std::round(value * 1e4) / 1e4; }

void add(Json& out, const char* key, const std::optional<double>& value) {
    if (value) out[key] = rounded(*value);
}
void add(Json& out, const char* key, const std::optional<std::uint64_t>& value) {
    if (value) out[key] = *value;
}

Json process_json(const ProcessUse& p) {
    Json out{{"pid", p.pid}};
    if (p.gone) out["gone"] = true;
    if (p.restarts > 0) out["restarts"] = p.restarts;
    if (p.oom_kills > 0) out["oom_kills"] = p.oom_kills;
    if (p.processes > 1) out["processes"] = p.processes;
    add(out, "cores_used", p.cores_used);
    add(out, p.quota ? "quota_cores" : "cores", p.cores);
    add(out, "throttled_share", p.throttled);
    add(out, "busiest_thread_share", p.busiest_thread);
    add(out, "run_queue_wait_s_per_s", p.run_queue_wait);
    add(out, "resident_bytes", p.resident_bytes);
    add(out, "threads", p.threads);
    add(out, "fds", p.fds);
    add(out, "fd_limit", p.fd_limit);
    return out;
}

Json redis_json(const RedisUse& r) {
    Json out = Json::object();
    add(out, "commands_per_s", r.ops);
    add(out, "cores_used", r.cores_used);
    add(out, "clients", r.clients);
    add(out, "blocked_clients", r.blocked);
    add(out, "used_bytes", r.used_bytes);
    if (r.max_bytes.value_or(0) > 0) out["max_bytes"] = *r.max_bytes;
    add(out, "evicted_keys", r.evicted);
    out["slow_commands"] = r.slow;
    if (r.slow > 0) {
        out["slow_total_ms"] = rounded(to_ms(r.slow_time));
        out["slowest_ms"] = rounded(to_ms(r.slowest));
        out["slowest_command"] = r.slowest_command;
    }
    if (r.ping > Duration{}) out["ping_ms"] = rounded(to_ms(r.ping));
    if (r.unanswered > 0) out["pings_unanswered"] = r.unanswered;
    if (r.restarts > 0) out["restarts"] = r.restarts;
    return out;
}

}  // namespace

Json target_json(const TargetSecond& second) {
    Json out = Json::object();
    if (second.process) out["process"] = process_json(*second.process);
    if (second.proxy) out["proxy"] = process_json(*second.proxy);
    if (second.kernel) {
        auto& kernel = out["kernel"] = Json::object();
        for (const auto& counter : kernel_counters) {
            const auto count = (*second.kernel).*counter.count;
            if (counter.always || count > 0) kernel[counter.key] = count;
        }
    }
    if (second.redis) out["redis"] = redis_json(*second.redis);
    return out;
}

}  // namespace loadline

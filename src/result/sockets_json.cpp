#include "result/sockets_json.hpp"

#include "result/json_parts.hpp"

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

Json oldest_json(const StuckSocket& socket) {
    Json out{{"peer", socket.peer}, {"age_at_least_s", to_seconds(socket.age_at_least)}};
    if (socket.age_bounded) out["age_at_most_s"] = to_seconds(socket.age_at_most);
    out["class"] = to_string(stuck_class(socket));
    out["unread_bytes"] = socket.unread;
    out["unsent_bytes"] = socket.unsent;
    out["keep_alive"] = socket.keep_alive.has_value();
    if (socket.keep_alive) out["keep_alive_s"] = to_seconds(*socket.keep_alive);
    out["inode"] = socket.inode;
    return out;
}

Json classes_json(const StuckClassCounts& classes) {
    auto out = Json::object();
    for (std::size_t i = 0; i < stuck_class_count; ++i) {
        if (classes[i] > 0) out[to_string(static_cast<StuckClass>(i))] = classes[i];
    }
    return out;
}

Json dwell_json(const Dwell& dwell) {
    return {{"seen", dwell.seen},
            {"p50", to_seconds(dwell.p50)},
            {"p99", to_seconds(dwell.p99)},
            {"max", to_seconds(dwell.max)}};
}

Json trend_json(const StaleTrend& trend) {
    return {
        {"z", trend.z},         {"per_s", trend.per_s}, {"per_s_interval", trend.per_s_interval},
        {"first", trend.first}, {"last", trend.last},   {"max", trend.highest}};
}

}  // namespace

Json socket_report_json(const SocketReport& s) {
    Json out;
    out["word"] = to_string(s.word);
    out["text"] = text_json(s.text);
    out["flags"] = s.flags;
    out["port"] = s.port;
    if (s.counts_only) out["counts_only"] = true;
    if (s.pid) out["pid"] = *s.pid;
    if (!s.command.empty()) out["command"] = text_json(s.command);
    if (!s.source.empty()) out["source"] = text_json(s.source);
    if (s.word == SocketWord::unknown) return out;
    out["tau_s"] = to_seconds(s.tau);
    out["closes"] = s.closes;
    out["leaked"] = s.leaked;
    out["before"] = s.before;
    out["close_wait_max"] = s.close_wait_max;
    if (s.listen_overflows) out["listen_overflows"] = *s.listen_overflows;
    if (s.counts_only) return out;
    out["stuck"] = s.stuck;
    if (s.leak_fraction) {
        out["leak_fraction"] = *s.leak_fraction;
        out["leak_fraction_interval"] = s.leak_fraction_interval;
    }
    if (s.leaked_per_1000_requests) out["leaked_per_1000_requests"] = *s.leaked_per_1000_requests;
    out["classes"] = classes_json(s.classes);
    if (s.dwell) out["dwell_s"] = dwell_json(*s.dwell);
    if (s.trend) out["stale_trend"] = trend_json(*s.trend);
    out["old_gone"] = s.old_gone;
    if (s.old_gone_per_s) out["old_gone_per_s_at_most"] = *s.old_gone_per_s;
    if (s.fd_eta) out["fd_eta_s"] = to_seconds(*s.fd_eta);
    out["accept_queue_max"] = s.accept_queue_max;
    if (s.backlog > 0) out["backlog"] = s.backlog;
    out["sampling_period_ms"] = to_ms(s.sampling_period);
    out["sampling_cost_ms"] = to_ms(s.sampling_cost);
    out["oldest"] = Json::array();
    for (const auto& socket : s.oldest) out["oldest"].push_back(oldest_json(socket));
    return out;
}

}  // namespace loadline

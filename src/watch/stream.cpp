#include "watch/stream.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

const char* name_of(ListenerFate fate) {
    switch (fate) {
        case ListenerFate::kept:
            return "kept";
        case ListenerFate::never_seen:
            return "never_seen";
        case ListenerFate::gone:
            return "gone";
        case ListenerFate::replaced:
            return "replaced";
    }
    return "";
}

std::string boot_id() {
    std::ifstream in{"/proc/sys/kernel/random/boot_id"};
    std::string id;
    std::getline(in, id);
    return id;
}

std::optional<std::uint64_t> network_namespace() {
    struct stat info {};
    if (::stat("/proc/self/ns/net", &info) != 0) return {};
    return info.st_ino;
}

std::int64_t nanoseconds(TimePoint at) { return at.time_since_epoch().count(); }

std::int64_t wall_nanoseconds(TimePoint at) {
    const auto now = std::chrono::system_clock::now() - (Clock::now() - at);
    return std::chrono::duration_cast<Duration>(now.time_since_epoch()).count();
}

Json queues(const SocketRecord& socket) {
    return {{"ck", socket.cookie},
            {"ino", socket.inode},
            {"rq", socket.receive_queue},
            {"wq", socket.send_queue},
            {"ka", socket.keep_alive}};
}

Json born(const SocketRecord& socket) {
    const auto ms = [](Duration d) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
    };
    auto out = queues(socket);
    out["peer"] = socket.peer();
    if (socket.timed) {
        out["age_lb_ms"] = ms(socket.since_last_ack);
        out["age_ub_ms"] = ms(std::max(socket.since_last_ack, socket.since_last_data));
    }
    return out;
}

Json process(const std::optional<ProcessInfo>& owner) {
    if (!owner) return nullptr;
    return {{"pid", owner->pid}, {"comm", owner->command}};
}

Json load_json(const LoadFacts& load) {
    Json out{{"begin_ns", nanoseconds(load.begin)},
             {"end_ns", nanoseconds(load.end)},
             {"closes", load.closes},
             {"requests", load.requests},
             {"settled", load.settled},
             {"closed", Json::array()}};
    if (load.closed_at) out["closed_at_ns"] = nanoseconds(*load.closed_at);
    for (const auto& count : load.closed) {
        out["closed"].push_back({nanoseconds(count.at), count.closes});
    }
    return out;
}

/// Replies quoted by a process's command line may be no UTF-8.
std::string line_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

SocketStreamWriter::SocketStreamWriter(std::uint16_t port, std::optional<Duration> tau)
    : port_{port}, tau_{socket_tau(tau, {})}, boot_id_{boot_id()}, netns_{network_namespace()} {}

std::string SocketStreamWriter::sample(const RecordedSample& recorded) {
    const auto& s = recorded.sample;
    ++samples_;
    Json out{{"v", 1}, {"t_mono_ns", nanoseconds(s.at)}, {"t_wall_ns", wall_nanoseconds(s.at)}};
    out["boot_id"] = boot_id_;
    if (netns_) out["netns"] = *netns_;
    out["port"] = port_;
    out["tau_ns"] = tau_.count();
    out["listener"] = name_of(recorded.listener);
    if (recorded.owner) {
        out["pid"] = recorded.owner->pid;
        out["comm"] = recorded.owner->command;
    }
    out["states"] = Json::object();
    for (std::size_t i = 1; i < tcp_state_count; ++i) {
        if (s.states[i] > 0) out["states"][tcp_state_name(i)] = s.states[i];
    }
    out["owned"] = s.owned;
    out["cw"] = {{"n", s.close_wait}, {"stale", s.stale}, {"cls", s.classes}};

    auto born_ones = Json::array(), changed = Json::array(), missing = Json::array(),
         died = Json::array();
    for (const auto& socket : recorded.sockets) {
        if (socket.state != TcpState::close_wait) continue;
        const auto [place, is_new] = known_.try_emplace(socket.cookie);
        auto& known = place->second;
        if (is_new) {
            known.birth = s.at - (socket.timed ? socket.since_last_ack : Duration{});
            born_ones.push_back(born(socket));
        } else if (known.missing || known.inode != socket.inode ||
                   known.unread != socket.receive_queue || known.unsent != socket.send_queue ||
                   known.keep_alive != socket.keep_alive) {
            changed.push_back(queues(socket));
        }
        known = {known.birth,
                 socket.inode,
                 socket.receive_queue,
                 socket.send_queue,
                 socket.keep_alive,
                 false,
                 s.at,
                 samples_};
    }
    for (auto place = known_.begin(); place != known_.end();) {
        auto& [cookie, known] = *place;
        if (known.seen_in == samples_) {
            ++place;
        } else if (!known.missing) {
            known.missing = true;
            missing.push_back(cookie);
            ++place;
        } else {
            died.push_back({{"ck", cookie}, {"dwell_ms", to_ms(known.last_seen - known.birth)}});
            place = known_.erase(place);
        }
    }
    const std::pair<const char*, Json&> events[] = {
        {"born", born_ones}, {"changed", changed}, {"missing", missing}, {"died", died}};
    for (const auto& [name, list] : events) {
        if (!list.empty()) out[name] = std::move(list);
    }
    out["lq"] = {s.accept_queue, s.backlog};
    if (s.fds) out["fds"] = *s.fds;
    if (s.fd_limit) out["lim"] = *s.fd_limit;
    out["cost_us"] = static_cast<double>(s.cost.count()) / 1000;
    return line_of(out);
}

std::string SocketStreamWriter::failure(TimePoint at, const std::string& why) const {
    return line_of({{"v", 1},
                    {"t_mono_ns", nanoseconds(at)},
                    {"port", port_},
                    {"tau_ns", tau_.count()},
                    {"failure", why}});
}

std::string SocketStreamWriter::end(Duration tau, const std::optional<ProcessInfo>& holder,
                                    const LoadFacts* load) const {
    Json end{{"tau_ns", tau.count()}, {"holder", process(holder)}};
    if (load) end["load"] = load_json(*load);
    return line_of({{"v", 1}, {"port", port_}, {"tau_ns", tau_.count()}, {"end", end}});
}

}  // namespace loadline

#include "watch/stream.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "base/log.hpp"

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t lines_between_all = 240;       // a minute
constexpr std::uint64_t lines_between_small_all = 16;  // 4 s: within the patience of who joins

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

const char* name_of(ServerChange change) {
    switch (change) {
        case ServerChange::none:
            break;
        case ServerChange::reopened:
            return "reopened";
        case ServerChange::another:
            return "another";
        case ServerChange::elsewhere:
            return "elsewhere";
    }
    return "";
}

std::string random_id() {
    std::random_device random;
    return fmt::format("{:08x}{:08x}", random(), random());
}

std::int64_t nanoseconds(TimePoint at) { return at.time_since_epoch().count(); }

std::int64_t wall_nanoseconds(TimePoint at) {
    const auto now = std::chrono::system_clock::now() - (Clock::now() - at);
    return std::chrono::duration_cast<Duration>(now.time_since_epoch()).count();
}

std::int64_t whole_ms(Duration d) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

Json queues(const SocketRecord& socket) {
    Json out{{"ck", socket.cookie},
             {"ino", socket.inode},
             {"rq", socket.receive_queue},
             {"wq", socket.send_queue},
             {"ka", nullptr}};
    if (socket.keep_alive) out["ka"] = whole_ms(*socket.keep_alive);
    return out;
}

Json born(const SocketRecord& socket) {
    auto out = queues(socket);
    out["peer"] = socket.peer();
    if (socket.timed) {
        out["age_lb_ms"] = whole_ms(socket.since_last_ack);
        out["age_ub_ms"] = whole_ms(std::max(socket.since_last_ack, socket.since_last_data));
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
             {"handler_limit_ns", load.handler_limit.count()},
             {"closed", Json::array()}};
    if (load.closed_at) out["closed_at_ns"] = nanoseconds(*load.closed_at);
    for (const auto& count : load.closed) {
        out["closed"].push_back({nanoseconds(count.at), count.closes, count.abandoned});
    }
    return out;
}

/// By the kernel's names.
Json kernel_json(const KernelUse& kernel) {
    auto out = Json::object();
    for (const auto& counter : kernel_counters) {
        const auto count = kernel.*counter.count;
        if (counter.always || count > 0) out[counter.name] = count;
    }
    return out;
}

/// Replies quoted by a process's command line may be no UTF-8.
std::string line_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string own_boot_id() {
    std::ifstream in{"/proc/sys/kernel/random/boot_id"};
    std::string id;
    std::getline(in, id);
    return id;
}

std::optional<std::uint64_t> network_namespace_number(std::optional<int> pid) {
    struct stat info {};
    const auto process = pid ? std::to_string(*pid) : "self";
    if (::stat(fmt::format("/proc/{}/ns/net", process).c_str(), &info) != 0) return {};
    return info.st_ino;
}

SocketStreamWriter::SocketStreamWriter(std::uint16_t port, std::optional<Duration> tau,
                                       std::optional<std::uint64_t> netns)
    : port_{port},
      tau_{socket_tau(tau, {})},
      session_{random_id()},
      boot_id_{own_boot_id()},
      netns_{netns} {}

Json SocketStreamWriter::head() { return {{"v", 1}, {"sid", session_}, {"n", ++lines_}}; }

bool SocketStreamWriter::all_is_due() const {
    const bool small = bytes_since_all_ >= 4 * bytes_of_all_;
    return (small && lines_since_all_ >= lines_between_small_all) ||
           (lines_since_all_ >= lines_between_all && bytes_since_all_ >= bytes_of_all_);
}

std::string SocketStreamWriter::sample(const RecordedSample& recorded, Tell tell) {
    const auto& s = recorded.sample;
    const bool all =
        bytes_of_all_ == 0 || tell == Tell::all || (tell == Tell::when_due && all_is_due());
    auto out = head();
    out["t_mono_ns"] = nanoseconds(s.at);
    out["t_wall_ns"] = wall_nanoseconds(s.at);
    out["boot_id"] = boot_id_;
    if (netns_) out["netns"] = *netns_;
    out["port"] = port_;
    out["tau_ns"] = tau_.count();
    out["listener"] = name_of(recorded.listener);
    out["ls"] = Json::array();
    for (const auto& socket : recorded.sockets) {
        if (socket.state == TcpState::listen) out["ls"].push_back(socket.cookie);
    }
    if (recorded.change != ServerChange::none) out["server"] = name_of(recorded.change);
    if (recorded.owner) {
        out["pid"] = recorded.owner->pid;
        out["comm"] = recorded.owner->command;
        if (recorded.owner->heir_of != 0) out["heir_of"] = recorded.owner->heir_of;
    }
    if (recorded.holder) out["holder"] = process(recorded.holder);
    out["states"] = Json::object();
    for (std::size_t i = 1; i < tcp_state_count; ++i) {
        if (s.states[i] > 0) out["states"][tcp_state_name(i)] = s.states[i];
    }
    out["owned"] = s.owned;
    out["cw"] = {{"n", s.close_wait}, {"stale", s.stale}, {"cls", s.classes}};
    add_events(out, recorded, all);
    out["lq"] = {s.accept_queue, s.backlog};
    if (s.fds) out["fds"] = *s.fds;
    if (s.fd_limit) out["lim"] = *s.fd_limit;
    if (s.fds_of_others > 0) out["fdo"] = s.fds_of_others;
    if (s.fds_pid != 0) out["fdp"] = s.fds_pid;
    if (s.kernel) out["ns"] = kernel_json(*s.kernel);
    out["cost_us"] = static_cast<double>(s.cost.count()) / 1000;

    auto line = line_of(out);
    lines_since_all_ = all ? 0 : lines_since_all_ + 1;
    bytes_since_all_ = all ? 0 : bytes_since_all_ + line.size();
    if (all) bytes_of_all_ = line.size();
    return line;
}

/// Takes a socket of this sample in; whether there is something to tell of it.
bool SocketStreamWriter::note(const SocketRecord& socket, TimePoint at, bool all, bool& is_new) {
    const auto [place, inserted] = known_.try_emplace(socket.cookie);
    auto& known = place->second;
    if (inserted) known.birth = at - (socket.timed ? socket.since_last_ack : Duration{});
    const bool other_timer = known.keep_alive.follow(at, socket.keep_alive);
    const bool changed = known.missing || known.inode != socket.inode ||
                         known.unread != socket.receive_queue ||
                         known.unsent != socket.send_queue || other_timer;
    known.inode = socket.inode;
    known.unread = socket.receive_queue;
    known.unsent = socket.send_queue;
    known.missing = false;
    known.last_seen = at;
    known.seen_in = lines_;
    is_new = inserted || all;
    return is_new || changed;
}

void SocketStreamWriter::add_events(Json& out, const RecordedSample& recorded, bool all) {
    auto born_ones = Json::array(), changed = Json::array(), missing = Json::array(),
         died = Json::array();
    for (const auto& socket : recorded.sockets) {
        if (socket.state != TcpState::close_wait) continue;
        bool is_new = false;
        if (!note(socket, recorded.sample.at, all, is_new)) continue;
        is_new ? born_ones.push_back(born(socket)) : changed.push_back(queues(socket));
    }
    for (auto place = known_.begin(); place != known_.end();) {
        auto& [cookie, known] = *place;
        if (known.seen_in == lines_) {
            ++place;
        } else if (!known.missing && !all) {
            known.missing = true;
            missing.push_back(cookie);
            ++place;
        } else {  // a line that tells all knows no missing ones: should it come back, it is born
            died.push_back({{"ck", cookie}, {"dwell_ms", to_ms(known.last_seen - known.birth)}});
            place = known_.erase(place);
        }
    }
    if (all) out["full"] = true;
    const std::pair<const char*, Json&> events[] = {
        {"born", born_ones}, {"changed", changed}, {"missing", missing}, {"died", died}};
    for (const auto& [name, list] : events) {
        if (!list.empty()) out[name] = std::move(list);
    }
}

std::string SocketStreamWriter::failure(TimePoint at, const std::string& why) {
    auto out = head();
    out["t_mono_ns"] = nanoseconds(at);
    out["t_wall_ns"] = wall_nanoseconds(at);
    out["boot_id"] = boot_id_;
    out["port"] = port_;
    out["tau_ns"] = tau_.count();
    out["failure"] = why;
    return line_of(out);
}

std::string SocketStreamWriter::end(const RecordedEnd& recorded) {
    auto out = head();
    out["port"] = port_;
    out["tau_ns"] = tau_.count();
    Json end{{"tau_ns", recorded.tau.count()}, {"holder", process(recorded.holder)}};
    if (recorded.load) end["load"] = load_json(*recorded.load);
    if (!recorded.gap.text.empty()) {
        end["gap"] = {{"text", recorded.gap.text}, {"matters", recorded.gap.matters}};
    }
    if (!recorded.source.empty()) end["source"] = recorded.source;
    if (!recorded.unreadable.empty()) {
        end["unreadable"] = recorded.unreadable;
        end["sight_lost"] = recorded.sight_lost;
    }
    out["end"] = std::move(end);
    return line_of(out);
}

void CappedRecording::operator()(const std::string& line) {
    if (cut_) return;
    if (written_ + line.size() <= most_) {
        written_ += line.size() + 1;
        return to_(line);
    }
    cut_ = true;
    log_warn(
        fmt::format("the recording of the sockets has reached {} MiB and goes no further: it "
                    "cannot be judged again; the verdict of this run does not need it",
                    most_ >> 20));
    to_(line_of({{"v", 1}, {"cut", {{"bytes", written_}}}}));
}

}  // namespace loadline

#include "watch/stream_reader.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace loadline {
namespace {

using Json = nlohmann::json;
using Kind = StreamRead::Kind;

constexpr Duration longest_time = std::chrono::hours{24 * 365 * 50};  // sums of two fit

/// Times of a stream may be anything; those beyond reason would overflow.
Duration bounded(Duration::rep ns) {
    return std::clamp<Duration>(Duration{ns}, -longest_time, longest_time);
}

Duration bounded_ms(std::int64_t ms) {
    return bounded(std::clamp<std::int64_t>(ms, 0, longest_time / std::chrono::milliseconds{1}) *
                   1'000'000);
}

TimePoint time_of(const Json& ns) { return TimePoint{bounded(ns.get<std::int64_t>())}; }

std::optional<ProcessInfo> process_of(const Json& json) {
    if (!json.is_object() || !json.contains("pid")) return {};
    return ProcessInfo{json.at("pid").get<int>(), json.at("comm").get<std::string>(),
                       json.value("heir_of", 0)};
}

ListenerFate fate_of(const std::string& name) {
    if (name == "never_seen") return ListenerFate::never_seen;
    if (name == "gone") return ListenerFate::gone;
    return name == "replaced" ? ListenerFate::replaced : ListenerFate::kept;
}

ServerChange change_of(const std::string& name) {
    if (name == "reopened") return ServerChange::reopened;
    return name == "elsewhere" ? ServerChange::elsewhere : ServerChange::another;
}

LoadFacts load_of(const Json& json) {
    LoadFacts load;
    load.begin = time_of(json.at("begin_ns"));
    load.end = time_of(json.at("end_ns"));
    load.closes = json.at("closes").get<std::uint64_t>();
    load.requests = json.at("requests").get<std::uint64_t>();
    load.settled = json.at("settled").get<bool>();
    if (json.contains("handler_limit_ns")) {
        load.handler_limit = bounded(json.at("handler_limit_ns").get<std::int64_t>());
    }
    if (json.contains("closed_at_ns")) load.closed_at = time_of(json.at("closed_at_ns"));
    for (const auto& count : json.at("closed")) {
        auto& closed = load.closed.emplace_back();
        closed.at = time_of(count.at(0));
        closed.closes = count.at(1).get<std::uint64_t>();
        if (count.size() > 2) closed.abandoned = count.at(2).get<std::uint64_t>();
    }
    return load;
}

KernelUse kernel_of(const Json& json) {
    KernelUse kernel;
    for (const auto& counter : kernel_counters) {
        kernel.*counter.count = counter.always ? json.at(counter.name).get<std::uint64_t>()
                                               : json.value(counter.name, std::uint64_t{0});
    }
    return kernel;
}

SocketSample sample_of(const Json& line) {
    SocketSample sample;
    sample.at = time_of(line.at("t_mono_ns"));
    for (std::size_t i = 1; i < tcp_state_count; ++i) {
        sample.states[i] = line.at("states").value(tcp_state_name(i), 0U);
    }
    sample.close_wait = line.at("cw").at("n").get<std::uint32_t>();
    sample.stale = line.at("cw").at("stale").get<std::uint32_t>();
    sample.classes = line.at("cw").at("cls").get<StuckClassCounts>();
    sample.owned = line.at("owned").get<std::uint32_t>();
    sample.accept_queue = line.at("lq").at(0).get<std::uint32_t>();
    sample.backlog = line.at("lq").at(1).get<std::uint32_t>();
    if (line.contains("fds")) sample.fds = line.at("fds").get<std::uint32_t>();
    if (line.contains("lim")) sample.fd_limit = line.at("lim").get<std::uint64_t>();
    sample.fds_of_others = line.value("fdo", 0U);
    sample.fds_pid = line.value("fdp", 0);
    if (line.contains("ns")) sample.kernel = kernel_of(line.at("ns"));
    const auto cost_us = line.at("cost_us").get<double>();
    sample.cost = Duration{std::llround(std::clamp(cost_us, 0.0, 1e12) * 1000)};
    return sample;
}

/// "127.0.0.1:53422" or "[::1]:53422", as SocketRecord::peer writes it.
void read_peer(const std::string& peer, SocketRecord& record) {
    const auto colon = peer.rfind(':');
    if (colon == peer.npos) return;
    const bool six = peer.starts_with('[') && colon > 1;
    const auto host = six ? peer.substr(1, colon - 2) : peer.substr(0, colon);
    record.family = six ? AF_INET6 : AF_INET;
    ::inet_pton(record.family, host.c_str(), record.address.data());
    std::from_chars(peer.data() + colon + 1, peer.data() + peer.size(), record.port);
}

Json list(const Json& line, const char* name) {
    return line.contains(name) ? line.at(name) : Json::array();
}

}  // namespace

Result<StreamRead> SocketStreamReader::take(std::string_view line) {
    return take(Json::parse(line, nullptr, false));
}

Result<StreamRead> SocketStreamReader::take(const Json& line) {
    try {
        if (!line.is_object() || line.value("v", 0) != 1) {
            return usage_error("is none of a socket recording (version 1)");
        }
        if (line.contains("n") && !line.at("n").is_number_unsigned()) {
            return usage_error("\"n\" is no number of a line");
        }
        return understand(line);
    } catch (const Json::exception& e) {
        return usage_error(e.what());
    }
}

/// Throws what the JSON library throws when a key is missing or of another type.
StreamRead SocketStreamReader::understand(const Json& line) {
    StreamRead read;
    read.port = line.at("port").get<std::uint16_t>();
    read.tau = bounded(line.at("tau_ns").get<std::int64_t>());
    read.kind = place_in_order(line, read);
    if (read.kind != Kind::sample) return read;
    read.boot_id = line.value("boot_id", std::string{});
    if (line.contains("end")) {
        const auto& end = line.at("end");
        read.kind = Kind::end;
        read.tau = bounded(end.at("tau_ns").get<std::int64_t>());
        read.holder = process_of(end.at("holder"));
        if (end.contains("load")) read.load = load_of(end.at("load"));
        if (end.contains("gap")) {
            read.gap = {end.at("gap").at("text").get<std::string>(),
                        end.at("gap").at("matters").get<bool>()};
        }
        read.source = end.value("source", std::string{});
        read.unreadable = end.value("unreadable", std::string{});
        read.sight_lost = end.value("sight_lost", false);
    } else if (line.contains("failure")) {
        read.kind = Kind::failure;
        read.failure = line.at("failure").get<std::string>();
        read.sample.at = time_of(line.at("t_mono_ns"));
    } else if (!in_step_ && !line.value("full", false)) {
        read.kind = Kind::skipped;
    } else {
        take_sample(line, read);
    }
    return read;
}

/// What a line is by its session and number; `sample` stands for all that are next. Lines
/// without a number follow each other.
Kind SocketStreamReader::place_in_order(const Json& line, StreamRead& read) {
    const auto session = line.value("sid", std::string{});
    const auto number = line.value("n", latest_ + 1);
    if (session != session_) {
        if (sessions_before_.contains(session)) return Kind::foreign;
        if (!session_.empty()) sessions_before_.insert(session_);
        session_ = session;
        in_step_ = number == 1;
    } else {
        if (number <= latest_) return Kind::repeated;
        read.missing = number - latest_ - 1;
        in_step_ = in_step_ && read.missing == 0;
    }
    latest_ = number;
    return Kind::sample;
}

void SocketStreamReader::take_sample(const Json& line, StreamRead& read) {
    read.sample = sample_of(line);
    read.listener = fate_of(line.at("listener").get<std::string>());
    read.owner = process_of(line);
    if (line.contains("holder")) read.holder = process_of(line.at("holder"));
    if (line.contains("netns")) read.netns = line.at("netns").get<std::uint64_t>();
    if (line.contains("server")) read.change = change_of(line.at("server").get<std::string>());
    if (!boot_id_.empty() && (boot_id_ != read.boot_id || netns_ != read.netns)) {
        read.change = ServerChange::elsewhere;
    }
    boot_id_ = read.boot_id;
    netns_ = read.netns;

    const auto at = read.sample.at;
    if (line.value("full", false)) {
        sockets_.clear();
        in_step_ = true;
    }
    for (const auto& one : list(line, "born")) begin(one, at);
    for (const auto& one : list(line, "changed")) update(one, at);
    for (const auto& cookie : list(line, "missing")) {
        sockets_[cookie.get<std::uint64_t>()].present = false;
    }
    for (const auto& one : list(line, "died")) sockets_.erase(one.at("ck").get<std::uint64_t>());

    for (const auto& cookie : list(line, "ls")) {
        auto& record = read.sockets.emplace_back();
        record.cookie = cookie.get<std::uint64_t>();
        record.state = TcpState::listen;
    }
    for (const auto& [cookie, known] : sockets_) {
        if (!known.present) continue;
        auto& record = read.sockets.emplace_back(known.record);
        // The kernel counts in milliseconds, and so does the stream.
        const auto older = std::chrono::floor<std::chrono::milliseconds>(at - known.born);
        record.since_last_ack += older;
        record.since_last_data += older;
        if (const auto left = known.keep_alive.left(at)) {
            record.keep_alive = std::chrono::floor<std::chrono::milliseconds>(*left);
        }
    }
}

void SocketStreamReader::begin(const Json& born, TimePoint at) {
    auto& known = sockets_[born.at("ck").get<std::uint64_t>()];
    known.born = at;
    auto& record = known.record;
    record.cookie = born.at("ck").get<std::uint64_t>();
    record.state = TcpState::close_wait;
    read_peer(born.at("peer").get<std::string>(), record);
    record.timed = born.contains("age_lb_ms");
    if (record.timed) {
        record.since_last_ack = bounded_ms(born.at("age_lb_ms").get<std::int64_t>());
        record.since_last_data = bounded_ms(born.at("age_ub_ms").get<std::int64_t>());
    }
    update(born, at);
}

void SocketStreamReader::update(const Json& changed, TimePoint at) {
    auto& known = sockets_[changed.at("ck").get<std::uint64_t>()];
    known.record.inode = changed.at("ino").get<std::uint32_t>();
    known.record.receive_queue = changed.at("rq").get<std::uint32_t>();
    known.record.send_queue = changed.at("wq").get<std::uint32_t>();
    std::optional<Duration> left;
    if (const auto& ms = changed.at("ka"); !ms.is_null()) {
        left = bounded_ms(ms.get<std::int64_t>());
    }
    known.keep_alive = {};
    known.keep_alive.follow(at, left);
    known.present = true;
}

}  // namespace loadline

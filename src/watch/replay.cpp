#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <istream>
#include <nlohmann/json.hpp>

#include "watch/stream.hpp"

namespace loadline {
namespace {

using Json = nlohmann::json;

TimePoint time_of(const Json& ns) { return TimePoint{Duration{ns.get<std::int64_t>()}}; }

std::optional<ProcessInfo> process_of(const Json& json) {
    if (!json.is_object() || !json.contains("pid")) return {};
    return ProcessInfo{json.at("pid").get<int>(), json.at("comm").get<std::string>()};
}

ListenerFate fate_of(const std::string& name) {
    if (name == "never_seen") return ListenerFate::never_seen;
    if (name == "gone") return ListenerFate::gone;
    return name == "replaced" ? ListenerFate::replaced : ListenerFate::kept;
}

LoadFacts load_of(const Json& json) {
    LoadFacts load;
    load.begin = time_of(json.at("begin_ns"));
    load.end = time_of(json.at("end_ns"));
    load.closes = json.at("closes").get<std::uint64_t>();
    load.requests = json.at("requests").get<std::uint64_t>();
    load.settled = json.at("settled").get<bool>();
    if (json.contains("closed_at_ns")) load.closed_at = time_of(json.at("closed_at_ns"));
    for (const auto& count : json.at("closed")) {
        load.closed.push_back({time_of(count.at(0)), count.at(1).get<std::uint64_t>()});
    }
    return load;
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
    sample.cost = Duration{std::llround(line.at("cost_us").get<double>() * 1000)};
    return sample;
}

/// "127.0.0.1:53422" or "[::1]:53422", as SocketRecord::peer writes it.
void read_peer(const std::string& peer, SocketRecord& record) {
    const auto colon = peer.rfind(':');
    if (colon == peer.npos) return;
    const bool six = peer.starts_with('[') && colon > 0;
    const auto host = six ? peer.substr(1, colon - 2) : peer.substr(0, colon);
    record.family = six ? AF_INET6 : AF_INET;
    ::inet_pton(record.family, host.c_str(), record.address.data());
    std::from_chars(peer.data() + colon + 1, peer.data() + peer.size(), record.port);
}

/// Feeds the recorded sockets through the tracker again, as if they were sampled.
class Replay {
public:
    /// Throws what the JSON library throws when a key is missing or of another type.
    void add(const Json& line) {
        if (!tracker_) {
            port_ = line.at("port").get<std::uint16_t>();
            tau_ = Duration{line.at("tau_ns").get<std::int64_t>()};
            tracker_.emplace(std::min(shortest_tau, tau_));
        }
        if (line.contains("end")) {
            add_end(line.at("end"));
        } else if (line.contains("failure")) {
            failure_ = line.at("failure").get<std::string>();
        } else {
            add_sample(line);
        }
    }

    bool empty() const { return !tracker_; }

    SocketReport report() const {
        DetectorInput input;
        input.port = port_;
        input.tau = tau_;
        input.samples = samples_;
        if (!samples_.empty()) input.now = samples_.back().at;
        input.listener = listener_;
        input.unreadable = failure_;
        auto report = load_ ? judge_load(*tracker_, input, *load_) : judge_alone(*tracker_, input);
        complete_report(report, holder_, samples_);
        return report;
    }

private:
    void add_sample(const Json& line) {
        failure_.clear();
        listener_ = fate_of(line.at("listener").get<std::string>());
        holder_ = process_of(line);
        auto sample = sample_of(line);
        for (const auto& born : list(line, "born")) begin(born);
        for (const auto& changed : list(line, "changed")) update(changed);
        for (const auto& cookie : list(line, "missing")) {
            sockets_[cookie.get<std::uint64_t>()].present = false;
        }
        for (const auto& died : list(line, "died")) {
            sockets_.erase(died.at("ck").get<std::uint64_t>());
        }
        std::vector<SocketRecord> sockets;
        for (const auto& [cookie, known] : sockets_) {
            if (known.present) sockets.push_back(known.record);
        }
        tracker_->add(sample.at, sockets);
        sample.seen = tracker_->ended_count() + tracker_->live().size();
        samples_.push_back(sample);
    }

    static Json list(const Json& line, const char* name) {
        return line.contains(name) ? line.at(name) : Json::array();
    }

    void add_end(const Json& end) {
        tau_ = Duration{end.at("tau_ns").get<std::int64_t>()};
        holder_ = process_of(end.at("holder"));
        if (end.contains("load")) load_ = load_of(end.at("load"));
    }

    void begin(const Json& born) {
        auto& record = sockets_[born.at("ck").get<std::uint64_t>()].record;
        record.cookie = born.at("ck").get<std::uint64_t>();
        record.state = TcpState::close_wait;
        read_peer(born.at("peer").get<std::string>(), record);
        record.timed = born.contains("age_lb_ms");
        if (record.timed) {
            record.since_last_ack =
                std::chrono::milliseconds{born.at("age_lb_ms").get<std::int64_t>()};
            record.since_last_data =
                std::chrono::milliseconds{born.at("age_ub_ms").get<std::int64_t>()};
        }
        update(born);
    }

    void update(const Json& changed) {
        auto& known = sockets_[changed.at("ck").get<std::uint64_t>()];
        known.record.inode = changed.at("ino").get<std::uint32_t>();
        known.record.receive_queue = changed.at("rq").get<std::uint32_t>();
        known.record.send_queue = changed.at("wq").get<std::uint32_t>();
        known.record.keep_alive = changed.at("ka").get<bool>();
        known.present = true;
    }

    /// A socket in CLOSE_WAIT; not present: missing from the latest sample.
    struct Known {
        SocketRecord record;
        bool present = false;
    };

    std::uint16_t port_ = 0;
    Duration tau_{};
    std::optional<CloseWaitTracker> tracker_;
    std::vector<SocketSample> samples_;
    std::unordered_map<std::uint64_t, Known> sockets_;
    ListenerFate listener_ = ListenerFate::never_seen;
    std::string failure_;
    std::optional<ProcessInfo> holder_;
    std::optional<LoadFacts> load_;
};

}  // namespace

Result<SocketReport> replay_sockets(std::istream& lines) {
    Replay replay;
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        const bool cut_off = lines.eof();  // no end of line behind it: still being written
        const auto json = Json::parse(line, nullptr, false);
        if (json.is_object() && json.contains("type")) continue;
        if (cut_off && json.is_discarded()) break;
        try {
            if (!json.is_object() || json.value("v", 0) != 1) {
                return usage_error(
                    fmt::format("line {} is none of a socket recording (version 1)", number));
            }
            replay.add(json);
        } catch (const Json::exception& e) {
            return usage_error(fmt::format("line {}: {}", number, e.what()));
        }
    }
    if (replay.empty()) return usage_error("there is no sample in it");
    return replay.report();
}

}  // namespace loadline

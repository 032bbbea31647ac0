#include "cli/watch_printer.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>
#include <vector>

#include "report/figures.hpp"
#include "result/sockets_json.hpp"
#include "stats/trend.hpp"

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

constexpr int lines_per_heading = 20;
constexpr std::size_t descriptors_kept = 60;
constexpr std::size_t descriptors_needed = 8;  // as the detector's trend
constexpr double surely = 3;                   // of Mann-Kendall's z

std::uint32_t in_state(const SocketSample& sample, TcpState state) {
    return sample.states[static_cast<std::size_t>(state)];
}

std::string or_unknown(std::uint64_t value, bool known) {
    return known ? fmt::to_string(value) : std::string{"?"};
}

std::string row(const std::string& time, const std::string& queue, const std::string& established,
                const std::string& close_wait, const std::string& stale,
                const std::string& fin_wait2, const std::string& fds, const std::string& full) {
    return fmt::format("{:>7} {:>9} {:>12} {:>11} {:>7} {:>10} {:>10} {:>7}", time, queue,
                       established, close_wait, stale, fin_wait2, fds, full);
}

std::string age(const StuckSocket& socket) {
    if (!socket.age_bounded) return format_duration(socket.age_at_least) + " or more";
    return fmt::format("{} to {}", format_duration(socket.age_at_least),
                       format_duration(socket.age_at_most));
}

std::string classes_text(const StuckClassCounts& classes) {
    std::string text;
    for (std::size_t i = 0; i < classes.size(); ++i) {
        if (classes[i] == 0) continue;
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", classes[i],
                            to_string(static_cast<StuckClass>(i)));
    }
    return text;
}

std::string sample_json(Duration since_start, const SocketSample& sample) {
    Json out{{"type", "sample"}, {"t_s", to_seconds(since_start)}};
    out["accept_queue"] = sample.accept_queue;
    if (sample.backlog > 0) out["backlog"] = sample.backlog;
    out["states"] = Json::object();
    for (std::size_t i = 1; i < tcp_state_count; ++i) {
        if (sample.states[i] > 0) out["states"][tcp_state_name(i)] = sample.states[i];
    }
    out["close_wait"] = sample.close_wait;
    out["stale"] = sample.stale;
    if (sample.fds) out["fds"] = *sample.fds;
    if (sample.fd_limit) out["fd_limit"] = *sample.fd_limit;
    return out.dump();
}

std::string verdict_json(const SocketReport& report) {
    Json out{{"type", "verdict"}};
    out.update(socket_report_json(report));
    return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

void WatchPrinter::start(const std::optional<ProcessInfo>& owner) {
    if (owner) pid_ = owner->pid;
    if (!for_people()) return;
    out_ << fmt::format("watching port {}", options_.port)
         << (owner ? fmt::format(", pid {}: {}", owner->pid, owner->command)
                   : ", whose process is not visible (needs the same user or CAP_SYS_PTRACE)")
         << std::endl;
}

void WatchPrinter::line(Duration since_start, const SocketSample& sample,
                        const std::optional<ProcessInfo>& owner) {
    if (options_.jsonl) return;  // the sampler writes
    if (options_.json) {
        out_ << sample_json(since_start, sample) << std::endl;
        return;
    }
    if (lines_ == 0 || (options_.terminal && lines_ % lines_per_heading == 0)) heading();
    ++lines_;
    const auto full = until_full(since_start, sample);
    out_ << row(fmt::format("{:.0f} s", to_seconds(since_start)),
                fmt::format("{}/{}", sample.accept_queue,
                            or_unknown(sample.backlog, sample.backlog > 0)),
                fmt::to_string(in_state(sample, TcpState::established)),
                fmt::to_string(sample.close_wait), fmt::to_string(sample.stale),
                fmt::to_string(in_state(sample, TcpState::fin_wait2)),
                fmt::format("{}/{}", or_unknown(sample.fds.value_or(0), sample.fds.has_value()),
                            or_unknown(sample.fd_limit.value_or(0), sample.fd_limit.has_value())),
                full ? format_duration(*full) : "-")
         << std::endl;
    events(sample, owner);
}

void WatchPrinter::events(const SocketSample& sample, const std::optional<ProcessInfo>& owner) {
    const bool listens = in_state(sample, TcpState::listen) > 0;
    if (listens != listened_)
        event(listens ? "a socket listens again" : "nothing listens any more");
    listened_ = listens;
    if (owner && pid_ != owner->pid) {
        event(fmt::format("{} listens: pid {}: {}", pid_ ? "another process" : "a process",
                          owner->pid, owner->command));
    }
    if (owner) pid_ = owner->pid;
    bool news = false;
    for (std::size_t i = 0; i < stuck_class_count; ++i) {
        // Told when the first of a kind comes, and each time they have doubled since.
        if (sample.classes[i] > 0 && sample.classes[i] >= 2 * told_[i]) {
            told_[i] = sample.classes[i];
            news = true;
        }
    }
    if (news) event(fmt::format("{} stale: {}", sample.stale, classes_text(sample.classes)));
}

void WatchPrinter::event(const std::string& text) {
    out_ << fmt::format("{:>9} {}", "*", text) << std::endl;
}

/// From the trend of the last minute; nothing when they do not surely grow.
std::optional<Duration> WatchPrinter::until_full(Duration at, const SocketSample& sample) {
    if (!sample.fds || !sample.fd_limit) return {};
    // Another limit is that of another process, or was changed: the trend begins anew.
    if (std::exchange(fd_limit_, sample.fd_limit) != sample.fd_limit) descriptors_.clear();
    descriptors_.push_back({to_seconds(at), static_cast<double>(*sample.fds)});
    if (descriptors_.size() > descriptors_kept) descriptors_.pop_front();
    if (descriptors_.size() < descriptors_needed) return {};
    std::vector<double> time, open;
    for (const auto& one : descriptors_) {
        time.push_back(one.at_s);
        open.push_back(one.open);
    }
    const auto trend = trend_of(time, open);
    const bool still = open.back() > open[open.size() - descriptors_needed];
    if (trend.z < surely || trend.low <= 0 || open.back() - open.front() < 5 || !still) return {};
    const double left = static_cast<double>(*sample.fd_limit) - open.back();
    const double eta = std::max(0.0, left) / trend.slope;
    if (eta > to_seconds(std::chrono::hours{24 * 365})) return {};
    return seconds(eta);
}

void WatchPrinter::heading() {
    out_ << row("time", "queue", "ESTABLISHED", "CLOSE_WAIT", ">= " + format_duration_exact(tau_),
                "FIN_WAIT2", "fds/limit", "full in")
         << '\n';
}

void WatchPrinter::no_sample(Duration since_start, const std::string& why) {
    if (options_.jsonl) return;
    if (options_.json) {
        out_ << Json{{"type", "failure"}, {"t_s", to_seconds(since_start)}, {"text", why}}.dump()
             << std::endl;
    } else {
        out_ << fmt::format("{:>5.0f} s  {}", to_seconds(since_start), why) << std::endl;
    }
}

void WatchPrinter::verdict(const SocketReport& report) {
    if (!for_people()) {
        out_ << verdict_json(report) << std::endl;
        return;
    }
    if (!options_.replay) out_ << '\n';
    out_ << to_string(report.word) << "  " << report.text << '\n';
    for (const auto& flag : report.flags) out_ << "  flag: " << flag << '\n';
    for (const auto& [name, fact] : socket_facts(report)) {
        out_ << "  " << name << ": " << fact << '\n';
    }
    if (report.oldest.empty()) {
        out_.flush();
        return;
    }
    out_ << fmt::format("  {:<22}{:<18}{:<24}{}\n", "peer", "in CLOSE_WAIT", "class", "kernel");
    for (const auto& socket : report.oldest) {
        out_ << fmt::format("  {:<21} {:<17} {:<23} {}\n", socket.peer, age(socket),
                            to_string(stuck_class(socket)), kernel_text(socket));
    }
    if (report.leaked > report.oldest.size()) {
        out_ << fmt::format("  and {} more\n", report.leaked - report.oldest.size());
    }
    out_.flush();
}

}  // namespace loadline

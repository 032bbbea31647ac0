#include "report/html_target.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/fill.hpp"
#include "base/units.hpp"
#include "report/figures.hpp"
#include "report/html_parts.hpp"
#include "report/markup.hpp"
#include "report/probes_text.hpp"

namespace loadline {
namespace {

const char* tone_of(SocketWord word) {
    switch (word) {
        case SocketWord::ok:
        case SocketWord::transient:
        case SocketWord::reclaimed:
            return "pass";
        case SocketWord::leak_confirmed:
            return "fail";
        default:
            return "invalid";
    }
}

std::string charts(const std::vector<SocketSample>& samples) {
    if (samples.empty()) return {};
    auto out = samples.front().counts_only
                   ? chart_frame("sockets", "Sockets of the whole machine over time",
                                 "Lines: sockets in each state")
                   : chart_frame("sockets", "Sockets of the server over time",
                                 "Lines: sockets in each state, and the stale ones in CLOSE_WAIT");
    const auto any = [&](auto test) { return std::any_of(samples.begin(), samples.end(), test); };
    if (any([](const SocketSample& s) { return s.fds.has_value(); })) {
        out += chart_frame("descriptors", "Open file descriptors of the server",
                           "The line of open descriptors, and their limit where it is near");
    }
    if (any([](const SocketSample& s) { return s.backlog > 0; })) {
        out += chart_frame("accept-queue", "Accept queue of the server",
                           "Connections that wait to be accepted, and the backlog");
    }
    return out;
}

/// How many were open at most, and the limit of that moment: the chart shows it only where it is
/// near. Empty where they were not visible.
std::string descriptors_text(const std::vector<SocketSample>& samples) {
    const auto fill = [](const SocketSample& s) { return Fill{*s.fds, s.fd_limit.value_or(0)}; };
    const auto fullest = std::max_element(
        samples.begin(), samples.end(), [&](const SocketSample& a, const SocketSample& b) {
            return b.fds && (!a.fds || fill(b).fuller_than(fill(a)));
        });
    if (fullest == samples.end() || !fullest->fds) return {};
    const auto most = "at most " + count_text(*fullest->fds) + " open";
    return fullest->fd_limit ? fmt::format("{}, of {}", most, count_text(*fullest->fd_limit))
                             : most;
}

std::string facts(const SocketReport& s, const std::vector<SocketSample>& samples) {
    HtmlTable facts{"Facts of the sockets", {"", ""}};
    if (s.pid) facts.add({"Process", fmt::format("{}  {}", *s.pid, s.command)});
    facts.add({"Connections closed by us", count_text(s.closes)});
    const bool unknown = s.word == SocketWord::unknown;
    if (!unknown) {
        facts.add({s.counts_only ? "More in CLOSE_WAIT than before" : "Stayed in CLOSE_WAIT",
                   count_text(s.leaked)});
    }
    if (s.leak_fraction) {
        facts.add({"Share of the closes",
                   fmt::format("{} (95 % interval {} to {})", format_share(*s.leak_fraction),
                               format_share(s.leak_fraction_interval[0]),
                               format_share(s.leak_fraction_interval[1]))});
    }
    if (!unknown) {
        facts.add({"CLOSE_WAIT at most", count_text(s.close_wait_max)});
        facts.add({"There before the load",
                   count_text(s.before) + (s.counts_only ? "" : ", not counted")});
    }
    if (!s.counts_only) facts.add({"Stale from", round_duration(s.tau)});
    if (const auto text = descriptors_text(samples); !text.empty()) {
        facts.add({"Open file descriptors", text});
    }
    for (const auto& [name, fact] : socket_facts(s)) facts.add({name, fact});
    for (const auto& flag : s.flags) facts.add({"Flag", flag}, {}, "fail", 1);
    return facts.text();
}

std::string oldest(const std::vector<StuckSocket>& sockets) {
    if (sockets.empty()) return {};
    HtmlTable table{
        "Oldest sockets",
        {"<Peer", "Age at least", "At most", "Unread bytes", "<What it says", "<The kernel"}};
    for (const auto& socket : sockets) {
        table.add({socket.peer, format_duration(socket.age_at_least),
                   socket.age_bounded ? format_duration(socket.age_at_most) : "–",
                   count_text(socket.unread), meaning_of(socket), kernel_text(socket)});
    }
    return "<h3>The oldest in CLOSE_WAIT</h3>\n" + table.text();
}

}  // namespace

std::string sockets_section(const RunResult& result) {
    if (!result.sockets) {
        if (result.not_watched.empty()) return {};
        return heading("Server sockets") + note("Not watched: " + result.not_watched);
    }
    const auto& s = *result.sockets;
    return heading(s.counts_only ? "Sockets of the whole machine"
                                 : fmt::format("Server sockets, port {}", s.port)) +
           fmt::format("<p><strong class=\"{}\">{}</strong> {}</p>\n", tone_of(s.word),
                       escape_html(to_string(s.word)), escape_html(s.text)) +
           charts(result.socket_samples) + facts(s, result.socket_samples) + oldest(s.oldest);
}

std::string kubelet_section(const RunResult& result) {
    if (result.probes.empty()) return {};
    HtmlTable table{"Kubelet probes", {"<Probe", "<What the kubelet would have done", "<Asked"}};
    for (const auto& probe : result.probes) {
        table.add({to_string(probe.probe.kind), probe.text + rate_then_text(result, probe),
                   probe_text(probe)},
                  {}, probe.alarming() ? "invalid" : "pass", 0);
    }
    return heading("Kubelet probes",
                   "One shadow probe a second, replayed in every phase that the kubelet's own "
                   "probes may have. They do not change the verdict.") +
           table.text();
}

}  // namespace loadline

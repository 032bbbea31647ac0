#include "watch/kernel_counters.hpp"

#include <fmt/format.h>

#include <sstream>
#include <string>

#include "base/procfs.hpp"

namespace loadline {
namespace {

/// The value of `name` in a table of two lines a protocol: "Tcp: A B" and below "Tcp: 1 2".
std::optional<std::uint64_t> counter(std::string_view text, std::string_view protocol,
                                     std::string_view name) {
    std::istringstream lines{std::string{text}};
    for (std::string names, values; std::getline(lines, names) && std::getline(lines, values);) {
        if (!names.starts_with(protocol)) continue;
        std::istringstream name_words{names}, value_words{values};
        for (std::string n, v; name_words >> n && value_words >> v;) {
            if (n == name) return std::strtoull(v.c_str(), nullptr, 10);
        }
    }
    return {};
}

}  // namespace

std::optional<KernelUse> parse_kernel_counters(std::string_view netstat, std::string_view snmp) {
    const auto overflows = counter(netstat, "TcpExt:", "ListenOverflows");
    const auto syns = counter(netstat, "TcpExt:", "TCPSynRetrans");
    const auto sent = counter(snmp, "Tcp:", "OutSegs");
    const auto again = counter(snmp, "Tcp:", "RetransSegs");
    if (!overflows || !sent || !again) return {};
    KernelUse counts;
    counts.listen_overflows = *overflows;
    counts.segments = *sent;
    counts.syn_retransmits = syns.value_or(0);
    counts.retransmits = *again - std::min(*again, counts.syn_retransmits);
    return counts;
}

std::optional<KernelUse> KernelMeter::look(std::optional<int> pid) {
    const auto read = [](const std::string& folder) {
        return parse_kernel_counters(read_text(folder + "/netstat"), read_text(folder + "/snmp"));
    };
    auto now = pid ? read(fmt::format("/proc/{}/net", *pid)) : read("/proc/net");
    if (!now && pid) {
        pid.reset();
        now = read("/proc/net");
    }
    std::optional<KernelUse> use;
    const auto since = [](std::uint64_t later, std::uint64_t before) {
        return later - std::min(later, before);  // they are not one snapshot
    };
    if (now && before_ && pid == pid_) {
        use.emplace();
        for (const auto each : {&KernelUse::listen_overflows, &KernelUse::segments,
                                &KernelUse::retransmits, &KernelUse::syn_retransmits}) {
            (*use).*each = since((*now).*each, (*before_).*each);
        }
    }
    before_ = now;
    pid_ = pid;
    return use;
}

}  // namespace loadline

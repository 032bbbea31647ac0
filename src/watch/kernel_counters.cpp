#include "watch/kernel_counters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "base/procfs.hpp"

namespace loadline {
namespace {

/// Cuts what comes before the next `end`, or all, off the front.
std::string_view cut(std::string_view& text, char end) {
    const auto part = text.substr(0, text.find(end));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    return part;
}

/// The value of `name` in a table of two lines a protocol: "Tcp: A B" and below "Tcp: 1 2". It is
/// read with every sample of the sockets, so no word is copied.
std::optional<std::uint64_t> counter(std::string_view text, std::string_view protocol,
                                     std::string_view name) {
    while (!text.empty()) {
        auto names = cut(text, '\n'), values = cut(text, '\n');
        if (!names.starts_with(protocol)) continue;
        while (!names.empty() && !values.empty()) {
            const auto value = cut(values, ' ');
            if (cut(names, ' ') != name) continue;
            std::uint64_t count = 0;
            const auto [end, ec] =
                std::from_chars(value.data(), value.data() + value.size(), count);
            if (ec == std::errc{}) return count;
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

KernelUse counted_since(const KernelUse& now, const KernelUse& before) {
    KernelUse use;
    for (const auto each : {&KernelUse::listen_overflows, &KernelUse::segments,
                            &KernelUse::retransmits, &KernelUse::syn_retransmits}) {
        use.*each = now.*each < before.*each ? now.*each : now.*each - before.*each;
    }
    return use;
}

std::optional<KernelUse> KernelMeter::look(std::optional<int> pid) {
    const auto read = [](const std::string& folder) {
        return parse_kernel_counters(read_text(folder + "/netstat"), read_text(folder + "/snmp"));
    };
    if (namespace_of_) pid = namespace_of_;
    auto now = pid ? read(fmt::format("/proc/{}/net", *pid)) : read("/proc/net");
    if (!now && pid && !namespace_of_) {
        pid.reset();
        now = read("/proc/net");
    }
    std::optional<KernelUse> use;
    if (now && before_ && pid == pid_) {
        // Retransmits less those of SYNs may go back: they are not one snapshot.
        now->retransmits = std::max(now->retransmits, before_->retransmits);
        use = counted_since(*now, *before_);
    }
    before_ = now;
    pid_ = pid;
    return use;
}

}  // namespace loadline

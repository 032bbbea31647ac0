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

/// Takes our counters from tables of two lines each: "Tcp: A B" and below "Tcp: 1 2". Whether there
/// was any. It is read while the sockets are sampled, so no word is copied.
bool read_tables(std::string_view text, KernelUse& counts) {
    bool any = false;
    while (!text.empty()) {
        auto names = cut(text, '\n'), values = cut(text, '\n');
        const auto table = cut(names, ' ');
        if (table != "Tcp:" && table != "TcpExt:") continue;
        cut(values, ' ');
        while (!names.empty() && !values.empty()) {
            const auto name = cut(names, ' '), value = cut(values, ' ');
            for (const auto& counter : kernel_counters) {
                if (counter.name != name || counter.table != table) continue;
                const auto* end = value.data() + value.size();
                any |= std::from_chars(value.data(), end, counts.*counter.count).ec == std::errc{};
            }
        }
    }
    return any;
}

}  // namespace

std::optional<KernelUse> parse_kernel_counters(std::string_view netstat, std::string_view snmp) {
    KernelUse counts;
    if (!read_tables(netstat, counts) || !read_tables(snmp, counts)) return {};
    return counts;
}

KernelUse counted_since(const KernelUse& now, const KernelUse& before) {
    KernelUse use;
    for (const auto& counter : kernel_counters) {
        const auto total = now.*counter.count, then = before.*counter.count;
        use.*counter.count = total < then ? total : total - then;
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
    if (now && before_ && pid == pid_) use = counted_since(*now, *before_);
    before_ = now;
    pid_ = pid;
    return use;
}

}  // namespace loadline

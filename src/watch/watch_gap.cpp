#include "watch/watch_gap.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace loadline {
namespace {

constexpr Duration longest_between = std::chrono::seconds{3};

std::string lines(std::uint64_t n) { return n == 1 ? "1 line" : fmt::format("{} lines", n); }

}  // namespace

WatchGap find_gap(std::span<const SocketSample> samples, const WatchedStretch& stretch) {
    const auto& [begin, end, tau, lost] = stretch;
    if (samples.empty() || samples.back().at <= begin) {
        return {"no sample was taken while the load ran", true};
    }
    // The last sample before the begin shows how the load found the server.
    const auto first = std::partition_point(samples.begin(), samples.end(),
                                            [&](const auto& s) { return s.at <= begin; });
    auto before = begin;
    Duration holes{}, longest{};
    for (auto next = first; next != samples.end() && before < end; ++next) {
        const auto between = std::min(next->at, end) - before;
        before = next->at;
        if (between <= longest_between) continue;
        holes += between;
        longest = std::max(longest, between);
    }
    const auto late = first == samples.begin() ? first->at - begin : Duration{};
    const auto early = end - samples.back().at;
    if (early > longest_between) {
        return {
            fmt::format("the watch ended {} before the settle time did", format_duration(early)),
            true};
    }
    if (late > longest_between) {
        return {fmt::format("the watch began {} after the load did", format_duration(late)), true};
    }
    if (longest >= tau || 10 * holes > end - begin) {
        return {fmt::format("for {} of {} there is no sample of the sockets ({} missing)",
                            format_duration(holes), format_duration(end - begin), lines(lost)),
                true};
    }
    if (holes == Duration{} && lost == 0) return {};
    if (holes == Duration{}) return {fmt::format("{} of the watch never came", lines(lost)), false};
    return {fmt::format("{} of the watch never came: no sample for {} of {}", lines(lost),
                        format_duration(holes), format_duration(end - begin)),
            false};
}

}  // namespace loadline

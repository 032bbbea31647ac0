#include "missiond/faults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/units.hpp"

namespace loadline::missiond {
namespace {

constexpr std::array<std::string_view, 12> served_later{
    "service-time", "stall",    "errors",     "queue",      "slow-close", "never-read",
    "backlog",      "lose-bet", "double-pay", "hang-after", "cold-start", "nofile"};

Error wrong(std::string_view text, std::string_view why) {
    return usage_error(fmt::format("--fault {}: {}", text, why));
}

}  // namespace

std::vector<std::string> Faults::describe() const {
    std::vector<std::string> lines;
    if (capacity) lines.push_back("fault capacity=" + format_rate(*capacity));
    if (leak_close_wait) {
        lines.push_back(fmt::format("fault leak-close-wait={:g}%", *leak_close_wait * 100));
    }
    return lines;
}

Result<Faults> parse_faults(std::span<const std::string> texts) {
    Faults faults;
    for (const auto& text : texts) {
        const auto equals = std::min(text.find('='), text.size());
        const auto name = std::string_view{text}.substr(0, equals);
        const auto value = std::string_view{text}.substr(std::min(equals + 1, text.size()));
        if (name == "capacity") {
            const auto rate = parse_rate(value);
            if (!rate) return wrong(text, rate.error().message);
            if (!(rate->per_second() > 0 && rate->per_second() <= 1e9)) {
                return wrong(text, "the capacity must be above zero and at most 10^9/s");
            }
            if (faults.capacity) return wrong(text, "the capacity is given twice");
            faults.capacity = *rate;
        } else if (name == "leak-close-wait") {
            const auto share = parse_share(value);
            if (!share) return wrong(text, share.error().message);
            if (faults.leak_close_wait) return wrong(text, "the share is given twice");
            faults.leak_close_wait = *share;
        } else if (std::find(served_later.begin(), served_later.end(), name) !=
                   served_later.end()) {
            return wrong(text, "this version serves only capacity and leak-close-wait");
        } else {
            return wrong(text, "there is no such fault; there are capacity and leak-close-wait");
        }
    }
    return faults;
}

bool EvenShare::next() {
    const auto n = static_cast<double>(calls_.fetch_add(1, std::memory_order_relaxed));
    return std::floor((n + 1) * share_ + 0.5) > std::floor(n * share_ + 0.5);
}

}  // namespace loadline::missiond

#include "missiond/faults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/units.hpp"

namespace loadline::missiond {
namespace {

constexpr std::array<std::string_view, 9> served_later{"service-time", "stall",      "errors",
                                                       "slow-close",   "never-read", "lose-bet",
                                                       "double-pay",   "hang-after", "cold-start"};
constexpr const char* served = "capacity, leak-close-wait, queue, backlog and nofile";

Error wrong(std::string_view text, std::string_view why) {
    return usage_error(fmt::format("--fault {}: {}", text, why));
}

/// A fault whose value is a count, given once at most.
Result<void> read_count(std::string_view text, std::string_view value, std::uint64_t least,
                        std::uint64_t most, std::optional<std::uint64_t>& into) {
    const auto count = parse_count(value);
    if (!count) return wrong(text, count.error().message);
    if (*count < least || *count > most) {
        return wrong(text, fmt::format("between {} and {}", least, most));
    }
    if (into) return wrong(text, "it is given twice");
    into = *count;
    return {};
}

}  // namespace

std::vector<std::string> Faults::describe() const {
    std::vector<std::string> lines;
    if (capacity) lines.push_back("fault capacity=" + format_rate(*capacity));
    if (leak_close_wait) {
        lines.push_back(fmt::format("fault leak-close-wait={:g}%", *leak_close_wait * 100));
    }
    if (queue) lines.push_back(fmt::format("fault queue={}", *queue));
    if (backlog) {
        lines.push_back(
            fmt::format("fault backlog={}, {} connections at a time", *backlog, most_open));
    }
    if (nofile) lines.push_back(fmt::format("fault nofile={}", *nofile));
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
        } else if (name == "queue") {
            if (auto read = read_count(text, value, 1, 1'000'000, faults.queue); !read) {
                return read.error();
            }
        } else if (name == "backlog") {
            if (auto read = read_count(text, value, 1, 4096, faults.backlog); !read) {
                return read.error();
            }
        } else if (name == "nofile") {
            if (auto read = read_count(text, value, 32, 1'000'000, faults.nofile); !read) {
                return read.error();
            }
        } else if (std::find(served_later.begin(), served_later.end(), name) !=
                   served_later.end()) {
            return wrong(text, fmt::format("this version serves only {}", served));
        } else {
            return wrong(text, fmt::format("there is no such fault; there are {}", served));
        }
    }
    if (faults.queue && !faults.capacity) {
        return wrong("queue", "it is the queue before --fault capacity=RATE, which is not given");
    }
    return faults;
}

bool EvenShare::next() {
    const auto n = static_cast<double>(calls_.fetch_add(1, std::memory_order_relaxed));
    return std::floor((n + 1) * share_ + 0.5) > std::floor(n * share_ + 0.5);
}

}  // namespace loadline::missiond

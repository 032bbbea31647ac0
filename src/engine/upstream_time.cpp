#include "engine/upstream_time.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace loadline {
namespace {

constexpr double longest_ms = 3'600'000;  // more is no answer's time

/// The number at the start of `text`; nothing for another text, "-" say.
std::optional<double> leading_number(std::string_view text) {
    double n = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    const bool usable = ec == std::errc{} && n >= 0 && n <= longest_ms;  // NaN is not
    return usable ? std::optional{n} : std::nullopt;
}

Duration of_ms(double ms) { return Duration{static_cast<std::int64_t>(ms * 1e6)}; }

std::optional<double> sum_of_seconds(std::string_view list) {
    std::optional<double> sum;
    while (!list.empty()) {
        const auto end = std::min(list.find_first_of(",: "), list.size());
        if (const auto n = leading_number(list.substr(0, end))) sum = sum.value_or(0) + *n;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return sum;
}

}  // namespace

std::optional<Duration> upstream_time(const ResponseView& reply) {
    if (const auto sum = sum_of_seconds(reply.header("X-Upstream-Response-Time"))) {
        return of_ms(1e3 * *sum);
    }
    if (const auto ms = leading_number(reply.header("X-Envoy-Upstream-Service-Time"))) {
        return of_ms(*ms);
    }
    return {};
}

}  // namespace loadline

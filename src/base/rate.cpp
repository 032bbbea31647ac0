#include "base/rate.hpp"

#include <fmt/format.h>

#include <charconv>

namespace loadline {

Result<Rate> parse_rate(std::string_view text) {
    double n = 0;
    const char* end = text.data() + text.size();
    const auto [rest, ec] = std::from_chars(text.data(), end, n);
    const std::string_view unit{rest, static_cast<std::size_t>(end - rest)};

    if (ec == std::errc{} && std::isfinite(n) && n >= 0) {
        if (unit.empty() || unit == "/s") return Rate::per_second(n);
        if (unit == "/m") return Rate::per_second(n / 60);
        if (unit == "k" || unit == "k/s") return Rate::per_second(n * 1000);
    }
    return usage_error("rate \"" + std::string{text} + "\" is not like 500, 500/s or 30/m");
}

std::string format_rate(Rate rate) { return fmt::format("{:g}/s", rate.per_second()); }

}  // namespace loadline

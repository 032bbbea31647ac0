#include "base/time.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <ctime>
#include <optional>

namespace loadline {
namespace {

std::optional<double> unit_ns(std::string_view unit) {
    if (unit == "ns") return 1;
    if (unit == "us" || unit == "µs") return 1e3;
    if (unit == "ms") return 1e6;
    if (unit == "s") return 1e9;
    if (unit == "m") return 60e9;
    if (unit == "h") return 3600e9;
    return {};
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
    const auto wrong = [&] {
        return usage_error(fmt::format("duration \"{}\" is not like 250ms, 10s or 1m30s", text));
    };
    if (text == "0") return Duration{};
    double total = 0;
    auto rest = text;
    while (!rest.empty()) {
        double n = 0;
        const auto [end, ec] =
            std::from_chars(rest.data(), rest.data() + rest.size(), n, std::chars_format::fixed);
        if (ec != std::errc{} || n < 0) return wrong();
        rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
        const auto unit = rest.substr(0, rest.find_first_of("0123456789."));
        const auto ns = unit_ns(unit);
        if (!ns) return wrong();
        total += n * *ns;
        rest.remove_prefix(unit.size());
    }
    if (text.empty() || total > 9e18) return wrong();
    return Duration{std::llround(total)};
}

std::string format_duration(Duration d) {
    const double ns = static_cast<double>(d.count());
    const auto digits = [](double v, const char* unit) {
        return v >= 99.95   ? fmt::format("{:.0f} {}", v, unit)
               : v >= 9.995 ? fmt::format("{:.1f} {}", v, unit)
                            : fmt::format("{:.2f} {}", v, unit);
    };
    if (ns < 0) return "-" + format_duration(-d);
    if (ns == 0) return "0";
    if (ns < 999.5) return fmt::format("{} ns", d.count());
    if (ns < 999.5e3) return digits(ns / 1e3, "µs");
    if (ns < 999.5e6) return digits(ns / 1e6, "ms");
    if (ns < 60e9) return digits(ns / 1e9, "s");
    return format_duration_exact(std::chrono::round<std::chrono::seconds>(d));
}

std::string format_duration_exact(Duration d) {
    if (d.count() == 0) return "0s";
    std::string out;
    auto rest = d.count();
    const struct {
        std::int64_t ns;
        const char* unit;
    } units[] = {{3'600'000'000'000, "h"}, {60'000'000'000, "m"}, {1'000'000'000, "s"},
                 {1'000'000, "ms"},        {1'000, "us"},         {1, "ns"}};
    for (const auto& [ns, unit] : units) {
        if (rest / ns > 0) out += fmt::format("{}{}", rest / ns, unit);
        rest %= ns;
    }
    return out;
}

std::string iso_utc(std::chrono::system_clock::time_point at) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(at)));
}

std::string compact_utc(std::chrono::system_clock::time_point at) {
    return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(at)));
}

}  // namespace loadline

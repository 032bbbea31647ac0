#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

namespace loadline {

Result<std::uint64_t> parse_count(std::string_view text) {
    std::uint64_t n = 0;
    const char* end = text.data() + text.size();
    const auto [rest, ec] = std::from_chars(text.data(), end, n);
    const std::string_view unit{rest, static_cast<std::size_t>(end - rest)};
    const std::uint64_t factor = unit.empty()  ? 1
                                 : unit == "k" ? 1'000
                                 : unit == "M" ? 1'000'000
                                               : 0;
    if (ec != std::errc{} || factor == 0 || n > UINT64_MAX / factor) {
        return usage_error(fmt::format("count \"{}\" is not like 64, 10k or 2M", text));
    }
    return n * factor;
}

Result<double> parse_share(std::string_view text) {
    double n = 0;
    const char* end = text.data() + text.size();
    const auto [rest, ec] = std::from_chars(text.data(), end, n);
    const std::string_view unit{rest, static_cast<std::size_t>(end - rest)};
    if (unit == "%") n /= 100;
    if (ec != std::errc{} || (!unit.empty() && unit != "%") || !(n >= 0 && n <= 1)) {
        return usage_error(fmt::format("share \"{}\" is not like 5% or 0.05", text));
    }
    return n;
}

std::string format_number(double value) {
    if (!std::isfinite(value)) return fmt::format("{}", value);
    const double size = std::abs(value);
    if (size != 0 && size < 0.001) return fmt::format("{:.3g}", value);
    std::string text = size >= 1000  ? fmt::format("{:.0f}", value)
                       : size >= 100 ? fmt::format("{:.1f}", value)
                       : size >= 1   ? fmt::format("{:.2f}", value)
                                     : fmt::format("{:.3f}", value);
    if (text.find('.') != std::string::npos) {
        text.erase(text.find_last_not_of('0') + 1);
        if (text.back() == '.') text.pop_back();
    }
    if (size >= 10'000) {  // 18250 -> "18 250"
        for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > (value < 0 ? 1 : 0);
             at -= 3) {
            text.insert(static_cast<std::size_t>(at), 1, ' ');
        }
    }
    return text;
}

std::string format_share(double share) { return format_number(share * 100) + " %"; }

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1,
                                d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
            }
        }
    }
    return d[a.size()][b.size()];
}

}  // namespace loadline

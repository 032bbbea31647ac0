#pragma once
#include <cassert>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/time.hpp"

namespace loadline {

/// Arrivals per second. Never negative or NaN; zero means "send nothing".
class Rate {
public:
    constexpr Rate() = default;
    static constexpr Rate per_second(double n) {
        assert(n >= 0);
        return Rate{n};
    }
    constexpr double per_second() const { return per_second_; }

    /// When arrival `n` (0-based) is due after the start. Computed from `n`, not
    /// by adding periods, so rounding never accumulates. Requires a rate above zero.
    Duration offset_of(std::uint64_t n) const {
        return Duration{std::llround(1e9 * static_cast<double>(n) / per_second_)};
    }

    constexpr auto operator<=>(const Rate&) const = default;

private:
    explicit constexpr Rate(double n) : per_second_{n} {}
    double per_second_ = 0;
};

/// Reads "500", "500/s" or "30/m". The message repeats the text and shows the
/// accepted form; the caller adds where it was read from.
Result<Rate> parse_rate(std::string_view text);

/// "500/s", "0.5/s": what parse_rate reads back.
std::string format_rate(Rate rate);

}  // namespace loadline

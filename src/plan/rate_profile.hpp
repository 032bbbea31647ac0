#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/rate.hpp"
#include "base/time.hpp"

namespace loadline {

/// One stretch of a load whose rate goes in a straight line; `from == to` holds it.
struct RateStage {
    Rate from, to;
    Duration length{};

    bool operator==(const RateStage&) const = default;
};

/// An intended rate over time: constant for ever, or stages of straight lines, one after
/// the other, and nothing after the last.
///
/// Arrival `n` (0-based, also between whole numbers) is due when `n` arrivals have been
/// asked for: `instant_of` is the inverse of `arrivals_until`. A paced schedule takes the
/// whole numbers, a Poisson one the sums of exponential gaps of mean 1 (the time
/// transform of an inhomogeneous Poisson process: Cinlar, Introduction to Stochastic
/// Processes, 1975). Both follow the same rate.
///
/// Pure; an immutable value.
class RateProfile {
public:
    /// A constant rate is a profile; zero sends nothing.
    RateProfile(Rate constant) : constant_{constant} {}
    /// Requires a stage; a stage of no length is a jump.
    explicit RateProfile(const std::vector<RateStage>& stages);

    bool staged() const { return !pieces_.empty(); }
    /// In order; none when the rate is constant.
    std::vector<RateStage> stages() const;
    /// Sum of the stages' lengths. Requires staged().
    Duration length() const;
    /// The largest rate it ever asks for.
    Rate highest() const;
    /// The same shape, `factor` times as high. Requires a finite factor of zero or more.
    RateProfile scaled(double factor) const;

    /// How many arrivals were asked for up to `t`; never decreases. Requires t >= 0.
    double arrivals_until(Duration t) const;
    /// The mean rate between two instants. Requires from < to.
    Rate mean(Duration from, Duration to) const;

    /// When arrival `n` is due: computed from `n`, so that rounding never accumulates. For a
    /// constant rate it is Rate::offset_of. Duration::max() when it never is.
    Duration instant_of(double n) const {
        if (staged()) return staged_instant_of(n);
        return rounded(1e9 * n / constant_.per_second());
    }

private:
    /// A stage, and what came before it.
    struct Piece {
        RateStage stage;
        double start_ns = 0;  ///< from the start of the profile
        double before = 0;    ///< arrivals asked for in the stages before
        double arrivals = 0;  ///< in this one
    };

    static Duration rounded(double ns) {
        constexpr double longest_ns = 9.2e18;  // of a Duration; also refuses NaN and infinity
        return ns < longest_ns ? Duration{std::llround(ns)} : Duration::max();
    }
    Duration staged_instant_of(double n) const;

    Rate constant_;
    std::vector<Piece> pieces_;  ///< empty: constant
};

}  // namespace loadline

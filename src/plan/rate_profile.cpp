#include "plan/rate_profile.hpp"

#include <algorithm>
#include <cassert>

namespace loadline {
namespace {

/// Arrivals in the first `seconds` of a stage: the area under its line.
double area(const RateStage& stage, double seconds) {
    const double length = to_seconds(stage.length);
    if (length <= 0) return 0;
    const double a = stage.from.per_second(), b = stage.to.per_second();
    return a * seconds + (b - a) / length * seconds * seconds / 2;
}

/// The inverse of `area`. Written so that nothing cancels, however flat or steep the line.
double seconds_until(const RateStage& stage, double arrivals) {
    const double a = stage.from.per_second(), b = stage.to.per_second();
    const double slope = (b - a) / to_seconds(stage.length);
    const double rate_then = std::sqrt(std::max(0.0, a * a + 2 * slope * arrivals));
    return arrivals > 0 ? 2 * arrivals / (a + rate_then) : 0;
}

}  // namespace

RateProfile::RateProfile(const std::vector<RateStage>& stages) {
    assert(!stages.empty());
    double start_ns = 0, before = 0;
    for (const auto& stage : stages) {
        pieces_.push_back({stage, start_ns, before, area(stage, to_seconds(stage.length))});
        start_ns += static_cast<double>(stage.length.count());
        before += pieces_.back().arrivals;
    }
}

Duration RateProfile::length() const {
    assert(staged());
    const auto& last = pieces_.back();
    return Duration{std::llround(last.start_ns)} + last.stage.length;
}

std::vector<RateStage> RateProfile::stages() const {
    std::vector<RateStage> all;
    for (const auto& piece : pieces_) all.push_back(piece.stage);
    return all;
}

Rate RateProfile::highest() const {
    auto highest = constant_;
    for (const auto& piece : pieces_) {
        highest = std::max({highest, piece.stage.from, piece.stage.to});
    }
    return highest;
}

RateProfile RateProfile::scaled(double factor) const {
    const auto times = [&](Rate rate) { return Rate::per_second(rate.per_second() * factor); };
    if (!staged()) return times(constant_);
    auto scaled = stages();
    for (auto& stage : scaled) {
        stage.from = times(stage.from);
        stage.to = times(stage.to);
    }
    return RateProfile{scaled};
}

double RateProfile::arrivals_until(Duration t) const {
    assert(t >= Duration{});
    if (!staged()) return constant_.per_second() * to_seconds(t);
    const auto ns = static_cast<double>(t.count());
    const auto after = std::find_if(pieces_.begin() + 1, pieces_.end(),
                                    [&](const Piece& piece) { return piece.start_ns > ns; });
    const auto& piece = *(after - 1);
    const auto length_ns = static_cast<double>(piece.stage.length.count());
    return piece.before + area(piece.stage, std::min(ns - piece.start_ns, length_ns) / 1e9);
}

Rate RateProfile::mean(Duration from, Duration to) const {
    assert(from < to);
    if (!staged()) return constant_;
    const double arrivals = arrivals_until(to) - arrivals_until(from);
    return Rate::per_second(std::max(0.0, arrivals / to_seconds(to - from)));
}

/// An arrival at the seam of two stages belongs to the later one, after any pause.
Duration RateProfile::staged_instant_of(double n) const {
    const auto piece = std::partition_point(
        pieces_.begin(), pieces_.end(), [&](const Piece& p) { return p.before + p.arrivals <= n; });
    if (piece == pieces_.end()) return Duration::max();
    const double seconds = seconds_until(piece->stage, std::max(0.0, n - piece->before));
    const auto length_ns = static_cast<double>(piece->stage.length.count());
    return rounded(piece->start_ns + std::min(seconds * 1e9, length_ns));
}

}  // namespace loadline

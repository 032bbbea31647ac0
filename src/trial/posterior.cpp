#include "trial/posterior.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

namespace loadline {
namespace {

struct Weighted {
    double value, weight;
};
/// What is not known of the service, each with its prior.
constexpr Weighted slopes[] = {{2, .04}, {6, .12}, {15, .24}, {40, .28}, {90, .20}, {200, .12}};
constexpr Weighted floors[] = {{0, .85}, {.7, .15}};  // of the allowed share
constexpr Weighted clusters[] = {{.3, .2}, {1, .3}, {4, .3}, {15, .2}};
constexpr Weighted noises[] = {{.005, .65}, {.03, .35}};  // of the rate
constexpr std::size_t hypotheses =
    std::size(slopes) * std::size(floors) * std::size(clusters) * std::size(noises);

constexpr double lapse = 0.02;   // share of probes that tell nothing
constexpr double memory = 0.98;  // of old evidence, per probe
/// Cells beyond either edge: the rate noise looks sqrt(3) * 3 % = 8.7 cells aside.
constexpr std::size_t margin = 12;

/// ln I1(x) for x > 0 (Abramowitz and Stegun 9.8.3 and 9.8.4; relative error below 2e-7).
double log_bessel_i1(double x) {
    if (x < 3.75) {
        const double t = (x / 3.75) * (x / 3.75);
        const double sum =
            .87890594 +
            t * (.51498869 + t * (.15084934 + t * (.02658733 + t * (.00301532 + t * .00032411))));
        return std::log(x * (.5 + t * sum));
    }
    const double t = 3.75 / x;
    const double tail =
        .01031555 - t * (.02282967 - t * (.02895312 - t * (.01787654 - t * .00420059)));
    const double sum = .39894228 - t * (.03988024 + t * (.00362018 - t * (.00163801 - t * tail)));
    return x + std::log(sum) - .5 * std::log(x);
}

/// The share of bad requests at `rate` were the load line at each cell, margins included.
void expected_shares(const ClauseModel& model, double slope, double floor, double log_rate,
                     double log_low, std::vector<double>& out) {
    const double base = floor * model.bad_share;
    const double allowed = (model.bad_share - base) / (1 - base);
    const double at_line = std::log(allowed / (1 - allowed));
    for (std::size_t i = 0; i < out.size(); ++i) {
        const double line =
            log_low + Posterior::cell * (static_cast<double>(i) + .5 - static_cast<double>(margin));
        const double z = std::clamp(at_line + slope * (log_rate - line), -25.0, 7.0);
        out[i] = base + (1 - base) / (1 + std::exp(-z));
    }
}

/// How likely the sighting is where `share` of the requests is bad, in clusters of `cluster_s`.
double likelihood(const Sighting& s, double share, double cluster_s) {
    const double mean_s = share * s.length_s;
    double log_of_it = 0;
    if (s.aborted) {
        const double far = (s.bad_s - mean_s) / std::sqrt(2 * mean_s * cluster_s + 1e-12);
        log_of_it = std::log(.5 * std::erfc(far / std::numbers::sqrt2) + 1e-12);
    } else {
        const double expected_clusters = mean_s / cluster_s;
        log_of_it = -expected_clusters;
        if (s.bad_s > 0) {
            log_of_it += -s.bad_s / cluster_s +
                         .5 * std::log(expected_clusters / (cluster_s * s.bad_s)) +
                         log_bessel_i1(2 * std::sqrt(expected_clusters * s.bad_s / cluster_s));
        }
    }
    return std::exp(std::clamp(log_of_it, -60.0, 30.0));
}

/// How likely a probe is that tells nothing.
double outlier_likelihood(const Sighting& s) {
    if (s.aborted) return .1;
    return s.bad_s <= 0 ? .3 : .5 / (s.bad_s + .02 * s.length_s);
}

/// The mean over a normal rate noise, by three points, `aside` cells away.
float blurred(const std::vector<float>& at, std::size_t i, double aside) {
    const auto whole = static_cast<std::size_t>(aside);
    const auto part = static_cast<float>(aside - static_cast<double>(whole));
    const float above = at[i + whole] * (1 - part) + at[i + whole + 1] * part;
    const float below = at[i - whole] * (1 - part) + at[i - whole - 1] * part;
    return (4 * at[i] + above + below) / 6;
}

std::size_t cells_between(double log_low, double high) {
    return static_cast<std::size_t>(
        std::max(40.0, std::floor((std::log(high) - log_low) / Posterior::cell)));
}

/// Calls `visit(k, log_prior, slope, floor, cluster, noise)` for the hypotheses, in order.
template <class Visit>
void for_each_hypothesis(Visit visit) {
    std::size_t k = 0;
    for (const auto& slope : slopes)
        for (const auto& floor : floors)
            for (const auto& cluster : clusters)
                for (const auto& noise : noises) {
                    const double prior =
                        slope.weight * floor.weight * cluster.weight * noise.weight;
                    visit(k++, static_cast<float>(std::log(prior)), slope.value, floor.value,
                          cluster.value, noise.value);
                }
}

}  // namespace

Posterior::Posterior(const ClauseModel& model, double low, double high)
    : model_{model}, log_low_{std::log(low)}, cells_{cells_between(log_low_, high)} {
    assert(0 < low && low < high && 0 < model.bad_share && model.bad_share < 1);
    forget();
}

void Posterior::observe(const Sighting& sighting) {
    observed_.push_back(sighting);
    weigh(sighting);
}

void Posterior::extend(double low, double high) {
    const double log_high = std::max(std::log(high), log_low_ + cell * static_cast<double>(cells_));
    const double down = std::max(0.0, std::floor((log_low_ - std::log(low)) / cell));
    log_low_ -= cell * down;
    cells_ = static_cast<std::size_t>(std::floor((log_high - log_low_) / cell + 1e-6));
    forget();
    for (const auto& sighting : observed_) weigh(sighting);
}

void Posterior::forget() {
    weights_.resize(hypotheses * cells_);
    for_each_hypothesis([&](std::size_t k, float prior, double, double, double, double) {
        std::fill_n(weights_.begin() + static_cast<std::ptrdiff_t>(k * cells_), cells_, prior);
    });
}

void Posterior::weigh(const Sighting& sighting) {
    std::vector<double> shares(cells_ + 2 * margin);
    std::vector<float> likely(shares.size());
    const auto outlier = static_cast<float>(lapse * outlier_likelihood(sighting));
    const double log_rate = std::log(sighting.rate);
    const auto fresh = std::size(clusters) * std::size(noises);  // then slope or floor change

    for_each_hypothesis([&](std::size_t k, float prior, double slope, double floor, double cluster,
                            double noise) {
        if (k % fresh == 0) expected_shares(model_, slope, floor, log_rate, log_low_, shares);
        if (k % std::size(noises) == 0) {
            std::transform(shares.begin(), shares.end(), likely.begin(), [&](double share) {
                return static_cast<float>(likelihood(sighting, share, cluster * model_.cluster_s));
            });
        }
        float* weight = &weights_[k * cells_];
        const double aside = noise * std::numbers::sqrt3 / cell;
        for (std::size_t i = 0; i < cells_; ++i) {
            const float seen = blurred(likely, i + margin, aside);
            weight[i] = prior + static_cast<float>(memory) * (weight[i] - prior) +
                        std::log(static_cast<float>(1 - lapse) * seen + outlier);
        }
    });
}

std::vector<double> Posterior::probabilities() const {
    constexpr float negligible = -14;  // of the logarithm: a millionth
    std::vector<double> out(cells_, 0.0);
    const float most = *std::max_element(weights_.begin(), weights_.end());
    double sum = 0;
    for (std::size_t at = 0; at < weights_.size(); ++at) {
        const float below = weights_[at] - most;
        if (below < negligible) continue;
        const double weight = std::exp(below);
        out[at % cells_] += weight;
        sum += weight;
    }
    for (auto& p : out) p /= sum;
    return out;
}

LoadLine::LoadLine(std::span<const ClauseModel> clauses, double low, double high) {
    assert(!clauses.empty());
    for (const auto& model : clauses) clauses_.emplace_back(model, low, high);
    settle();
}

void LoadLine::observe(std::size_t clause, const Sighting& sighting) {
    clauses_[clause].observe(sighting);
}

void LoadLine::extend(double low, double high) {
    for (auto& clause : clauses_) clause.extend(low, high);
    settle();
}

void LoadLine::settle() {
    below_.clear();
    all_below_.assign(clauses_.front().cells(), 0);
    for (const auto& clause : clauses_) {
        auto& below = below_.emplace_back(clause.probabilities());
        double sum = 0;
        for (auto& p : below) p = sum = std::min(1.0, sum + p);
        for (std::size_t i = 0; i < below.size(); ++i)
            all_below_[i] = 1 - (1 - all_below_[i]) * (1 - below[i]);
    }
}

double LoadLine::log_quantile(const std::vector<double>& below, double p) const {
    const double low = clauses_.front().log_low();
    const auto at = std::lower_bound(below.begin(), below.end(), p);
    const auto i = static_cast<std::size_t>(at - below.begin());
    if (i == below.size()) return std::log(high());
    const double before = i > 0 ? below[i - 1] : 0;
    const double part = below[i] > before ? (p - before) / (below[i] - before) : .5;
    return low + Posterior::cell * (static_cast<double>(i) + part);
}

double LoadLine::quantile(double p) const { return std::exp(log_quantile(all_below_, p)); }

double LoadLine::half_width(double p) const {
    return (log_quantile(all_below_, 1 - p) - log_quantile(all_below_, p)) / 2;
}

double LoadLine::above(double rate) const {
    const double at = (std::log(rate) - clauses_.front().log_low()) / Posterior::cell;
    if (at <= 0) return 1;
    const auto i = static_cast<std::size_t>(at);
    if (i >= all_below_.size()) return 0;
    const double before = i > 0 ? all_below_[i - 1] : 0;
    return 1 - (before + (at - static_cast<double>(i)) * (all_below_[i] - before));
}

std::size_t LoadLine::binding_clause() const {
    const auto by_median = [&](const auto& a, const auto& b) {
        return log_quantile(a, .5) < log_quantile(b, .5);
    };
    return static_cast<std::size_t>(std::min_element(below_.begin(), below_.end(), by_median) -
                                    below_.begin());
}

double LoadLine::low() const { return std::exp(clauses_.front().log_low()); }
double LoadLine::high() const {
    const auto& grid = clauses_.front();
    return std::exp(grid.log_low() + Posterior::cell * static_cast<double>(grid.cells()));
}

}  // namespace loadline

#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace loadline {

/// What one SLO clause allows, as the model of the load line sees it.
struct ClauseModel {
    double bad_share = 0.01;  ///< that is still allowed; above 0, below 1
    double cluster_s = 0.1;   ///< how long bad requests typically come in one cluster
};

/// What one probe saw of one clause.
struct Sighting {
    double rate = 0;       ///< journeys per second; above zero
    double bad_s = 0;      ///< bad requests over requests per second: the seconds that were bad
    double length_s = 0;   ///< measured; of an aborted probe, as planned
    bool aborted = false;  ///< on account of this clause: `bad_s` is the least it can have been
};

/// What is believed of the largest rate at which one clause holds, on a grid of its logarithm.
///
/// The share of bad requests rises with the rate as a logistic curve that meets the allowed
/// share at the load line. Its steepness, its floor, how bad requests cluster, and how much
/// the service varies from probe to probe are not known: each of 96 combinations is carried
/// along with a weight. Bad requests come in clusters near the knee, so the bad seconds of a
/// probe are a compound Poisson sum of exponential clusters, never independent requests.
/// Two probes in a hundred are taken for outliers, and old evidence fades by 2 % a probe.
///
/// Pure arithmetic; a few milliseconds per observation. Not thread-safe.
class Posterior {
public:
    /// A flat belief over [low, high], in journeys per second. Requires 0 < low < high.
    Posterior(const ClauseModel& model, double low, double high);

    void observe(const Sighting& sighting);
    /// Widens the grid, never narrows it, and weighs all that was observed anew.
    void extend(double low, double high);

    /// The probability of each cell; adds up to 1.
    std::vector<double> probabilities() const;
    std::size_t cells() const { return cells_; }
    double log_low() const { return log_low_; }  ///< lower edge of the grid, ln of the rate

    static constexpr double cell = 0.006;  ///< width of a cell: 0.6 % of the rate

private:
    void forget();
    void weigh(const Sighting& sighting);

    ClauseModel model_;
    double log_low_;
    std::size_t cells_;
    std::vector<float> weights_;  ///< logarithms; hypothesis by hypothesis, cell by cell
    std::vector<Sighting> observed_;
};

/// What is believed of the load line: the largest rate at which all clauses hold.
class LoadLine {
public:
    /// Requires at least one clause and 0 < low < high.
    LoadLine(std::span<const ClauseModel> clauses, double low, double high);

    /// What a probe saw of clause `clause`. Call `settle` after the last one of a probe.
    void observe(std::size_t clause, const Sighting& sighting);
    void extend(double low, double high);
    void settle();

    /// The rate below which the load line lies with probability `p`.
    double quantile(double p) const;
    /// The probability that the load line lies above `rate`.
    double above(double rate) const;
    /// Half of how far the quantiles `p` and 1-`p` are apart, in ln of the rate.
    double half_width(double p) const;
    /// The clause with the lowest line of its own.
    std::size_t binding_clause() const;
    double low() const;  ///< edges of the grid
    double high() const;

private:
    double log_quantile(const std::vector<double>& below, double p) const;

    std::vector<Posterior> clauses_;
    std::vector<std::vector<double>> below_;  ///< of each clause, cumulative
    std::vector<double> all_below_;           ///< that at least one clause's line is below
};

}  // namespace loadline

#include "stats/batch_means.hpp"

#include <cassert>
#include <cmath>
#include <numeric>
#include <vector>

namespace loadline {

std::optional<BatchMeans> batch_means(std::span<const double> values, std::size_t batch) {
    assert(batch > 0);
    const std::size_t batches = values.size() / batch;
    if (batches < 2) return {};
    std::vector<double> means;
    for (std::size_t i = 0; i < batches; ++i) {
        const auto part = values.subspan(i * batch, batch);
        means.push_back(std::accumulate(part.begin(), part.end(), 0.0) /
                        static_cast<double>(batch));
    }
    const auto n = static_cast<double>(batches);
    const double mean = std::accumulate(means.begin(), means.end(), 0.0) / n;
    double squares = 0;
    for (const double m : means) squares += (m - mean) * (m - mean);
    return BatchMeans{mean, std::sqrt(squares / (n - 1) / n), batches};
}

}  // namespace loadline

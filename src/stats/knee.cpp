#include "stats/knee.hpp"

namespace loadline {

std::optional<std::size_t> kleinrock_knee(std::span<const LoadPoint> points) {
    std::optional<std::size_t> best;
    double most = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
        const auto& [throughput, latency] = points[i];
        if (!(throughput > 0) || !(latency > 0)) continue;
        if (throughput / latency > most) {
            most = throughput / latency;
            best = i;
        }
    }
    return best;
}

}  // namespace loadline

#include "plan/churn.hpp"

#include <fmt/format.h>

#include <numeric>

#include "base/time.hpp"

namespace loadline {

double ChurnPlan::share_of(ChurnMode mode) const {
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    return sum > 0 ? share * weights[static_cast<std::size_t>(mode)] / sum : 0;
}

std::optional<ChurnMode> ChurnPlan::pick(double u) const {
    if (u >= share) return {};
    std::optional<ChurnMode> picked;
    for (std::size_t i = 0; i < churn_mode_count && u >= 0; ++i) {
        const auto mode = static_cast<ChurnMode>(i);
        if (!has(mode)) continue;
        picked = mode;  // the last one where rounding leaves a rest
        u -= share_of(mode);
    }
    return picked;
}

std::string ChurnPlan::doubt(Duration load) const {
    if (!any()) return {};
    if (has(ChurnMode::reuse_race) && idle_timeout - idle_jitter >= load) {
        return fmt::format(
            "\"reuse-race\" races after an idle time of {}, and the load ends after {}: no "
            "connection gets to its race; give the load more time, or the server's idle time-out "
            "less",
            format_duration_exact(idle_timeout), format_duration_exact(load));
    }
    for (std::size_t i = 0; i < churn_mode_count; ++i) {
        const auto mode = static_cast<ChurnMode>(i);
        if (has(mode) && !ends_with_reset(mode)) return {};
    }
    return "churn ends connections with RST alone, which hides CLOSE_WAIT: a server that forgets "
           "to close would look healthy; give a FIN mode weight, too";
}

}  // namespace loadline

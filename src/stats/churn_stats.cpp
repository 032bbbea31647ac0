#include "stats/churn_stats.hpp"

namespace loadline {
namespace {

void add(ChurnCounts& to, const ChurnCounts& more) {
    to.closes += more.closes;
    to.unmeasured += more.unmeasured;
    to.answered_first += more.answered_first;
    to.server_first += more.server_first;
    to.failed += more.failed;
    to.not_kept += more.not_kept;
}

}  // namespace

ChurnCounts ChurnStats::sum() const {
    ChurnCounts all;
    for (const auto& mode : modes) add(all, mode);
    return all;
}

void ChurnStats::merge(const ChurnStats& other) {
    for (std::size_t i = 0; i < churn_mode_count; ++i) add(modes[i], other.modes[i]);
    fin_to_eof.merge(other.fin_to_eof);
}

void ChurnStats::clear() {
    modes.fill({});
    fin_to_eof.clear();
}

}  // namespace loadline

#include "report/churn_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"
#include "report/figures.hpp"

namespace loadline {
namespace {

/// The longest that a connection of `half` waits for the end of stream.
Duration longest_wait(const Plan& plan) {
    Duration longest{};
    for (const auto& journey : plan.journeys) {
        if (!journey.churn) continue;
        const auto* last = std::get_if<ExchangeAction>(&journey.actions[journey.churn->action]);
        if (last) longest = std::max(longest, plan.steps[last->step].timeout);
    }
    return longest;
}

std::string fin_to_eof_text(const Histogram& times, Duration timeout) {
    if (times.count() == 0) return {};
    auto text =
        fmt::format("Half-closed connections, from our FIN to the server's: p50 {}, p99 {}",
                    percentile_text(times, 0.5, timeout), percentile_text(times, 0.99, timeout));
    if (times.count() > times.unanswered_count()) {
        text += ", longest " + format_duration(times.max());
    }
    text += fmt::format(" of {}", count_text(times.count()));
    if (const auto none = times.unanswered_count()) {
        text += fmt::format("; {} saw none within the time-out or the drain", count_text(none));
    }
    return text + ".";
}

}  // namespace

ChurnTable churn_table(const RunResult& result) {
    const auto& plan = result.plan->churn;
    const auto& stats = result.measurement.churn;
    ChurnTable table;
    if (!plan.any()) return table;
    table.title = plan.share < 1 ? fmt::format("how {} of the journeys end their connections",
                                               format_share(plan.share))
                                 : "how the journeys end their connections";
    table.columns = {"mode",           "share",        "closes", "not measured",
                     "answered first", "server first", "failed"};
    for (std::size_t i = 0; i < churn_mode_count; ++i) {
        const auto mode = static_cast<ChurnMode>(i);
        if (!plan.has(mode)) continue;
        const auto& counts = stats.of(mode);
        table.rows.push_back({std::string{to_string(mode)}, format_share(plan.share_of(mode)),
                              count_text(counts.closes), count_text(counts.unmeasured),
                              count_text(counts.answered_first), count_text(counts.server_first),
                              count_text(counts.failed)});
    }
    if (const auto n = stats.sum().unmeasured) {
        table.sentences.push_back(fmt::format(
            "{} {} abandoned as planned: no transactions and no errors, in no percentile, and "
            "{} in none of the journeys' figures.",
            count_text(n), n == 1 ? "exchange was" : "exchanges were",
            n == 1 ? "its journey is" : "their journeys are"));
    }
    if (const auto n = stats.sum().not_kept) {
        table.sentences.push_back(
            fmt::format("{} {} closed before its race or the burst: more than may be kept, or the "
                        "load ended first.",
                        count_text(n), n == 1 ? "connection was" : "connections were"));
    }
    const auto times = fin_to_eof_text(stats.fin_to_eof, longest_wait(*result.plan));
    if (!times.empty()) table.sentences.push_back(times);
    table.doubt = plan.doubt(result.plan->load.length());
    return table;
}

}  // namespace loadline

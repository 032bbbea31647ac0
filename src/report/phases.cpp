#include "report/phases.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "report/figures.hpp"

namespace loadline {
namespace {

struct StepPhase {
    const char* name;
    Histogram StepStats::*histogram;
};
constexpr StepPhase phases[] = {{"resolve", &StepStats::resolve},
                                {"connect", &StepStats::connect},
                                {"TLS", &StepStats::tls},
                                {"wait", &StepStats::wait},
                                {"read", &StepStats::read}};

}  // namespace

PhaseTable phase_table(const RunResult& result) {
    const auto& steps = result.measurement.total.steps;
    const auto listed = listed_steps(result);
    const auto any = [&](const StepPhase& phase) {
        return std::any_of(listed.begin(), listed.end(),
                           [&](auto i) { return (steps[i].*phase.histogram).count() > 0; });
    };
    PhaseTable table;
    table.titles.emplace_back("step");
    for (const auto& phase : phases) {
        if (!any(phase)) continue;
        if (phase.histogram == &StepStats::connect) table.titles.emplace_back("opened");
        table.titles.push_back(fmt::format("{} p50", phase.name));
        table.titles.emplace_back("p99");
    }
    if (table.titles.size() == 1) return table;
    for (const auto i : listed) {
        std::vector<std::string> row{result.plan->steps[i].name};
        for (const auto& phase : phases) {
            if (!any(phase)) continue;
            const auto& histogram = steps[i].*phase.histogram;
            if (phase.histogram == &StepStats::connect) {
                row.push_back(count_text(histogram.count()));
            }
            for (const double q : {0.5, 0.99}) {
                row.push_back(percentile_text(histogram, q, result.plan->steps[i].timeout));
            }
        }
        table.rows.push_back(std::move(row));
    }
    return table;
}

std::string resends_text(const RunResult& result) {
    std::uint64_t n = 0;
    for (const auto& step : result.measurement.total.steps) n += step.resends;
    if (n == 0) return {};
    return fmt::format(
        "{} {} sent once more: the server had closed the idle connection as the "
        "request left.",
        count_text(n), n == 1 ? "request was" : "requests were");
}

std::vector<std::string> address_texts(const RunResult& result) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < result.addresses.size(); ++i) {
        const auto& target = result.addresses[i];
        texts.push_back(fmt::format("{}: {}, resolved in {}", result.plan->targets[i].name,
                                    fmt::join(target.addresses, ", "),
                                    format_duration(target.resolve_time)));
    }
    return texts;
}

std::string sources_text(const RunResult& result) {
    const auto& sources = result.sources;
    if (sources.empty()) return {};
    if (sources.size() == 1) return sources.front();
    return fmt::format("{} to {} ({} addresses)", sources.front(), sources.back(), sources.size());
}

}  // namespace loadline

#include "watch/node_exporter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "stats/trend.hpp"

namespace loadline {
namespace {

constexpr std::uint64_t exercise_needs = 20;
constexpr Duration left_over = std::chrono::seconds{3};    // the counts that say what is left
constexpr Duration longest_gap = std::chrono::seconds{5};  // counts are a second apart
constexpr std::size_t trend_points = 8, trend_points_most = 600;

/// The exporter's name of a state: that of the kernel in lower case.
std::optional<std::size_t> state_of(std::string_view name) {
    for (std::size_t i = 1; i < tcp_state_count; ++i) {
        const std::string_view ours = tcp_state_name(i);
        const bool same =
            std::equal(ours.begin(), ours.end(), name.begin(), name.end(), [](char a, char b) {
                return a == b || (a >= 'A' && a <= 'Z' && a + ('a' - 'A') == b);
            });
        if (same) return i;
    }
    return {};
}

/// The value of a label in `{state="close_wait",port="0"}`; empty: it has none.
std::string_view label(std::string_view labels, std::string_view name) {
    for (auto at = labels.find(name); at != labels.npos; at = labels.find(name, at + 1)) {
        const bool whole = at > 0 && (labels[at - 1] == '{' || labels[at - 1] == ',');
        auto rest = labels.substr(at + name.size());
        if (!whole || !rest.starts_with("=\"")) continue;
        rest.remove_prefix(2);
        const auto end = rest.find('"');
        return end == rest.npos ? std::string_view{} : rest.substr(0, end);
    }
    return {};
}

struct Metric {
    std::string_view name, labels;
    double value = 0;
};

/// "name value", "name{labels} value", either perhaps with an instant behind it.
std::optional<Metric> metric_of(std::string_view line) {
    if (line.empty() || line.front() == '#') return {};
    Metric metric;
    metric.name = line.substr(0, line.find_first_of("{ "));
    line.remove_prefix(metric.name.size());
    if (line.starts_with('{')) {
        metric.labels = line.substr(0, line.find('}'));
        line.remove_prefix(std::min(line.size(), metric.labels.size() + 1));
    }
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
    const auto [end, ec] = std::from_chars(line.data(), line.data() + line.size(), metric.value);
    const bool well = ec == std::errc{} && std::isfinite(metric.value) && metric.value >= 0;
    return well ? std::optional{metric} : std::nullopt;
}

/// Of "TcpExt_ListenOverflows", in our names.
const KernelCounter* counter_of(std::string_view name) {
    for (const auto& counter : kernel_counters) {
        const auto table = counter.table.substr(0, counter.table.size() - 1);
        const bool same = name.size() == table.size() + 1 + counter.name.size() &&
                          name.starts_with(table) && name[table.size()] == '_' &&
                          name.ends_with(counter.name);
        if (same) return &counter;
    }
    return nullptr;
}

std::string more_text(std::uint64_t more, std::uint64_t before) {
    return fmt::format("{} more than the {} there before", more, before);
}

/// How the count rose over the load; empty: it did not, or the load was too short to tell.
std::string trend_text(std::span<const SocketSample> samples, const LoadFacts& load) {
    std::vector<double> at, count;
    const auto step = samples.size() / trend_points_most + 1;
    for (std::size_t i = 0; i < samples.size(); i += step) {
        if (samples[i].at < load.begin || samples[i].at > load.end) continue;
        at.push_back(to_seconds(samples[i].at - load.begin));
        count.push_back(samples[i].close_wait);
    }
    if (at.size() < trend_points) return {};
    const auto trend = trend_of(at, count);
    if (trend.z < 3 || trend.low <= 0) return {};
    return fmt::format("; during the load it rose by {:.2g}/s (95 % {:.2g} to {:.2g})", trend.slope,
                       trend.low, trend.high);
}

}  // namespace

std::optional<NodeScrape> parse_node_scrape(std::string_view text) {
    NodeScrape scrape;
    bool any_state = false;
    std::size_t always = 0;  // of the counters that are always told
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto metric = metric_of(line);
        if (!metric) continue;
        constexpr std::string_view counters = "node_netstat_";
        if (metric->name == "node_tcp_connection_states") {
            // Beside the totals it may tell those of chosen ports.
            const auto type = label(metric->labels, "type");
            const auto state = state_of(label(metric->labels, "state"));
            if (!state || (!type.empty() && type != "total")) continue;
            scrape.states[*state] = static_cast<std::uint32_t>(std::min(metric->value, 4e9));
            any_state = true;
        } else if (metric->name.starts_with(counters)) {
            const auto* counter = counter_of(metric->name.substr(counters.size()));
            if (!counter) continue;
            if (!scrape.kernel) scrape.kernel.emplace();
            always += counter->always ? 1 : 0;
            (*scrape.kernel).*counter->count =
                static_cast<std::uint64_t>(std::min(metric->value, 9e18));
        }
    }
    const auto wanted = std::count_if(kernel_counters.begin(), kernel_counters.end(),
                                      [](const auto& counter) { return counter.always; });
    if (always < static_cast<std::size_t>(wanted)) scrape.kernel.reset();
    return any_state ? std::optional{scrape} : std::nullopt;
}

std::uint64_t outstanding_from(std::uint64_t before) {
    const auto varies = std::ceil(3 * std::sqrt(static_cast<double>(before) + 1));
    return std::max<std::uint64_t>(3, static_cast<std::uint64_t>(varies));
}

SocketReport judge_counts(const CountInput& input, const LoadFacts& load) {
    SocketReport report;
    report.counts_only = true;
    report.source = input.source;
    report.tau = input.tau;
    report.closes = load.closes;
    const auto& samples = input.samples;
    const auto closed_at = load.closed_at.value_or(load.end);
    std::optional<std::uint64_t> before, left;
    auto counted_until = load.begin;
    Duration gap{};
    for (const auto& sample : samples) {
        const std::uint64_t count = sample.close_wait;
        if (sample.at <= load.begin) {
            before = std::max(before.value_or(0), count);
            continue;
        }
        gap = std::max(gap, sample.at - std::exchange(counted_until, sample.at));
        report.close_wait_max = std::max(report.close_wait_max, sample.close_wait);
        if (sample.at > closed_at && sample.at >= samples.back().at - left_over)
            left = std::min(left.value_or(count), count);
    }
    const bool late = samples.empty() || input.now - samples.back().at > longest_gap;
    if (!before || !left || late) {
        report.word = SocketWord::unknown;
        report.text = !input.trouble.empty() ? input.trouble
                      : !before              ? "the sockets were not counted before the load began"
                                             : "the sockets were not counted after the load";
        return report;
    }
    if (const auto& kernel = samples.back().kernel)
        report.listen_overflows = kernel->listen_overflows;
    report.before = *before;
    report.leaked = *left - std::min(*left, *before);
    const auto stands_out = outstanding_from(*before);
    const auto at_work = load.at_work_at_most(input.now);
    const auto settled = format_duration(input.now - closed_at);
    // Of another service's sockets there may be more than we closed.
    const auto ours_at_most = std::min(report.leaked, load.closes);
    if (ours_at_most >= stands_out) {
        const char* doubt = !load.settled ? "The settle time was cut short"
                            : ours_at_most < at_work + stands_out
                                ? "As many requests that nobody awaits may still be worked on"
                                : nullptr;
        report.word = doubt ? SocketWord::inconclusive : SocketWord::suspect;
        report.text = fmt::format(
            "{} sockets in CLOSE_WAIT on the whole machine {} after we closed our connections: {}, "
            "of {} closes{}. {}",
            *left, settled, more_text(report.leaked, *before), load.closes,
            trend_text(samples, load),
            doubt ? doubt
                  : "Whose they are, and how old, a count does not tell: let loadline watch run "
                    "beside the server");
    } else if (load.closes < exercise_needs) {
        report.word = SocketWord::not_exercised;
        report.text = fmt::format("only {} connections were closed by us; it takes {} to tell",
                                  load.closes, exercise_needs);
    } else if (gap > longest_gap) {
        report.word = SocketWord::inconclusive;
        report.text = fmt::format(
            "the sockets in CLOSE_WAIT on the whole machine were not counted for {}: {} before the "
            "load, {} after it",
            format_duration(gap), *before, *left);
    } else if (report.close_wait_max >= *before + stands_out) {
        report.word = SocketWord::transient;
        report.text = fmt::format(
            "at most {} sockets in CLOSE_WAIT on the whole machine since the load began, {}; {} "
            "after "
            "we closed our connections {} are left",
            report.close_wait_max, more_text(report.close_wait_max - *before, *before), settled,
            *left);
    } else {
        report.word = SocketWord::ok;
        report.text = fmt::format(
            "no more sockets in CLOSE_WAIT on the whole machine than come and go by themselves: {} "
            "before the load, at most {} since, {} at the end",
            *before, report.close_wait_max, *left);
    }
    return report;
}

}  // namespace loadline

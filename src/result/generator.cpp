#include "result/generator.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"

namespace loadline {
namespace {

constexpr double schedule_share_needed = 0.99;
constexpr double lag_windows_allowed = 0.10;
constexpr std::uint64_t lag_windows_needed = 2;  // one stall of the machine is no habit of ours
constexpr double cap_waits_allowed = 0.01;
constexpr double high_cpu_open = 0.85;
constexpr double high_cpu_closed = 0.95;
constexpr double high_steal = 0.02;
constexpr double high_throttling = 0.01;

bool exceeds_share(std::uint64_t part, std::uint64_t whole, double share) {
    return static_cast<double>(part) > share * static_cast<double>(whole);
}

void keep_max(std::optional<std::uint64_t>& most, const std::optional<std::uint64_t>& value) {
    if (value && (!most || *value > *most)) most = value;
}

/// The seconds as one: CPU and steal on average, throttling in all, the rest at most.
void sum_up(const std::vector<GeneratorSecond>& seconds, GeneratorHealth& health) {
    double steal = 0;
    std::size_t steal_known = 0;
    for (const auto& second : seconds) {
        health.worker_cpu.resize(std::max(health.worker_cpu.size(), second.worker_cpu.size()));
        for (std::size_t i = 0; i < second.worker_cpu.size(); ++i) {
            health.worker_cpu[i] += second.worker_cpu[i] / static_cast<double>(seconds.size());
        }
        if (second.steal_share) {
            steal += *second.steal_share;
            ++steal_known;
        }
        if (second.throttled) {
            health.throttled = health.throttled.value_or(Duration{}) + *second.throttled;
        }
        keep_max(health.descriptors_max, second.descriptors);
        keep_max(health.time_wait_max, second.time_wait);
    }
    if (steal_known > 0) health.steal_share = steal / static_cast<double>(steal_known);
}

GeneratorHealth figures(const GeneratorFacts& facts) {
    const auto& total = facts.total;
    GeneratorHealth health;
    health.scheduled = total.scheduled;
    health.sent = total.all_sent();
    health.dropped = total.dropped_arrivals;
    // A histogram begins at 1 ns: that is where "did not wait at all" is recorded.
    const auto read = [](const Histogram& histogram, double q) {
        const auto value = histogram.quantile(q);
        return value <= Duration{1} ? Duration{} : value;
    };
    health.send_lag_p50 = read(total.send_lag, 0.5);
    health.send_lag_p99 = read(total.send_lag, 0.99);
    health.send_lag_window_p99 = read(total.send_lag_windows, 0.5);
    health.pool_wait_p50 = read(total.pool_wait, 0.5);
    health.pool_wait_p99 = read(total.pool_wait, 0.99);
    health.cpu_share_max = facts.cpu_share_max;
    health.descriptor_limit = facts.descriptor_limit;
    health.connections_max = facts.connections_max;
    sum_up(facts.seconds, health);
    health.lag_bound = std::max<Duration>(std::chrono::milliseconds{1}, facts.latency_limit / 20);
    health.lag_windows = facts.lag_p99_ms.size();
    health.lag_windows_over = static_cast<std::uint64_t>(
        std::count_if(facts.lag_p99_ms.begin(), facts.lag_p99_ms.end(),
                      [&](double ms) { return ms > to_ms(health.lag_bound); }));
    return health;
}

std::vector<Reason> limits_of(const GeneratorFacts& facts, const GeneratorHealth& health) {
    const auto& total = facts.total;
    std::vector<Reason> limits;
    if (facts.cap_waits > 0 &&
        exceeds_share(facts.cap_waits, std::max(total.scheduled, health.sent), cap_waits_allowed)) {
        limits.push_back({"client_limit",
                          fmt::format("{} arrivals or requests waited longer than {}, or were "
                                      "dropped, at our own cap on users or connections while the "
                                      "server was quick: raise --max-users or --connections",
                                      facts.cap_waits, format_duration(facts.latency_limit))});
    }
    if (facts.out_of_sockets) {
        limits.push_back({"client_limit", "this machine ran out of file descriptors or ports"});
    }
    if (!facts.open_model) return limits;

    const auto handled = total.started + total.dropped_arrivals;
    const auto missed = total.scheduled - std::min(total.scheduled, handled);
    if (!facts.stopped_early && exceeds_share(missed, total.scheduled, 1 - schedule_share_needed)) {
        limits.push_back({"schedule", fmt::format("only {} of {} scheduled journeys were started",
                                                  total.started, total.scheduled)});
    }
    if (health.lag_windows_over >= lag_windows_needed &&
        exceeds_share(health.lag_windows_over, health.lag_windows, lag_windows_allowed)) {
        limits.push_back(
            {"send_lag", fmt::format("requests left late: send lag p99 above {} in {} of {} "
                                     "seconds: fewer requests, or more threads and cores",
                                     format_duration(health.lag_bound), health.lag_windows_over,
                                     health.lag_windows)});
    }
    return limits;
}

std::vector<std::string> notes_of(const GeneratorFacts& facts, const GeneratorHealth& health) {
    std::vector<std::string> notes;
    const auto cpu = format_share(facts.cpu_share_max);
    if (facts.open_model && facts.cpu_share_max > high_cpu_open) {
        notes.push_back(fmt::format("the busiest worker used {} of a core", cpu));
    }
    if (!facts.open_model && facts.cpu_share_max > high_cpu_closed) {
        notes.push_back(
            fmt::format("limited by the generator: its busiest worker used {} of a core", cpu));
    }
    if (health.steal_share && *health.steal_share > high_steal) {
        notes.push_back(fmt::format("the hypervisor took {} of the CPU time",
                                    format_share(*health.steal_share)));
    }
    const auto length = std::chrono::seconds{facts.seconds.size()};  // nearly
    if (health.throttled && *health.throttled > length * high_throttling) {
        notes.push_back(fmt::format("the CPU quota of a cgroup held us back for {} in all",
                                    format_duration(*health.throttled)));
    }
    return notes;
}

}  // namespace

GeneratorHealth judge_generator(const GeneratorFacts& facts) {
    GeneratorHealth health = figures(facts);
    health.limits = limits_of(facts, health);
    health.notes = notes_of(facts, health);
    return health;
}

}  // namespace loadline

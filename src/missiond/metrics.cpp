#include "missiond/metrics.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cassert>
#include <iterator>

namespace loadline::missiond {
namespace {

double process_cpu_seconds() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

/// The kernel gives the number of open descriptors as the folder's size.
std::int64_t open_fds() {
    struct stat info {};
    return stat("/proc/self/fd", &info) == 0 ? info.st_size : -1;
}

}  // namespace

Metrics::Metrics(unsigned threads, std::vector<Route> routes) : routes_{std::move(routes)} {
    for (unsigned i = 0; i < threads; ++i) counts_.emplace_back(routes_.size());
}

void Metrics::count(unsigned thread, std::size_t route, int status) {
    const auto at = std::find(statuses.begin(), statuses.end() - 1, status);
    const auto column = static_cast<std::size_t>(at - statuses.begin());
    counts_[thread][route][column].fetch_add(1, std::memory_order_relaxed);
}

std::string Metrics::text(const Gauges& gauges) const {
    std::string text;
    const auto out = std::back_inserter(text);
    const auto family = [&](std::string_view name, std::string_view type, std::string_view help) {
        fmt::format_to(out, "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    };
    const auto single = [&](std::string_view name, std::string_view type, std::string_view help,
                            auto value) {
        family(name, type, help);
        fmt::format_to(out, "{} {}\n", name, value);
    };

    family("missiond_requests_total", "counter", "Requests answered.");
    for (std::size_t route = 0; route < routes_.size(); ++route) {
        for (std::size_t column = 0; column < statuses.size(); ++column) {
            std::uint64_t sum = 0;
            for (const auto& thread : counts_) {
                sum += thread[route][column].load(std::memory_order_relaxed);
            }
            if (sum == 0) continue;
            fmt::format_to(
                out, "missiond_requests_total{{method=\"{}\",route=\"{}\",status=\"{}\"}} {}\n",
                routes_[route].method, routes_[route].path, statuses[column], sum);
        }
    }
    single("missiond_malformed_requests_total", "counter",
           "Requests that were not HTTP, too large or too slow.", gauges.server.malformed);
    single("missiond_connections_accepted_total", "counter", "Connections accepted.",
           gauges.server.accepted);
    single("missiond_connections", "gauge", "Connections open, leaked ones left out.",
           gauges.server.open);
    single("missiond_leaked_connections", "gauge",
           "Connections kept open after the client's FIN (--fault leak-close-wait).",
           gauges.server.leaked);
    if (gauges.has_queue) {
        single("missiond_queue_wait_seconds", "gauge",
               "What a request would wait now before its service starts (--fault capacity).",
               gauges.queue_seconds);
    }
    single("missiond_password_hashes_waiting", "gauge", "Logins and sign-ups in the KDF's queue.",
           gauges.kdf_waiting);
    single("process_cpu_seconds_total", "counter", "CPU time of the process.",
           process_cpu_seconds());
    single("process_open_fds", "gauge", "Open file descriptors.", open_fds());
    return text;
}

}  // namespace loadline::missiond

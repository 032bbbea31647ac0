#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_server.hpp"

namespace loadline::missiond {

/// Counts answers by route and status. Each I/O thread has counters of its own, so
/// that counting costs no shared cache line; reading adds them up.
class Metrics {
public:
    struct Route {
        std::string_view method, path;  ///< literals
    };
    Metrics(unsigned threads, std::vector<Route> routes);

    void count(unsigned thread, std::size_t route, int status);

    /// Facts that others keep.
    struct Gauges {
        HttpServerCounts server;
        double queue_seconds = 0;  ///< wait in the capacity queue; only with that fault
        bool has_queue = false;
        std::size_t kdf_waiting = 0;
    };
    /// Prometheus text format, version 0.0.4.
    std::string text(const Gauges& gauges) const;

private:
    static constexpr std::array<int, 16> statuses{200, 201, 204, 400, 401, 402, 403, 404,
                                                  405, 409, 413, 422, 429, 500, 503, 0};
    using Row = std::array<std::atomic<std::uint64_t>, statuses.size()>;

    std::vector<Route> routes_;
    std::vector<std::vector<Row>> counts_;  ///< [thread][route]
};

}  // namespace loadline::missiond

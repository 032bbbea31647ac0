#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/rate.hpp"

namespace loadline::missiond {

/// Faults that are switched on for demonstrations and tests.
struct Faults {
    std::optional<Rate> capacity;           ///< above zero
    std::optional<double> leak_close_wait;  ///< share between 0 and 1
    std::optional<std::uint64_t> queue;     ///< room in the capacity's queue; 503 beyond
    std::optional<std::uint64_t> backlog;   ///< of the accept queue, in front of most_open
    std::optional<std::uint64_t> nofile;    ///< limit of file descriptors

    /// Connections that are served at a time with `backlog`; the others wait in the accept
    /// queue, as before a server with so many workers.
    static constexpr std::uint64_t most_open = 16;

    /// One line per active fault, as printed at the start.
    std::vector<std::string> describe() const;
};

/// Reads the values of --fault. Names those that a later version will serve, and
/// those nobody knows; a fault given twice is an error.
Result<Faults> parse_faults(std::span<const std::string> texts);

/// Says yes for exactly this share of its calls, spread evenly: after n calls the
/// number of yeses is n × share, rounded. Thread-safe.
class EvenShare {
public:
    explicit EvenShare(double share) : share_{share} {}
    bool next();

private:
    const double share_;
    std::atomic<std::uint64_t> calls_{0};
};

}  // namespace loadline::missiond

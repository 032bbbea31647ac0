#pragma once
#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace loadline {

/// The process that listens on a port of our own network namespace, the master where several do:
/// found as find_holders does, and looked for again when it has ended. Where somebody listens whom
/// we may not see, the next search through all processes waits twice as long, from 5 s up to 80 s.
/// Not thread-safe.
class PortOwner {
public:
    /// `but_not_of`: a process that listens on this port as well is not looked for: then both are
    /// ports of one service, for good.
    explicit PortOwner(std::uint16_t port, std::optional<std::uint16_t> but_not_of = {})
        : port_{port}, but_not_of_{but_not_of} {}

    /// Nothing where none listens, or none that is visible here, and as long as nobody is seen to
    /// listen on the other port.
    std::optional<int> look(TimePoint now);
    /// Whether it is the service of the other port.
    bool same_service() const { return same_; }

private:
    void search(TimePoint now);

    std::uint16_t port_;
    std::optional<std::uint16_t> but_not_of_;
    int pid_ = 0;              ///< 0: nobody
    std::uint64_t start_ = 0;  ///< of that process: tells it from another with its pid
    bool same_ = false;
    TimePoint next_search_{};
    Duration back_off_{};
};

}  // namespace loadline

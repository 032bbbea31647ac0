#pragma once
#include <cstdint>
#include <tuple>

namespace loadline {

/// How much of a limit is used: descriptors of a process, places of an accept queue.
struct Fill {
    std::uint64_t used = 0;
    std::uint64_t limit = 0;  ///< 0: there is none, or it is not known

    /// By share, where both limits are known, and one that is known before one that is not; of
    /// equal shares the larger.
    bool fuller_than(const Fill& other) const {
        if ((limit == 0) != (other.limit == 0)) return other.limit == 0;
        const auto product = [](std::uint64_t a, std::uint64_t b) {
            return static_cast<double>(a) * static_cast<double>(b);
        };
        const double mine = product(used, other.limit), theirs = product(other.used, limit);
        return mine != theirs ? mine > theirs
                              : std::tie(used, limit) > std::tie(other.used, other.limit);
    }
};

}  // namespace loadline

#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "watch/detector.hpp"
#include "watch/sock_diag.hpp"

namespace loadline {

/// Whether the same sockets listen as in the first sample in which any did. Not thread-safe.
class ListenerFollower {
public:
    /// Takes the sockets of one sample; the fate from now on.
    ListenerFate add(const std::vector<SocketRecord>& sockets);
    /// Whether others listen since the latest sample than in those before it.
    bool exchanged() const { return exchanged_; }
    /// What the latest sample means for the server: as somebody says who knows, else by who
    /// listens. The fate follows: a process that has opened its socket anew is the same server.
    ServerChange change(std::optional<ServerChange> told);
    ListenerFate fate() const;

private:
    using Cookies = std::set<std::uint64_t>;
    Cookies first_;   ///< in the first sample in which any listened, and reopened since
    Cookies latest_;  ///< in the latest one
    Cookies before_;  ///< in the one before that
    bool listens_ = false, exchanged_ = false;
};

}  // namespace loadline

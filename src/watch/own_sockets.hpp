#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/time.hpp"
#include "net/endpoint.hpp"
#include "watch/sock_diag.hpp"

namespace loadline {

/// The connections that the watch itself makes, so that it does not take them for the load's: a
/// server that leaks them leaks, but their share of the load's closes would be wrong. Thread-safe:
/// the prober adds, the sampler asks.
class OwnSockets {
public:
    /// A connection from our end `local`, known until `until`: some seconds after its close the
    /// sampler has seen it, and the port may be another connection's.
    void add(const Endpoint& local, TimePoint until);
    /// Whether the other end of the server's socket was ours at `at`: now, or up to a minute ago,
    /// since what a watch elsewhere saw comes late.
    bool contains(const SocketRecord& socket, TimePoint at) const;

private:
    struct Known {
        std::string address;  ///< with its port, as SocketRecord::peer
        TimePoint until;
    };
    mutable std::mutex mutex_;
    std::unordered_multimap<std::uint16_t, Known> known_;  ///< by port
};

}  // namespace loadline

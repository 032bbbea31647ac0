#pragma once
#include <memory>
#include <vector>

#include "engine/ring.hpp"
#include "engine/virtual_user.hpp"
#include "net/connection.hpp"
#include "net/redis_greeting.hpp"

namespace loadline {

/// A connection and what the worker knows of it.
struct PooledConnection {
    PooledConnection(boost::asio::io_context& io, Protocol protocol, std::uint32_t pool_index)
        : link{io, protocol}, pool{pool_index} {}

    Connection link;
    std::uint32_t pool;
    enum class State : std::uint8_t {
        closed,
        connecting,
        greeting,
        idle,
        busy
    } state = State::closed;
    VirtualUser* user = nullptr;  ///< whose exchange is in flight
    TimePoint connect_started{}, idle_since{};
    int greetings_left = 0;  ///< replies to AUTH and SELECT still to come
    std::string request;     ///< the bytes of the request in flight
};

/// Users waiting for something that is all taken, and whose doing that is.
///
/// A stretch of waiting counts as the server's doing when, since the queue last was empty,
/// an exchange took longer than the latency the SLOs allow: then it was the server that
/// held what is waited for. Otherwise our own cap was too low.
struct WaitCause {
    bool server_slow = false;
};

/// The connections of one worker to one target, and the users that wait for one.
struct ConnectionPool {
    const TargetPlan* target = nullptr;
    Protocol protocol = Protocol::http;
    TcpEndpoint endpoint;
    std::string greeting;  ///< AUTH and SELECT, rendered; empty for none
    int greeting_replies = 0;
    std::size_t cap = 0;  ///< most connections this worker may hold

    std::vector<std::unique_ptr<PooledConnection>> all;
    std::vector<PooledConnection*> closed;
    Ring<PooledConnection*> idle;
    Ring<VirtualUser*> waiting;
    WaitCause cause;
    std::size_t open = 0;  ///< connecting, greeting, idle or busy
    std::size_t connecting = 0;
    std::uint64_t closes = 0;  ///< by us, of established connections
};

}  // namespace loadline

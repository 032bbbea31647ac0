#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "engine/ring.hpp"
#include "engine/virtual_user.hpp"
#include "net/connection.hpp"
#include "net/redis_greeting.hpp"

namespace loadline {

/// A connection and what the worker knows of it.
struct PooledConnection {
    PooledConnection(boost::asio::io_context& io, Protocol protocol, TlsContext* tls,
                     std::uint32_t pool_index)
        : link{io, protocol, tls}, pool{pool_index} {}

    Connection link;
    std::uint32_t pool;
    enum class State : std::uint8_t {
        closed,
        resolving,  ///< waits for the addresses of its target's name
        connecting,
        tls_handshake,
        greeting,  ///< AUTH and SELECT are under way
        idle,
        busy,
        leaving,  ///< without a user: it ends as its churn mode says
        parked    ///< without a user: idle until a race, or until the load ends
    } state = State::closed;
    bool is_opening() const { return state >= State::resolving && state <= State::greeting; }
    /// Whose exchanges are in flight, in the order of their requests. The last `unsent` of
    /// them are rendered into `pending` and wait for the end of this turn of the loop.
    Ring<VirtualUser*> users;
    std::size_t unsent = 0;
    std::string pending;
    std::string request;          ///< the bytes that were sent last, or are being sent
    bool reading = false;         ///< a read has been started
    bool writing = false;         ///< waits until the socket takes the rest of `request`
    bool has_room = false;        ///< listed in its pool's `with_room`
    std::uint64_t exchanges = 0;  ///< answered since it was opened
    int greetings_left = 0;       ///< replies to AUTH and SELECT still to come

    /// Of a journey that churns: how it ends, and the step it ends with.
    std::optional<ChurnMode> churn;
    StepIndex last_step = 0;
    TimePoint left{};            ///< leaving: when the request, or our FIN, went out
    TimePoint leave_by{};        ///< leaving: it is closed then at the latest
    TimePoint slice_began{};     ///< slow-read: of the slice of time under way,
    std::size_t slice_left = 0;  ///< and the bytes still to be taken in it
    bool answered = false;       ///< leaving: the answer is whole
    bool last_sent = false;      ///< the exchange in flight is the journey's last on it

    /// Where each session has its own: whose it is, and the user it is being opened for.
    const OwnConnections* owner = nullptr;
    VirtualUser* opened_for = nullptr;

    TimePoint opening_began{}, phase_started{}, idle_since{};
    std::optional<Duration> resolve_time;  ///< of this opening, where the resolver was asked
    Duration connect_time{}, tls_time{};
    bool opening_recorded = false;  ///< its first exchange has recorded them
};

/// Users waiting for something that is all taken, and whose doing that is.
///
/// A stretch of waiting counts as the server's doing when, since the queue last was empty,
/// an exchange took longer than the latency the SLOs allow: then it was the server that
/// held what is waited for. Otherwise our own cap was too low.
struct WaitCause {
    bool server_slow = false;
};

/// How a worker reaches a target.
struct TargetRoute {
    std::vector<Endpoint> to;         ///< used in turn
    std::vector<Endpoint> from;       ///< ours, used in turn; empty: the system's choice
    std::unique_ptr<TlsContext> tls;  ///< null: plain
};

/// The connections of one worker to one target, and the users that wait for one.
struct ConnectionPool {
    const TargetPlan* target = nullptr;
    std::uint32_t target_index = 0;
    bool own = false;    ///< each user has a connection of its own
    bool churn = false;  ///< the second pool of its target: of journeys that churn
    Protocol protocol = Protocol::http;
    TargetRoute route;
    std::size_t opened = 0;   ///< which addresses are next
    TimePoint resolved_at{};  ///< the addresses in `route`
    bool by_name = false;     ///< the target is a name: its addresses may change
    bool resolving = false;   ///< the resolver has been asked
    std::string greeting;     ///< AUTH and SELECT, rendered; empty for none
    int greeting_replies = 0;
    std::size_t cap = 0;    ///< most connections this worker may hold
    std::size_t depth = 1;  ///< most exchanges in flight per connection

    std::vector<std::unique_ptr<PooledConnection>> all;
    std::vector<PooledConnection*> closed;
    Ring<PooledConnection*> idle;
    Ring<PooledConnection*> with_room;  ///< busy ones with less than `depth` in flight
    Ring<VirtualUser*> waiting;
    WaitCause cause;
    std::size_t open = 0;        ///< all but the closed ones
    std::size_t connecting = 0;  ///< from resolving to greeting
    std::uint64_t closes = 0;    ///< by us, of established connections
};

}  // namespace loadline

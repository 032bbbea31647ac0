#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/timing.hpp"
#include "plan/plan.hpp"

namespace loadline {

struct PooledConnection;

/// Connections of one session's own, one per target; null or another's by now: none. Only
/// where each session has its own.
using OwnConnections = std::vector<PooledConnection*>;

/// The variables of a user who is logged in; a journey borrows one.
struct Session {
    std::vector<Value> variables;
    std::uint64_t index = 0;
    OwnConnections connections;
};

/// The worker's slot that executes one journey at a time: where it stands, and the
/// variables it works on. Plain data; the worker moves it.
struct VirtualUser {
    std::uint64_t index = 0;
    std::vector<Value> own_variables;
    std::vector<Value>* variables = nullptr;  ///< its own, or those of the borrowed session
    Session* session = nullptr;

    const std::vector<Action>* actions = nullptr;
    std::size_t next_action = 0;
    std::uint32_t journey = 0;
    std::uint32_t starting_pool = 0;  ///< while a session starts: its pool
    enum class Work : std::uint8_t { idle, journey, session_start, setup } work = Work::idle;

    TimePoint arrival{};     ///< when the journey was due
    TimePoint due{};         ///< when its next step is due
    TimePoint user_free{};   ///< when a user (and session) was free for the journey
    Duration thought{};      ///< think time of this journey so far
    Duration spent{};        ///< from arrival to the last completion, think time excluded
    std::uint32_t life = 0;  ///< changes when the journey is cut short: stale timers notice

    std::optional<ChurnMode> churn;  ///< how the journey ends its connection; nothing: as others

    StepIndex step = 0;  ///< the exchange under way
    Timing timing{};
    TimePoint queued{};  ///< when it began to wait for a connection
    PooledConnection* connection = nullptr;
    OwnConnections own_connections;
    OwnConnections& connections() { return session ? session->connections : own_connections; }
    std::size_t request_size = 0;  ///< bytes of the request under way
    bool resent = false;           ///< sent once more on another connection
};

}  // namespace loadline

#include "engine/worker.hpp"

// Pools: which connection an exchange gets, and when another one is opened, up to the cap.
namespace loadline {
using State = PooledConnection::State;

namespace {
constexpr Duration trusted_idle = std::chrono::milliseconds{1};
constexpr std::size_t connects_at_once = 1024;  // per worker: more would overflow backlogs
}  // namespace

/// A connection that can take one more exchange: an idle one, else one with less in flight
/// than the depth allows. Null when there is none.
PooledConnection* Worker::take_connection(ConnectionPool& pool) {
    while (!pool.idle.empty()) {
        auto* connection = pool.idle.pop();
        const bool look = now_ - connection->idle_since > trusted_idle;
        if (!look || !connection->link.peer_gone()) return connection;
        close(*connection, false);
    }
    while (!pool.with_room.empty()) {
        auto* connection = pool.with_room.pop();
        connection->has_room = false;
        if (connection->state == State::busy && connection->users.size() < pool.depth) {
            return connection;
        }
    }
    return nullptr;
}

/// The user's own connection of a pool where each has its own; null: none open.
PooledConnection* Worker::own_connection(User& user, std::size_t pool) {
    auto& all = user.connections();
    all.resize(pools_.size());
    auto* connection = all[pool];
    if (!connection || connection->owner != &all) return nullptr;
    const bool look = now_ - connection->idle_since > trusted_idle;
    if (!look || !connection->link.peer_gone()) return connection;
    close(*connection, false);
    return nullptr;
}

/// Opens as many connections as users wait for, within the cap. It holds for both pools of a
/// target together; the pool whose first user waits longer comes first.
void Worker::grow(ConnectionPool& pool) {
    auto* other = other_pool(pool);
    if (!other) return open_wanted(pool);
    const bool other_first = other_waits_longer(pool);
    open_wanted(other_first ? *other : pool);
    open_wanted(other_first ? pool : *other);
}

void Worker::open_wanted(ConnectionPool& pool) {
    const auto may_open = [&] { return !is_full(pool) && pool.connecting < connects_at_once; };
    if (!pool.own) {
        while (pool.connecting < pool.waiting.size() && may_open()) open_connection(pool, nullptr);
        return;
    }
    auto* lender = pool.churn ? other_pool(pool) : nullptr;
    while (!pool.waiting.empty()) {
        // A journey that churns takes the place of a connection that nobody uses.
        if (lender && is_full(pool) && !lender->idle.empty()) close(*lender->idle.pop(), true);
        if (!may_open()) return;
        open_connection(pool, pool.waiting.pop());
    }
}

bool Worker::is_full(const ConnectionPool& pool) {
    const auto* other = other_pool(pool);
    return pool.open + (other ? other->open : 0) >= pool.cap;
}

bool Worker::other_waits_longer(const ConnectionPool& pool) {
    const auto* other = other_pool(pool);
    if (!other || other->waiting.empty()) return false;
    return pool.waiting.empty() || other->waiting.front()->due < pool.waiting.front()->due;
}

}  // namespace loadline

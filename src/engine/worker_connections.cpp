#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "engine/worker.hpp"
#include "net/client_limit.hpp"

// Connections: opened, greeted, lent to exchanges, read from, closed.
namespace loadline {
namespace asio = boost::asio;
using boost::system::error_code;
using State = PooledConnection::State;

/// `for_user`: whose own it will be; null: for whoever waits longest.
void Worker::open_connection(ConnectionPool& pool, User* for_user) {
    if (pool.closed.empty()) {
        pool.all.push_back(
            std::make_unique<PooledConnection>(io_, pool.protocol, pool.route.tls.get(),
                                               static_cast<std::uint32_t>(&pool - pools_.data())));
        pool.closed.push_back(pool.all.back().get());
    }
    auto& connection = *pool.closed.back();
    pool.closed.pop_back();
    connection.opened_for = for_user;
    connection.phase_started = connection.opening_began = now_;
    connection.exchanges = 0;
    connection.resolve_time.reset();
    connection.tls_time = {};
    connection.opening_recorded = false;
    ++pool.open;
    ++pool.connecting;
    if (addresses_are_old(pool)) return await_addresses(connection);
    connect(connection);
}

void Worker::connect(PooledConnection& connection) {
    auto& pool = pools_[connection.pool];
    connection.state = State::connecting;
    if (pool.churn) prepare_churn(connection);
    const auto turn = share_.index + pool.opened++ * share_.count;
    const auto& [to, from, tls] = pool.route;
    connection.link.async_connect(
        to[turn % to.size()],
        from.empty() ? std::nullopt : std::optional{from[turn / to.size() % from.size()]},
        [this, &connection, epoch = connection.link.epoch()](error_code ec) {
            if (epoch != connection.link.epoch()) return;
            now_ = Clock::now();
            connected(connection, ec);
        });
}

void Worker::connected(PooledConnection& connection, error_code ec) {
    if (ec) {
        failure_detail_ = ec.message();
        return connect_failed(connection, outcome_of(ec, true));
    }
    connection.connect_time = now_ - connection.phase_started;
    connection.phase_started = now_;
    if (connection.churn == ChurnMode::open) return leave_unsent(connection);
    if (!connection.link.tls()) return greet(connection);
    connection.state = State::tls_handshake;
    shake_hands(connection);
}

void Worker::shake_hands(PooledConnection& connection) {
    switch (connection.link.shake_hands()) {
        case TlsSession::Handshake::more:
            return start_read(connection);
        case TlsSession::Handshake::failed:
            failure_detail_ = connection.link.tls()->problem();
            return connect_failed(connection, Outcome::tls_error);
        case TlsSession::Handshake::done:
            connection.tls_time = now_ - connection.phase_started;
            connection.phase_started = now_;
            return greet(connection);
    }
}

void Worker::greet(PooledConnection& connection) {
    auto& pool = pools_[connection.pool];
    if (pool.greeting.empty()) return opened(connection);
    connection.state = State::greeting;
    connection.greetings_left = pool.greeting_replies;
    connection.link.expect(false, true);
    if (connection.link.send(pool.greeting)) return connect_failed(connection, Outcome::reset);
    start_read(connection);
}

/// A reply to AUTH or SELECT.
void Worker::greeted(PooledConnection& connection, ReplyStatus status) {
    while (status == ReplyStatus::complete) {
        const auto& reply = connection.link.view().reply[0];
        if (reply.type == RedisValue::Type::error) {
            failure_detail_ = reply.text;
            return connect_failed(connection, Outcome::redis_error);
        }
        if (--connection.greetings_left == 0) return opened(connection);
        status = connection.link.next_reply();
    }
    if (status == ReplyStatus::malformed)
        return connect_failed(connection, Outcome::protocol_error);
    start_read(connection);
}

void Worker::opened(PooledConnection& connection) {
    auto& pool = pools_[connection.pool];
    --pool.connecting;
    ++interval_of(now_).connects;
    connection_free(connection);
    grow(pool);
}

/// Lends the connection, which has nothing in flight, to those who wait longest, or keeps it.
void Worker::connection_free(PooledConnection& connection) {
    auto& pool = pools_[connection.pool];
    if (pool.own) {
        connection.state = State::idle;
        connection.idle_since = now_;
        auto* user = std::exchange(connection.opened_for, nullptr);
        if (!user) return;
        connection.owner = &user->connections();
        user->connections()[connection.pool] = &connection;
        got_connection(*user, connection);
        send(*user, connection);
    } else if (is_full(pool) && other_waits_longer(pool)) {
        close(connection, true);
        grow(pool);
    } else if (!pool.waiting.empty()) {
        lend(connection);
    } else if (plan_->connections == ConnectionMode::per_request) {
        close(connection, true);
    } else {
        connection.state = State::idle;
        connection.idle_since = now_;
        pool.idle.push(&connection);
    }
}

/// Fills the connection with waiting exchanges, up to the depth.
void Worker::lend(PooledConnection& connection) {
    auto& pool = pools_[connection.pool];
    while (!pool.waiting.empty() && connection.users.size() < pool.depth) {
        auto& user = *pool.waiting.pop();
        got_connection(user, connection);
        send(user, connection);
        if (pool.depth == 1) return;  // it may have failed, or be somebody else's by now
    }
}

/// The user's wait is over. For a new connection it waited because that takes time to connect,
/// and for our cap only until the opening began.
void Worker::got_connection(User& user, const PooledConnection& connection) {
    const auto& pool = pools_[connection.pool];
    const bool is_new = connection.exchanges == 0;
    const auto free_since = is_new ? connection.opening_began : now_;
    if (is_new || is_full(pool)) note_cap_wait(pool.cause, free_since - user.queued);
    user.timing.ready = std::max(user.timing.ready, now_);
}

/// A connection of a deeper pool has room again: for those who wait, or to be found.
void Worker::room_free(PooledConnection& connection) {
    auto& pool = pools_[connection.pool];
    lend(connection);
    if (connection.has_room || connection.users.size() >= pool.depth) return;
    connection.has_room = true;
    pool.with_room.push(&connection);
}

void Worker::connect_failed(PooledConnection& connection, Outcome outcome) {
    auto& pool = pools_[connection.pool];
    --pool.connecting;
    auto* user = std::exchange(connection.opened_for, nullptr);
    close(connection, false);
    if (user) {
        fail_waiting(*user, outcome);
    } else {
        fail_first_waiting(pool, outcome);
    }
    failure_detail_.clear();
    grow(pool);
}

void Worker::fail_first_waiting(ConnectionPool& pool, Outcome outcome) {
    if (pool.waiting.empty()) return;
    auto& user = *pool.waiting.pop();
    const bool at_cap = outcome == Outcome::aborted && is_full(pool);
    if (outcome == Outcome::dropped || at_cap) note_cap_wait(pool.cause, now_ - user.due);
    fail_waiting(user, outcome);
}

/// Ends an exchange that never got a connection.
void Worker::fail_waiting(User& user, Outcome outcome) {
    user.timing.done = now_;
    complete(user, outcome, {});
}

void Worker::close(PooledConnection& connection, bool by_us) {
    auto& pool = pools_[connection.pool];
    connection.link.close();
    leaving_ -= connection.state == State::leaving;
    parked_ -= connection.state == State::parked;
    bursting_ -= kept_for_burst(connection);
    connection.state = State::closed;
    connection.churn.reset();
    connection.last_sent = false;
    connection.reading = connection.writing = false;
    connection.owner = nullptr;
    --pool.open;
    pool.closes += by_us;
    interval_of(now_).closes[pool.target_index] += by_us;
    pool.closed.push_back(&connection);
}

void Worker::start_read(PooledConnection& connection) {
    if (!connection.link.is_open() || connection.reading) return;  // closed since it was sent
    connection.reading = true;
    connection.link.async_read(
        [this, &connection, epoch = connection.link.epoch()](error_code ec, std::size_t n) {
            if (epoch != connection.link.epoch()) return;
            connection.reading = false;
            now_ = Clock::now();
            on_read(connection, ec, n);
        },
        reads_slowly(connection) ? connection.slice_left : SIZE_MAX);
}

void Worker::on_read(PooledConnection& connection, error_code ec, std::size_t n) {
    auto& link = connection.link;
    switch (connection.state) {
        case State::tls_handshake:
            if (ec) {
                failure_detail_ = "the peer closed during the handshake";
                return connect_failed(connection, Outcome::tls_error);
            }
            link.received_handshake(n);
            return shake_hands(connection);
        case State::greeting:
            if (ec) return connect_failed(connection, outcome_of(ec, false));
            return greeted(connection, link.received(n));
        case State::leaving:
            return on_leaving_read(connection, ec, n);
        default:
            break;
    }
    if (!ec) return on_reply(connection, link.received(n));
    if (ec != asio::error::eof) return fail_exchanges(connection, outcome_of(ec, false));
    const auto status = link.end_of_stream();
    if (status == ReplyStatus::complete) return on_reply(connection, status);
    fail_exchanges(connection, Outcome::closed_early);
}

/// The socket takes no more for now. An answer may come all the same (413, say), so the read
/// starts at once; but slow-read begins behind the request.
void Worker::wait_writable(PooledConnection& connection) {
    connection.writing = true;
    if (!reads_slowly(connection)) start_read(connection);
    connection.link.async_writable(
        [this, &connection, epoch = connection.link.epoch()](error_code ec) {
            if (epoch != connection.link.epoch()) return;
            now_ = Clock::now();
            connection.writing = false;
            if (!ec) ec = connection.link.send_rest();
            if (connection.state == State::leaving) return request_left(connection, ec);
            if (ec == asio::error::would_block) return wait_writable(connection);
            if (ec) return send_failed(connection, ec);
            if (connection.unsent > 0) flush(connection);
        });
}

/// The peer takes no more bytes. It may have answered before it closed: the read finds out.
void Worker::send_failed(PooledConnection& connection, error_code ec) {
    if (outcome_of(ec, false) == Outcome::client_limit) {
        return fail_exchanges(connection, Outcome::client_limit);
    }
    connection.writing = true;  // for good: nothing more goes out here
    start_read(connection);
}

Outcome Worker::outcome_of(error_code ec, bool connecting) {
    using namespace asio::error;
    if (is_client_limit(ec)) {
        out_of_sockets_ = true;
        return Outcome::client_limit;
    }
    if (connecting) return ec == timed_out ? Outcome::connect_timeout : Outcome::connect_refused;
    if (ec == eof) return Outcome::closed_early;
    return Outcome::reset;
}

/// Connections that take too long to open, and idle ones that the peer has closed.
void Worker::sweep_connections(ConnectionPool& pool) {
    const auto& limits = plan_->timeouts;
    for (std::size_t i = 0; i < pool.all.size(); ++i) {
        auto& connection = *pool.all[i];
        const auto age = now_ - connection.phase_started;
        switch (connection.state) {
            case State::resolving:
                if (age <= limits.resolve) break;
                failure_detail_ = "no answer within " + format_duration(limits.resolve);
                connect_failed(connection, Outcome::resolve_error);
                break;
            case State::busy:
                if (const auto slow = slow_exchange(connection)) fail_exchanges(connection, *slow);
                break;
            case State::tls_handshake:
                if (age <= limits.tls) break;
                failure_detail_ = "the handshake took too long";
                connect_failed(connection, Outcome::tls_error);
                break;
            case State::connecting:
            case State::greeting:
                if (age > limits.connect) connect_failed(connection, Outcome::connect_timeout);
                break;
            case State::leaving:
                if (now_ > connection.leave_by) give_up(connection);
                break;
            case State::closed:
            case State::idle:
            case State::parked:
                break;
        }
    }
}

/// Looks at every idle connection (a system call each) and keeps the good ones: those of a
/// pool in their order.
void Worker::sweep_idle(ConnectionPool& pool) {
    for (std::size_t i = 0; pool.own; ++i) {
        if (i == pool.all.size()) return;
        auto& connection = *pool.all[i];
        const bool kept = kept_for_burst(connection);
        if ((connection.state != State::idle && !kept) || !connection.link.peer_gone()) continue;
        if (kept) ++counts_of(ChurnMode::burst_end).server_first;
        close(connection, false);
    }
    for (auto n = pool.idle.size(); n > 0; --n) {
        auto* connection = pool.idle.pop();
        if (connection->link.peer_gone()) {
            close(*connection, false);
        } else {
            pool.idle.push(connection);
        }
    }
}

void Worker::close_connections(std::function<void(std::vector<std::uint64_t>)> closed) {
    asio::post(io_, [this, closed = std::move(closed)] {
        now_ = Clock::now();
        std::vector<std::uint64_t> closes(plan_->targets.size());
        for (auto& pool : pools_) {
            for (auto& connection : pool.all) {
                const auto state = connection->state;
                if (state == State::closed || state == State::busy) continue;
                pool.connecting -= connection->is_opening();
                close(*connection, state != State::resolving && state != State::connecting);
            }
            pool.idle.clear();
            closes[pool.target_index] += std::exchange(pool.closes, 0);
        }
        asio::post(control_,
                   [closed, sum = std::move(closes)]() mutable { closed(std::move(sum)); });
    });
}

}  // namespace loadline

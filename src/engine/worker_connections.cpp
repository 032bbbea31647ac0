#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "engine/worker.hpp"

// Connections: opened on demand up to the cap, lent to one exchange at a time.
namespace loadline {
namespace asio = boost::asio;

PooledConnection* Worker::take_idle(ConnectionPool& pool) {
    return pool.idle.empty() ? nullptr : pool.idle.pop();
}

/// Opens as many connections as users wait for, within the cap.
void Worker::grow(ConnectionPool& pool) {
    while (pool.connecting < pool.waiting.size() && pool.open < pool.cap) {
        if (pool.closed.empty()) {
            pool.all.push_back(std::make_unique<PooledConnection>(
                io_, pool.protocol, static_cast<std::uint32_t>(&pool - pools_.data())));
            pool.closed.push_back(pool.all.back().get());
        }
        auto& connection = *pool.closed.back();
        pool.closed.pop_back();
        connection.state = PooledConnection::State::connecting;
        connection.connect_started = now_;
        ++pool.open;
        ++pool.connecting;
        connection.link.async_connect(
            pool.endpoint,
            [this, &connection, epoch = connection.link.epoch()](boost::system::error_code ec) {
                if (epoch != connection.link.epoch()) return;
                now_ = Clock::now();
                connected(connection, ec);
            });
    }
}

void Worker::connected(PooledConnection& connection, boost::system::error_code ec) {
    auto& pool = pools_[connection.pool];
    if (ec) return connect_failed(connection, outcome_of(ec, true));
    if (pool.greeting.empty()) {
        --pool.connecting;
        ++interval_of(now_).connects;
        return connection_free(connection);
    }
    connection.state = PooledConnection::State::greeting;
    connection.greetings_left = pool.greeting_replies;
    connection.link.expect(false, true);
    if (connection.link.send(pool.greeting)) return connect_failed(connection, Outcome::reset);
    start_read(connection);
}

/// A reply to AUTH or SELECT.
void Worker::greeted(PooledConnection& connection, ReplyStatus status) {
    auto& pool = pools_[connection.pool];
    while (status == ReplyStatus::complete) {
        if (connection.link.view().reply[0].type == RedisValue::Type::error) {
            return connect_failed(connection, Outcome::redis_error);
        }
        if (--connection.greetings_left == 0) {
            --pool.connecting;
            ++interval_of(now_).connects;
            return connection_free(connection);
        }
        status = connection.link.next_reply();
    }
    if (status == ReplyStatus::malformed)
        return connect_failed(connection, Outcome::protocol_error);
    start_read(connection);
}

/// Lends the connection to the user that waits longest, or keeps it.
void Worker::connection_free(PooledConnection& connection) {
    auto& pool = pools_[connection.pool];
    if (!pool.waiting.empty()) {
        auto& user = *pool.waiting.pop();
        user.timing.ready = std::max(user.timing.ready, now_);
        if (pool.open >= pool.cap) note_cap_wait(pool.cause, user.timing.pool_wait());
        return send(user, connection);
    }
    if (plan_->connections == ConnectionMode::per_request) return close(connection, true);
    connection.state = PooledConnection::State::idle;
    connection.idle_since = now_;
    pool.idle.push(&connection);
}

void Worker::connect_failed(PooledConnection& connection, Outcome outcome) {
    auto& pool = pools_[connection.pool];
    --pool.connecting;
    close(connection, false);
    fail_first_waiting(pool, outcome);
    grow(pool);
}

void Worker::fail_first_waiting(ConnectionPool& pool, Outcome outcome) {
    if (pool.waiting.empty()) return;
    auto& user = *pool.waiting.pop();
    user.timing.done = now_;
    if (outcome == Outcome::dropped) note_cap_wait(pool.cause, now_ - user.due);
    complete(user, outcome, 0, 0);
}

void Worker::close(PooledConnection& connection, bool by_us) {
    auto& pool = pools_[connection.pool];
    connection.link.close();
    connection.state = PooledConnection::State::closed;
    --pool.open;
    pool.closes += by_us;
    interval_of(now_).closes += by_us;
    pool.closed.push_back(&connection);
}

void Worker::start_read(PooledConnection& connection) {
    if (!connection.link.is_open()) return;  // closed since it was sent
    connection.link.async_read([this, &connection, epoch = connection.link.epoch()](
                                   boost::system::error_code ec, std::size_t n) {
        if (epoch != connection.link.epoch()) return;
        now_ = Clock::now();
        on_read(connection, ec, n);
    });
}

void Worker::on_read(PooledConnection& connection, boost::system::error_code ec, std::size_t n) {
    const bool greeting = connection.state == PooledConnection::State::greeting;
    if (!ec) {
        const auto status = connection.link.received(n);
        return greeting ? greeted(connection, status) : on_reply(connection, status);
    }
    if (greeting) return connect_failed(connection, outcome_of(ec, false));
    if (ec != asio::error::eof) return finish_exchange(connection, outcome_of(ec, false), false);
    const auto status = connection.link.end_of_stream();
    if (status == ReplyStatus::complete) return on_reply(connection, status);
    finish_exchange(connection, Outcome::closed_early, false);
}

void Worker::on_reply(PooledConnection& connection, ReplyStatus status) {
    if (status == ReplyStatus::incomplete) return start_read(connection);
    if (status == ReplyStatus::malformed) {
        return finish_exchange(connection, Outcome::protocol_error, false);
    }
    auto& user = *connection.user;
    const auto reply = connection.link.view();
    const auto outcome = judge_reply(plan_->steps[user.step], reply, *user.variables);
    if (outcome != Outcome::ok) keep_example(user, outcome, &reply);
    finish_exchange(connection, outcome, connection.link.reusable());
}

void Worker::wait_writable(PooledConnection& connection) {
    connection.link.async_writable(
        [this, &connection, epoch = connection.link.epoch()](boost::system::error_code ec) {
            if (epoch != connection.link.epoch()) return;
            now_ = Clock::now();
            if (!ec) ec = connection.link.send_rest();
            if (ec == asio::error::would_block) return wait_writable(connection);
            if (ec) return finish_exchange(connection, outcome_of(ec, false), false);
            start_read(connection);
        });
}

Outcome Worker::outcome_of(boost::system::error_code ec, bool connecting) {
    using namespace asio::error;
    if (ec == no_descriptors || ec == boost::system::errc::too_many_files_open_in_system ||
        ec == boost::system::errc::address_not_available || ec == address_in_use ||
        ec == no_buffer_space || ec == no_memory) {
        out_of_sockets_ = true;
        return Outcome::client_limit;
    }
    if (connecting) return ec == timed_out ? Outcome::connect_timeout : Outcome::connect_refused;
    if (ec == eof) return Outcome::closed_early;
    return Outcome::reset;
}

void Worker::close_connections(std::function<void(std::vector<std::uint64_t>)> closed) {
    asio::post(io_, [this, closed = std::move(closed)] {
        now_ = Clock::now();
        std::vector<std::uint64_t> closes;
        for (auto& pool : pools_) {
            for (auto& connection : pool.all) {
                using State = PooledConnection::State;
                if (connection->state == State::idle) {
                    close(*connection, true);
                } else if (connection->state == State::connecting ||
                           connection->state == State::greeting) {
                    --pool.connecting;
                    close(*connection, connection->state == State::greeting);
                }
            }
            pool.idle.clear();
            closes.push_back(std::exchange(pool.closes, 0));
        }
        asio::post(control_,
                   [closed, sum = std::move(closes)]() mutable { closed(std::move(sum)); });
    });
}

}  // namespace loadline

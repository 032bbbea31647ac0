#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "engine/upstream_time.hpp"
#include "engine/worker.hpp"

// Exchanges: one request and its response, from the moment it is due to its record.
namespace loadline {
namespace asio = boost::asio;

namespace {
constexpr std::uint8_t examples_per_outcome = 3;
constexpr std::size_t example_length = 200, server_length = 40;

/// Whether the connection ended by our own doing.
bool ended_by_us(Outcome outcome) {
    return outcome == Outcome::timeout || outcome == Outcome::aborted ||
           outcome == Outcome::protocol_error;
}

}  // namespace

/// Where an exchange or arrival that was due at `due` is counted.
Interval& Worker::interval_of(TimePoint due) {
    const bool measured = active_ && due >= window_.measure_start() && due < window_.measure_end();
    return measured ? *measured_ : *unmeasured_;
}

void Worker::start_exchange(User& user, StepIndex step) {
    user.step = step;
    user.resent = false;
    user.timing = {};
    user.timing.intended = user.due;
    user.timing.ready = std::max(user.due, user.user_free);
    auto& pool = pool_of(user);
    if (pool.own) {
        const auto index = static_cast<std::size_t>(&pool - pools_.data());
        if (auto* connection = own_connection(user, index)) return send(user, *connection);
        if (pool.waiting.empty()) pool.cause = {};
        return wait_for_connection(user);
    }
    if (pool.waiting.empty()) {
        if (auto* connection = take_connection(pool)) return send(user, *connection);
        pool.cause = {};
    }
    wait_for_connection(user);
}

void Worker::wait_for_connection(User& user) {
    auto& pool = pool_of(user);
    user.queued = now_;
    pool.waiting.push(&user);
    grow(pool);
}

/// Sends the user's request at once; in a deeper pool, at the end of this turn of the loop,
/// together with the others on the same connection.
void Worker::send(User& user, PooledConnection& connection) {
    if (abandons(user)) return leave(user, connection);
    const auto& step = plan_->steps[user.step];
    connection.last_step = user.step;
    connection.last_sent = is_last(user);
    user.connection = &connection;
    connection.users.push(&user);
    connection.state = PooledConnection::State::busy;
    if (pools_[connection.pool].depth > 1) return send_later(user, connection);
    const auto* request = &step.fixed_request;
    if (request->empty()) {
        render_request(step, context(user), scratch_, connection.request);
        request = &connection.request;
    }
    user.request_size = request->size();
    connection.link.expect(step.head_request, step.keeps_body);
    user.timing.sent = now_ = Clock::now();
    const auto ec = connection.link.send(*request);
    if (ec == asio::error::would_block) return wait_writable(connection);
    if (ec) return send_failed(connection, ec);
    read_soon(connection);
}

/// The reply is read after everything else that is due has left.
void Worker::read_soon(PooledConnection& connection) {
    if (!limits_.defer_reads) return start_read(connection);
    sent_now_.push_back(&connection);
}

void Worker::send_later(User& user, PooledConnection& connection) {
    const auto& step = plan_->steps[user.step];
    const auto* request = &step.fixed_request;
    if (request->empty()) {
        render_request(step, context(user), scratch_, rendered_);
        request = &rendered_;
    }
    user.request_size = request->size();
    connection.pending.append(*request);
    if (connection.unsent++ == 0) to_flush_.push_back(&connection);
    if (!connection.has_room && connection.users.size() < pools_[connection.pool].depth) {
        connection.has_room = true;
        pools_[connection.pool].with_room.push(&connection);
    }
}

/// Sends all that was rendered for this connection in one write.
void Worker::flush(PooledConnection& connection) {
    if (connection.unsent == 0 || connection.writing) return;
    auto& users = connection.users;
    const auto in_flight = users.size() - connection.unsent;
    std::swap(connection.request, connection.pending);
    connection.pending.clear();
    if (in_flight == 0) connection.link.expect(false, true);
    now_ = Clock::now();
    for (auto i = in_flight; i < users.size(); ++i) users[i]->timing.sent = now_;
    connection.unsent = 0;
    const auto ec = connection.link.send(connection.request);
    if (ec == asio::error::would_block) return wait_writable(connection);
    if (ec) return send_failed(connection, ec);
    read_soon(connection);
}

void Worker::on_reply(PooledConnection& connection, ReplyStatus status) {
    auto& link = connection.link;
    const auto epoch = link.epoch();
    const auto depth = pools_[connection.pool].depth;
    for (;;) {
        if (connection.users.size() == connection.unsent) {  // nothing was asked
            return fail_exchanges(connection, Outcome::protocol_error);
        }
        auto& user = *connection.users.front();
        if (user.timing.first_byte == TimePoint{}) user.timing.first_byte = now_;
        if (status == ReplyStatus::incomplete) return start_read(connection);
        if (status == ReplyStatus::malformed) {
            return fail_exchanges(connection, Outcome::protocol_error);
        }
        const auto reply = link.view();
        const auto outcome = judge_reply(plan_->steps[user.step], reply, *user.variables);
        if (outcome != Outcome::ok) describe_failure(user, outcome, reply);
        note_origin(user, outcome, reply);
        if (depth == 1) return finish_exchange(connection, outcome);
        finish_one_of_several(connection, outcome);
        if (epoch != link.epoch()) return;
        if (connection.users.empty()) {
            if (connection.state == PooledConnection::State::busy) {  // more came than was asked
                close(connection, true);
            }
            return;
        }
        if (connection.users.size() == connection.unsent && link.reusable()) return;
        status = link.next_reply();
        if (status == ReplyStatus::incomplete && connection.users.size() == connection.unsent) {
            return start_read(connection);  // bytes of a reply that nobody asked for
        }
    }
}

/// The only exchange on this connection has its answer. The connection is let go first, to
/// whoever waits longest; then its user goes on.
void Worker::finish_exchange(PooledConnection& connection, Outcome outcome) {
    auto& user = *connection.users.pop();
    user.connection = nullptr;
    user.timing.done = now_;
    note_slow(user.timing.service_time());
    ++answers_[pools_[connection.pool].target_index];
    const Traffic traffic{connection.link.take_bytes_in(), user.request_size};
    record_opening(user, connection);
    ++connection.exchanges;

    // A request that is not out yet was answered early: what is left of it must not follow.
    const bool reusable = connection.link.reusable() && !connection.writing;
    if (pools_[connection.pool].churn) {
        answered_churner(connection, reusable);
    } else if (reusable && plan_->connections != ConnectionMode::per_request) {
        connection_free(connection);
    } else {
        // A reply that ends the connection (Connection: close) is the server's close.
        close(connection, reusable);
        grow(pools_[connection.pool]);
    }
    complete(user, outcome, traffic);
}

/// The first of several exchanges on this connection has its answer.
void Worker::finish_one_of_several(PooledConnection& connection, Outcome outcome) {
    auto& user = *connection.users.pop();
    user.connection = nullptr;
    user.timing.done = now_;
    note_slow(user.timing.service_time());
    ++answers_[pools_[connection.pool].target_index];
    record_opening(user, connection);
    ++connection.exchanges;
    const Traffic traffic{connection.link.take_bytes_in(), user.request_size};

    if (connection.users.empty() && connection.link.reusable()) {
        connection_free(connection);
    } else {
        room_free(connection);
    }
    complete(user, outcome, traffic);
}

/// The connection is lost, and with it every exchange that was sent on it. An idempotent
/// request on a reused connection that got nothing of an answer is sent once more: the
/// server closed the idle connection just when the request left, as any client knows it.
void Worker::fail_exchanges(PooledConnection& connection, Outcome outcome) {
    const bool no_answer = !connection.link.reply_started() && connection.exchanges > 0 &&
                           (outcome == Outcome::closed_early || outcome == Outcome::reset);
    auto users = std::move(connection.users);
    connection.users = {};
    const auto sent = users.size() - std::exchange(connection.unsent, 0);
    connection.pending.clear();
    close(connection, ended_by_us(outcome));
    for (std::size_t i = 0; i < sent; ++i) {
        auto& user = *users[i];
        user.connection = nullptr;
        user.timing.done = now_;
        if (no_answer && !user.resent && plan_->steps[user.step].idempotent) {
            user.resent = true;
            user.queued = now_;
            ++interval_of(user.timing.intended).steps[user.step].resends;
            pools_[connection.pool].waiting.push_front(&user);  // gets a new connection
            continue;
        }
        note_slow(user.timing.service_time());
        complete(user, outcome, {0, user.request_size});
    }
    for (auto i = sent; i < users.size(); ++i) {
        users[i]->connection = nullptr;
        wait_for_connection(*users[i]);
    }
    grow(pools_[connection.pool]);
}

/// Whether the connection's first exchange has used up its time.
std::optional<Outcome> Worker::slow_exchange(const PooledConnection& connection) const {
    const auto& user = *connection.users.front();
    if (user.timing.sent == TimePoint{}) return {};
    const auto age = now_ - user.timing.sent;
    const auto& first_byte = plan_->timeouts.first_byte;
    if (age > plan_->steps[user.step].timeout) return Outcome::timeout;
    if (first_byte && age > *first_byte && user.timing.first_byte == TimePoint{}) {
        return Outcome::timeout;
    }
    return {};
}

void Worker::complete(User& user, Outcome outcome, Traffic traffic) {
    if (abandons(user)) return fail_unmeasured(user, outcome);
    record(user, outcome, traffic);
    user.due = user.timing.done;
    user.spent = user.timing.done - user.arrival - user.thought;
    if (outcome == Outcome::ok) {
        advance(user);
    } else {
        finish_journey(user, outcome);
    }
    if (arrival_ && *arrival_ <= now_) start_due();
}

void Worker::record(const User& user, Outcome outcome, Traffic traffic) {
    const auto& timing = user.timing;
    auto& interval = interval_of(timing.intended);
    auto& stats = interval.steps[user.step];
    ++stats.outcomes[static_cast<std::size_t>(outcome)];
    stats.bytes_in += traffic.in;
    stats.bytes_out += traffic.out;
    if (timing.sent != TimePoint{}) {
        record_sent(user, interval);
        stats.given_up += outcome == Outcome::timeout || outcome == Outcome::aborted;
    }
    if (answered(outcome)) {
        stats.response_time.record(timing.response_time());
        stats.service_time.record(timing.service_time());
        stats.wait.record(timing.wait());
        stats.read.record(timing.read());
        if (outcome == Outcome::ok) stats.response_time_ok.record(timing.response_time());
    } else {
        stats.response_time.record(Histogram::unanswered);
    }
    if (outcome != Outcome::ok) keep_example(user, outcome);
}

/// The generator's own part in an exchange.
void Worker::record_sent(const User& user, Interval& interval) {
    const auto& timing = user.timing;
    ++interval.steps[user.step].sent;
    const auto lag = timing.send_lag();
    interval.send_lag.record(lag);
    lag_windows_.record(timing.intended, lag, interval.send_lag_windows);
    interval.pool_wait.record(timing.pool_wait());
}

/// What it took to open the connection, counted under the first exchange on it.
void Worker::record_opening(const User& user, PooledConnection& connection) {
    if (connection.opening_recorded) return;
    connection.opening_recorded = true;
    auto& stats = interval_of(user.timing.intended).steps[user.step];
    if (connection.resolve_time) stats.resolve.record(*connection.resolve_time);
    stats.connect.record(connection.connect_time);
    if (connection.link.tls()) stats.tls.record(connection.tls_time);
}

/// Whether an example of this outcome is still of interest.
bool Worker::wants_example(const User& user, Outcome outcome) const {
    if (user.work != User::Work::journey) return start_problem_.empty();
    return examples_[static_cast<std::size_t>(outcome)] < examples_per_outcome;
}

/// Remembers what the reply said, for keep_example.
void Worker::describe_failure(const User& user, Outcome outcome, const ResponseView& reply) {
    failure_detail_.clear();
    if (!wants_example(user, outcome)) return;
    if (reply.status != 0) {
        failure_detail_ = "HTTP " + std::to_string(reply.status) + " ";
        if (reply.status == 502 || reply.status == 504) {  // of which proxy?
            const auto server = reply.header("Server").substr(0, server_length);
            if (!server.empty()) failure_detail_ += "from " + std::string{server} + " ";
        }
        failure_detail_ += reply.body.substr(0, example_length);
    } else if (reply.is_redis()) {
        failure_detail_ = reply.reply[0].text.substr(0, example_length);
    }
}

/// Counts what the status of a failure, or the headers of a slow answer, tell of where it arose.
void Worker::note_origin(const User& user, Outcome outcome, const ResponseView& reply) {
    const auto service_time = now_ - user.timing.sent;
    const bool slow = service_time > limits_.latency_limit && !reply.is_redis();
    if (outcome != Outcome::http_5xx && !slow) return;
    auto& origins = interval_of(user.timing.intended).steps[user.step].origins;
    if (outcome == Outcome::http_5xx) {
        origins.http_502 += reply.status == 502;
        origins.http_503 += reply.status == 503;
        origins.http_504 += reply.status == 504;
    }
    if (!slow) return;
    const auto upstream = upstream_time(reply);
    if (!upstream) return;
    ++origins.slow;
    origins.slow_service += service_time;
    origins.slow_upstream += std::min(*upstream, service_time);
}

void Worker::keep_example(const User& user, Outcome outcome) {
    const auto detail = std::exchange(failure_detail_, {});
    if (!wants_example(user, outcome)) return;
    std::string text{to_string(outcome)};
    if (!detail.empty()) text += ": " + detail;
    if (user.work != User::Work::journey) {
        start_problem_ = "step \"" + plan_->steps[user.step].name + "\" ended with " + text;
        return;
    }
    ++examples_[static_cast<std::size_t>(outcome)];
    asio::post(control_, [to = &events_,
                          example = FailureExample{outcome, user.step, std::move(text)}]() mutable {
        to->example(std::move(example));
    });
}

void Worker::note_slow(Duration service_time) {
    if (service_time <= limits_.latency_limit) return;
    cap_drops_.server_slow();
    for (auto& pool : pools_) {
        if (!pool.waiting.empty()) pool.cause.server_slow = true;
    }
    for (auto& pool : session_pools_) {
        if (!pool.waiting.empty()) pool.cause.server_slow = true;
    }
}

void Worker::note_cap_wait(const WaitCause& cause, Duration waited) {
    if (!cause.server_slow && waited > limits_.latency_limit) ++cap_waits_;
}

}  // namespace loadline

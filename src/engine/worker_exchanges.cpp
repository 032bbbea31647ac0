#include <boost/asio/post.hpp>

#include "engine/worker.hpp"

// Exchanges: one request and its response, from the moment it is due to its record.
namespace loadline {
namespace asio = boost::asio;

namespace {
constexpr std::uint8_t examples_per_outcome = 3;
constexpr std::size_t example_length = 200;
}  // namespace

/// Where an exchange or arrival that was due at `due` is counted.
Interval& Worker::interval_of(TimePoint due) {
    const bool measured = active_ && due >= window_.measure_start() && due < window_.measure_end();
    return measured ? *measured_ : *unmeasured_;
}

void Worker::start_exchange(User& user, StepIndex step) {
    user.step = step;
    user.timing = {};
    user.timing.intended = user.due;
    user.timing.ready = std::max(user.due, user.user_free);
    auto& pool = pools_[plan_->steps[step].target];
    if (pool.waiting.empty()) {
        if (auto* connection = take_idle(pool)) return send(user, *connection);
        pool.cause = {};
    }
    pool.waiting.push(&user);
    grow(pool);
}

void Worker::send(User& user, PooledConnection& connection) {
    const auto& step = plan_->steps[user.step];
    user.connection = &connection;
    connection.user = &user;
    connection.state = PooledConnection::State::busy;
    render_request(step, context(user), scratch_, connection.request);
    connection.link.expect(step.head_request, step.keeps_body);
    user.timing.sent = now_ = Clock::now();
    const auto ec = connection.link.send(connection.request);
    if (ec == asio::error::would_block) return wait_writable(connection);
    if (ec) return finish_exchange(connection, outcome_of(ec, false), false);
    sent_now_.push_back(&connection);
}

/// The exchange on this connection has ended. The connection is let go first, to whoever
/// waits longest; then its user goes on.
void Worker::finish_exchange(PooledConnection& connection, Outcome outcome, bool reusable) {
    auto& user = *connection.user;
    const auto bytes_in = connection.link.bytes_in();
    const auto bytes_out = connection.request.size();
    connection.user = nullptr;
    user.connection = nullptr;
    user.timing.done = now_;
    note_slow(user.timing.service_time());
    if (answered(outcome)) ++answers_[connection.pool];

    if (reusable && plan_->connections == ConnectionMode::pool) {
        connection_free(connection);
    } else {
        // A reply that ends the connection (Connection: close) is the server's close.
        close(connection, reusable || !answered(outcome));
        grow(pools_[connection.pool]);
    }
    complete(user, outcome, bytes_in, bytes_out);
}

void Worker::complete(User& user, Outcome outcome, std::uint64_t bytes_in,
                      std::uint64_t bytes_out) {
    record(user, outcome, bytes_in, bytes_out);
    user.due = user.timing.done;
    user.spent = user.timing.done - user.arrival - user.thought;
    if (outcome == Outcome::ok) {
        advance(user);
    } else {
        finish_journey(user, outcome);
    }
    if (arrival_ && *arrival_ <= now_) start_due();
}

void Worker::record(const User& user, Outcome outcome, std::uint64_t bytes_in,
                    std::uint64_t bytes_out) {
    const auto& timing = user.timing;
    auto& interval = interval_of(timing.intended);
    auto& stats = interval.steps[user.step];
    ++stats.outcomes[static_cast<std::size_t>(outcome)];
    stats.bytes_in += bytes_in;
    stats.bytes_out += bytes_out;
    if (timing.sent != TimePoint{}) {
        ++interval.sent;
        interval.send_lag.record(timing.send_lag());
        interval.pool_wait.record(timing.pool_wait());
    }
    if (answered(outcome)) {
        stats.response_time.record(timing.response_time());
        stats.service_time.record(timing.service_time());
        if (outcome == Outcome::ok) stats.response_time_ok.record(timing.response_time());
    } else {
        stats.response_time.record(Histogram::unanswered);
    }
    if (outcome != Outcome::ok) keep_example(user, outcome, nullptr);
}

void Worker::keep_example(const User& user, Outcome outcome, const ResponseView* reply) {
    auto& kept = examples_[static_cast<std::size_t>(outcome)];
    const bool preparing = user.work != User::Work::journey;
    if (!reply && example_taken_) {  // on_reply has kept it already, with the reply's text
        example_taken_ = false;
        return;
    }
    if (kept >= examples_per_outcome && !preparing) return;
    std::string text{to_string(outcome)};
    if (reply && reply->status != 0) {
        text += ": HTTP " + std::to_string(reply->status) + " ";
        text += reply->body.substr(0, example_length);
    } else if (reply && reply->is_redis()) {
        text += ": ";
        text += reply->reply[0].text.substr(0, example_length);
    }
    example_taken_ = reply != nullptr;
    if (preparing) {
        if (start_problem_.empty()) {
            start_problem_ = "step \"" + plan_->steps[user.step].name + "\" ended with " + text;
        }
        return;
    }
    ++kept;
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

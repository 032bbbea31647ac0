#include <algorithm>
#include <cmath>

#include "engine/worker.hpp"

// What a connection does whose user has gone (see worker_churn.cpp): its last request is out, or
// half of it, and it ends as its mode says, in its own time.
namespace loadline {
using boost::system::error_code;
using State = PooledConnection::State;

namespace {

constexpr double slow_slice_s = 0.1;                // at least
constexpr std::size_t smallest_slow_buffer = 4096;  // of the kernel, doubled by it

/// What `partial` sends: half of the body, of a request without one half of its head.
std::string_view half_of(std::string_view request) {
    const auto blank = request.find("\r\n\r\n");
    if (blank == std::string_view::npos) return request.substr(0, request.size() / 2);
    const auto head = blank + 4, body = request.size() - head;
    return request.substr(0, body > 0 ? head + body / 2 : head / 2);
}

}  // namespace

/// Sends the journey's last request, or half of it; then the user goes, and the connection ends
/// as its mode says.
void Worker::leave(User& user, PooledConnection& connection) {
    const auto& step = plan_->steps[user.step];
    const auto mode = *user.churn;
    std::string_view request = step.fixed_request;
    if (request.empty()) {
        render_request(step, context(user), scratch_, connection.request);
        request = connection.request;
    }
    if (mode == ChurnMode::partial) request = half_of(request);
    connection.last_step = user.step;
    connection.owner = nullptr;
    connection.answered = false;
    connection.state = State::leaving;
    ++leaving_;
    connection.link.expect(step.head_request, false);
    user.timing.sent = connection.left = now_ = Clock::now();
    connection.leave_by = now_ + step.timeout;
    if (mode == ChurnMode::timeout) connection.leave_by += plan_->churn.timeout_after;
    if (ends_in_flight(mode)) connection.leave_by += plan_->churn.inflight_after;
    record_sent(user, interval_of(user.timing.intended));
    ++counts_of(mode).unmeasured;
    request_left(connection, connection.link.send(request));
    end_journey(user, Outcome::ok);
}

/// The last request went out, or as far as `ec` says.
void Worker::request_left(PooledConnection& connection, error_code ec) {
    if (ec == boost::asio::error::would_block) return wait_writable(connection);
    if (ec) return lost_first(connection);
    const auto& churn = plan_->churn;
    switch (*connection.churn) {
        case ChurnMode::fin_inflight:
        case ChurnMode::rst_inflight:
            if (churn.inflight_after == Duration{}) return depart(connection);
            depart_at(connection, connection.left + churn.inflight_after);
            return start_read(connection);
        case ChurnMode::timeout:
            depart_at(connection, connection.left + churn.timeout_after);
            return start_read(connection);
        case ChurnMode::half:
            return half_close(connection);
        case ChurnMode::slow_read:
            connection.link.limit_receive_buffer(slow_read_buffer());
            return depart_at(connection, now_ + slow_read_slice());
        case ChurnMode::reuse_race:
            return start_read(connection);
        default:
            return depart(connection);
    }
}

/// Our FIN is the close that the server must answer with its own.
void Worker::half_close(PooledConnection& connection) {
    if (connection.link.half_close()) return lost_first(connection);
    auto& pool = pools_[connection.pool];
    ++pool.closes;
    ++interval_of(now_).closes[pool.target_index];
    ++counts_of(ChurnMode::half).closes;
    connection.left = now_;
    connection.leave_by = now_ + plan_->steps[connection.last_step].timeout;
    start_read(connection);
}

void Worker::depart_at(PooledConnection& connection, TimePoint due) {
    departures_.push_back({due, &connection, connection.link.epoch()});
    std::push_heap(departures_.begin(), departures_.end());
}

void Worker::start_departures() {
    while (!departures_.empty() && departures_.front().due <= now_) {
        std::pop_heap(departures_.begin(), departures_.end());
        const auto departure = departures_.back();
        departures_.pop_back();
        auto& connection = *departure.connection;
        if (departure.epoch != connection.link.epoch()) continue;
        if (connection.churn == ChurnMode::slow_read) {
            connection.slice_began = departure.due;
            connection.slice_left = slow_read_bytes();
            start_read(connection);
        } else if (connection.churn == ChurnMode::reuse_race) {
            race(connection);
        } else {
            depart(connection);
        }
    }
}

bool Worker::reads_slowly(const PooledConnection& connection) {
    return connection.state == State::leaving && connection.churn == ChurnMode::slow_read;
}

/// What slow-read takes in one slice of time: whole bytes.
std::size_t Worker::slow_read_bytes() const {
    const auto bytes = plan_->churn.slow_rate * slow_slice_s;
    return std::max<std::size_t>(1, static_cast<std::size_t>(bytes));
}

/// How long they take at the rate.
Duration Worker::slow_read_slice() const {
    const auto bytes = static_cast<double>(slow_read_bytes());
    return Duration{std::llround(1e9 * bytes / plan_->churn.slow_rate)};
}

/// What the kernel keeps for us: no more than a slice needs, so that the server must wait.
int Worker::slow_read_buffer() const {
    return static_cast<int>(std::max(smallest_slow_buffer, slow_read_bytes()));
}

/// A part of a slow answer has come: more of it at once, or when its slice is over.
void Worker::read_slowly(PooledConnection& connection, std::size_t got) {
    connection.slice_left -= std::min(got, connection.slice_left);
    if (connection.slice_left > 0) return start_read(connection);
    depart_at(connection, std::max(now_, connection.slice_began + slow_read_slice()));
}

/// Closes a connection whose request has no answer yet; what is there of one is thrown away.
void Worker::depart(PooledConnection& connection) {
    const auto mode = *connection.churn;
    const auto unread = connection.link.drop_unread();
    if (unread == Connection::Unread::end) return lost_first(connection);
    // Over TLS these may be session tickets, which say nothing of the answer.
    const bool answered = unread == Connection::Unread::bytes && !connection.link.tls() &&
                          (ends_in_flight(mode) || mode == ChurnMode::timeout);
    auto& counts = counts_of(mode);
    ++(answered ? counts.answered_first : counts.closes);
    if (!answered) count_abandoned(connection);
    end_connection(connection);
}

/// A leaving connection ends by our own doing: the server may still work on its last request, if
/// that has no answer. After a reset it holds no socket for it, and of half a request there is
/// nothing to work on.
void Worker::count_abandoned(const PooledConnection& connection) {
    if (connection.answered) return;
    auto& step = interval_of(now_).steps[connection.last_step];
    switch (*connection.churn) {
        case ChurnMode::fin_inflight:
        case ChurnMode::timeout:
            ++step.left_in_flight;
            break;
        case ChurnMode::half:
        case ChurnMode::slow_read:
        case ChurnMode::reuse_race:
            ++step.given_up;
            break;
        default:
            break;
    }
}

/// Closes by our own doing, with FIN or RST as the mode has it.
void Worker::end_connection(PooledConnection& connection) {
    if (ends_with_reset(*connection.churn)) connection.link.prepare_reset();
    auto& pool = pools_[connection.pool];
    close(connection, true);
    grow(pool);
}

/// The server ended the connection before we could.
void Worker::lost_first(PooledConnection& connection) {
    ++counts_of(*connection.churn).server_first;
    auto& pool = pools_[connection.pool];
    close(connection, false);
    grow(pool);
}

/// What came is no HTTP: nothing more can be read here, not even to the end of stream.
void Worker::end_malformed(PooledConnection& connection) {
    ++counts_of(*connection.churn).server_first;
    auto& pool = pools_[connection.pool];
    close(connection, !is_half_closed(connection));  // its FIN has been counted
    grow(pool);
}

/// What comes on a connection that its user has left.
void Worker::on_leaving_read(PooledConnection& connection, error_code ec, std::size_t n) {
    const auto mode = *connection.churn;
    auto& link = connection.link;
    if (ec)
        return ec == boost::asio::error::eof && is_half_closed(connection)
                   ? end_of_half(connection, now_ - connection.left)
                   : lost_first(connection);
    if (connection.answered) return start_read(connection);  // bytes behind the answer
    const auto status = link.received(n);
    if (status == ReplyStatus::incomplete) {
        if (mode == ChurnMode::slow_read) return read_slowly(connection, n);
        return start_read(connection);
    }
    if (status == ReplyStatus::malformed) return end_malformed(connection);
    connection.answered = true;
    ++answers_[pools_[connection.pool].target_index];
    if (mode == ChurnMode::half) return start_read(connection);
    auto& counts = counts_of(mode);
    if (mode == ChurnMode::reuse_race && !link.reusable()) return lost_first(connection);
    const bool as_planned = mode == ChurnMode::slow_read || mode == ChurnMode::reuse_race;
    ++(as_planned ? counts.closes : counts.answered_first);
    end_connection(connection);
}

/// Whether our FIN is out, and the server's is waited for.
bool Worker::is_half_closed(const PooledConnection& connection) {
    return connection.state == State::leaving && connection.churn == ChurnMode::half &&
           !connection.writing;
}

/// The server's end of stream has come, `after` our FIN; or it never will.
void Worker::end_of_half(PooledConnection& connection, Duration after) {
    interval_of(now_).churn.fin_to_eof.record(after);
    auto& pool = pools_[connection.pool];
    close(connection, false);  // it was counted when our FIN went out
    grow(pool);
}

/// A connection that has been leaving for too long.
void Worker::give_up(PooledConnection& connection) {
    if (is_half_closed(connection)) {
        count_abandoned(connection);
        return end_of_half(connection, Histogram::unanswered);
    }
    if (connection.churn == ChurnMode::reuse_race) {
        count_abandoned(connection);
        return end_connection(connection);  // no answer either: no race was lost or won
    }
    depart(connection);
}

}  // namespace loadline

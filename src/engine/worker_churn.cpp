#include "engine/worker.hpp"

// Churn: journeys that end their connection in a mode of their own. Such a journey has a
// connection to itself. In a measured mode its last exchange is like any other, and the
// connection ends after the answer; in the others the user goes when the request is out, and the
// connection does the rest alone (worker_leaving.cpp). The mode is drawn with the arrival, before
// anything is known of the server: a slow answer cannot choose whether it is measured.
namespace loadline {
using State = PooledConnection::State;

/// How the journey of the next arrival ends its connection. Drawn for every arrival in turn, so
/// that the same seed gives the same modes.
std::optional<ChurnMode> Worker::draw_churn() {
    if (!plan_->churn.any()) return {};
    return plan_->churn.pick(churn_rng_.uniform());
}

ChurnCounts& Worker::counts_of(ChurnMode mode) { return interval_of(now_).churn.of(mode); }

/// The other pool of the same target; null where nothing churns.
ConnectionPool* Worker::other_pool(const ConnectionPool& pool) {
    if (pools_.size() == plan_->targets.size()) return nullptr;
    const auto n = plan_->targets.size();
    return &pools_[pool.target_index + (pool.churn ? 0 : n)];
}

/// Where the connection for the user's exchange comes from.
ConnectionPool& Worker::pool_of(const User& user) {
    const auto target = plan_->steps[user.step].target;
    return pools_[churns_at(user, target) ? plan_->targets.size() + target : target];
}

bool Worker::churns_at(const User& user, std::uint32_t target) const {
    return user.churn && plan_->journeys[user.journey].churn->target == target;
}

/// Whether the exchange under way is the last on the connection of a journey that churns.
bool Worker::is_last(const User& user) const {
    return user.churn && user.next_action == plan_->journeys[user.journey].churn->action + 1;
}

/// Whether the exchange that is due ends the journey unmeasured.
bool Worker::abandons(const User& user) const {
    if (!user.churn || user.next_action == 0) return false;
    return ends_unmeasured(user.journey, *user.churn, user.next_action - 1);
}

/// Whether a journey that churns so ends unmeasured with this action.
bool Worker::ends_unmeasured(std::uint32_t journey, ChurnMode mode, std::size_t action) const {
    if (is_measured(mode)) return false;
    const auto& plan = plan_->journeys[journey];
    if (mode != ChurnMode::open) return action == plan.churn->action;
    const auto* due = std::get_if<ExchangeAction>(&plan.actions[action]);
    return due && plan_->steps[due->step].target == plan.churn->target;
}

/// Whether an arrival that starts no journey is missed by nobody: its first exchange would have
/// ended it unmeasured.
bool Worker::starts_unmeasured(const Arrival& arrival) const {
    const auto& journey = plan_->journeys[arrival.journey];
    return arrival.churn && journey.churn &&
           ends_unmeasured(arrival.journey, *arrival.churn, first_exchange(journey));
}

/// Prepares the connection of a journey that churns for its opening.
void Worker::prepare_churn(PooledConnection& connection) {
    const auto& user = *connection.opened_for;
    connection.churn = user.churn;
    const bool slow = user.churn == ChurnMode::slow_read && is_last(user);
    connection.link.limit_receive_buffer(slow ? slow_read_buffer() : 0);
}

/// `open`: connected, and that was all.
void Worker::leave_unsent(PooledConnection& connection) {
    auto& pool = pools_[connection.pool];
    auto& user = *std::exchange(connection.opened_for, nullptr);
    --pool.connecting;
    ++interval_of(now_).connects;
    auto& counts = counts_of(ChurnMode::open);
    ++counts.unmeasured;
    ++counts.closes;
    close(connection, true);
    end_journey(user, Outcome::ok);
    grow(pool);
}

/// The last exchange of a journey has its answer, or an earlier one has.
void Worker::answered_churner(PooledConnection& connection, bool reusable) {
    if (!connection.last_sent && reusable) return connection_free(connection);
    auto& pool = pools_[connection.pool];
    if (!reusable) {
        if (connection.last_sent) return lost_first(connection);
        close(connection, false);
        return grow(pool);
    }
    const auto mode = *connection.churn;
    if (mode == ChurnMode::reuse_race || mode == ChurnMode::burst_end) return park(connection);
    ++counts_of(mode).closes;
    end_connection(connection);
}

/// Keeps the connection for the race or the burst, unless enough are kept: half of the cap, and
/// the size of the burst. Those beyond it are closed at once.
void Worker::park(PooledConnection& connection) {
    const auto& churn = plan_->churn;
    const bool burst = connection.churn == ChurnMode::burst_end;
    const auto size =
        churn.burst_size / share_.count + (share_.index < churn.burst_size % share_.count);
    if (burst && now_ >= window_.measure_end()) {
        ++counts_of(ChurnMode::burst_end).closes;  // answered while the others' burst was made
        return end_connection(connection);
    }
    if (parked_ >= pools_[connection.pool].cap / 2 || (burst && bursting_ >= size)) {
        ++counts_of(*connection.churn).not_kept;
        return end_connection(connection);
    }
    connection.state = State::parked;
    connection.owner = nullptr;
    ++parked_;
    bursting_ += burst;
    if (burst) return;
    const auto jitter = churn.idle_jitter.count();
    depart_at(connection, now_ + churn.idle_timeout + Duration{rng_.between(-jitter, jitter)});
}

/// Sends the last request once more, when the server may be closing the connection.
void Worker::race(PooledConnection& connection) {
    const auto& step = plan_->steps[connection.last_step];
    connection.state = State::leaving;
    --parked_;
    ++leaving_;
    connection.answered = false;
    connection.left = now_;
    connection.leave_by = now_ + step.timeout;
    connection.link.expect(step.head_request, false);
    ++interval_of(now_).steps[connection.last_step].sent;
    ++counts_of(ChurnMode::reuse_race).unmeasured;
    const auto& request = step.fixed_request.empty() ? connection.request : step.fixed_request;
    request_left(connection, connection.link.send(request));
}

/// The end of the load: all connections that were kept for it close at once.
void Worker::burst() {
    burst_made_ = true;
    for (auto& pool : pools_) {
        for (std::size_t i = 0; pool.churn && i < pool.all.size(); ++i) {
            auto& connection = *pool.all[i];
            if (!kept_for_burst(connection)) continue;
            const bool gone = connection.link.peer_gone();
            auto& counts = counts_of(ChurnMode::burst_end);
            ++(gone ? counts.server_first : counts.closes);
            close(connection, !gone);
        }
        if (pool.churn) grow(pool);
    }
}

bool Worker::kept_for_burst(const PooledConnection& connection) {
    return connection.state == State::parked && connection.churn == ChurnMode::burst_end;
}

/// The window is over: what has not left by now is closed as any other connection. Servers that
/// never close are the slowest of all, so a missing end of stream is recorded as one.
void Worker::cut_off_churners(ConnectionPool& pool) {
    for (std::size_t i = 0; pool.churn && i < pool.all.size(); ++i) {
        auto& connection = *pool.all[i];
        if (connection.state != State::leaving && connection.state != State::parked) continue;
        if (connection.state == State::parked) {
            ++counts_of(*connection.churn).not_kept;
        } else {
            count_abandoned(connection);
        }
        const bool half_closed = is_half_closed(connection);
        if (half_closed) interval_of(now_).churn.fin_to_eof.record(Histogram::unanswered);
        close(connection, !half_closed);
    }
    departures_.clear();
}

/// The journey ended before its last exchange: its connection closes as any other.
void Worker::let_go(User& user) {
    const auto index = plan_->targets.size() + plan_->journeys[user.journey].churn->target;
    const auto& all = user.connections();
    auto* connection = index < all.size() ? all[index] : nullptr;
    user.churn.reset();
    if (!connection || connection->owner != &all) return;
    close(*connection, true);
    grow(pools_[index]);
}

/// An exchange that nobody would have measured got no connection.
void Worker::fail_unmeasured(User& user, Outcome outcome) {
    ++counts_of(*user.churn).failed;
    keep_example(user, outcome);
    end_journey(user, outcome);
}

}  // namespace loadline

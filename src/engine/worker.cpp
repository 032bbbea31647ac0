#include "engine/worker.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "base/procfs.hpp"

namespace loadline {
namespace asio = boost::asio;
using std::chrono::microseconds;

namespace {
constexpr Duration poll_before_due = microseconds{60};  // a timer wakes 50-80 µs late
constexpr Duration worth_sleeping = microseconds{80};
constexpr Duration sweep_period = std::chrono::milliseconds{20};
constexpr Duration idle_sweep_period = std::chrono::milliseconds{500};
}  // namespace

Worker::Worker(std::shared_ptr<const Plan> plan, std::vector<TargetRoute> routes, Share share,
               WorkerLimits limits, std::uint64_t seed, asio::io_context& control,
               WorkerEvents events)
    : plan_{std::move(plan)},
      share_{share},
      limits_{limits},
      events_{std::move(events)},
      control_{control},
      rng_{seed ^ 0x6c6f61646c696e65, share.index},
      counter_{share.index},
      mix_{plan_->journeys},
      churn_rng_{0} {
    pools_.resize(routes.size());
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        auto& pool = pools_[i];
        pool.churn = i >= plan_->targets.size();
        pool.own = pool.churn || plan_->connections == ConnectionMode::per_session;
        pool.target_index = static_cast<std::uint32_t>(i % plan_->targets.size());
        pool.target = &plan_->targets[pool.target_index];
        pool.protocol = pool.target->url.is_redis() ? Protocol::redis : Protocol::http;
        pool.route = std::move(routes[i]);
        pool.by_name = is_name(pool.target->url);
        pool.resolved_at = Clock::now();
        pool.cap = std::max<std::size_t>(1, limits_.connections / share.count);
        if (pool.protocol == Protocol::redis) {
            pool.depth = !pool.own ? std::max<std::size_t>(1, limits_.pipeline) : 1;
            const auto greeting = redis_greeting(pool.target->url);
            pool.greeting = greeting.bytes;
            pool.greeting_replies = greeting.replies;
        }
    }
    cursors_.resize(plan_->feeders.size(), {share.index, share.count});
    session_pools_.resize(plan_->session_pools.size() + 1);
    answers_.resize(plan_->targets.size());
    for (auto* interval : {&measured_, &unmeasured_}) {
        *interval = std::make_unique<Interval>(plan_->steps.size(), plan_->journeys.size(),
                                               plan_->targets.size());
    }
}

Worker::~Worker() { join(); }

void Worker::start_thread() {
    thread_ = std::thread{[this] { run(); }};
}

void Worker::join() {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] { quit_ = true; });
    thread_.join();
}

void Worker::recycle(std::unique_ptr<Interval> interval) {
    asio::post(
        io_, [this, spare = std::move(interval)]() mutable { spare_.push_back(std::move(spare)); });
}

void Worker::begin(const LoadWindow& window) {
    asio::post(io_, [this, window] {
        window_ = window;
        active_ = true;
        arrivals_stopped_ = false;
        report_number_ = 0;
        cap_waits_ = 0;
        cap_drops_ = CapDrops{limits_.latency_limit + 2 * sweep_period};
        out_of_sockets_ = false;
        std::fill(answers_.begin(), answers_.end(), 0);
        examples_.fill(0);
        lag_windows_.clear();
        churn_rng_ = Rng{window.seed ^ 0x636875726e, share_.index};
        burst_made_ = false;
        schedule_.reset();
        paced_starts_.clear();
        measured_->clear();
        unmeasured_->clear();
        interval_start_ = window.start;
        grace_end_ = window.measure_end() + window.grace;
        cpu_at_tick_ = thread_cpu_time();
        idle_polling_ = {};

        // Reports end at whole ticks counted from the start of the measured part.
        next_tick_ = window.measure_start();
        while (next_tick_ - window.tick > window.start) next_tick_ -= window.tick;
        if (next_tick_ == window.start)
            next_tick_ = std::min(window.start + window.tick, window.measure_end());

        if (window.rate) schedule_.emplace(plan_->journeys, window, share_);
        first_starts_ =
            FirstStarts{window.users, window.pacing, window.settle + window.length, share_};
        next_arrival();
        next_sweep_ = std::min(next_sweep_, Clock::now() + sweep_period);
    });
}

void Worker::stop_arrivals() {
    asio::post(io_, [this] {
        if (!active_) return;
        const auto now = Clock::now();
        arrivals_stopped_ = true;
        arrival_.reset();
        if (now < window_.measure_end()) {
            window_.length = std::max(Duration{}, now - window_.measure_start());
            grace_end_ = now + window_.grace;
            next_tick_ = std::min(next_tick_, now);
        }
    });
}

void Worker::abort() {
    asio::post(io_, [this] { grace_end_ = TimePoint{}; });
}

void Worker::run() {
    ::prctl(PR_SET_TIMERSLACK, 1);
    const auto guard = asio::make_work_guard(io_);
    while (!quit_) {
        now_ = Clock::now();
        start_due();
        if (now_ >= next_sweep_) sweep();
        if (active_ && now_ >= next_tick_) tick();
        if (active_ && !burst_made_ && now_ >= window_.measure_end()) burst();
        flush_reads();
        if (active_ && window_over()) end_window();

        const auto due = next_due();
        if (due > now_ + worth_sleeping) {
            sleep_until(std::min(
                {due == TimePoint::max() ? due : due - poll_before_due, next_tick_, next_sweep_}));
        } else if (io_.poll() == 0) {
            idle_polling_ += Clock::now() - now_;  // spinning, not working
        }
    }
    for (auto& pool : pools_) {
        for (auto& connection : pool.all) connection->link.close();
    }
    io_.poll();
}

void Worker::start_due() {
    if (in_start_due_) return;
    in_start_due_ = true;
    while (arrival_ && *arrival_ <= now_) {
        const Arrival arrival{*arrival_, arrival_journey_, draw_churn()};
        next_arrival();
        ++interval_of(arrival.due).scheduled;
        arrive(arrival);
    }
    while (!sleepers_.empty() && sleepers_.front().due <= now_) {
        std::pop_heap(sleepers_.begin(), sleepers_.end());
        const auto sleeper = sleepers_.back();
        sleepers_.pop_back();
        if (sleeper.user->life == sleeper.life) advance(*sleeper.user);
    }
    start_departures();
    if (serve_later_) serve_waiting_arrivals();
    in_start_due_ = false;
}

void Worker::flush_reads() {
    for (std::size_t i = 0; i < to_flush_.size(); ++i) flush(*to_flush_[i]);
    to_flush_.clear();
    for (std::size_t i = 0; i < sent_now_.size(); ++i) start_read(*sent_now_[i]);
    sent_now_.clear();
}

TimePoint Worker::next_due() const {
    auto due = arrival_.value_or(TimePoint::max());
    if (!sleepers_.empty()) due = std::min(due, sleepers_.front().due);
    if (!departures_.empty()) due = std::min(due, departures_.front().due);
    return due;
}

void Worker::sleep_until(TimePoint wake) {
    if (wake < armed_for_) {
        armed_for_ = wake;
        wake_.expires_at(wake);
        wake_.async_wait(in_slot(wake_memory_, [this](boost::system::error_code ec) {
            if (!ec) armed_for_ = TimePoint::max();
        }));
    }
    io_.run_one();
    io_.poll();
}

void Worker::tick() {
    const auto end = next_tick_;
    next_tick_ += window_.tick;
    if (end < window_.measure_end() && next_tick_ > window_.measure_end()) {
        next_tick_ = window_.measure_end();
    }
    publish(end, false);
}

/// Hands the finished intervals to the control thread. Runs on this worker's own thread,
/// so they need no lock: empty ones take their place.
void Worker::publish(TimePoint end, bool last, bool drained) {
    WorkerReport report;
    report.worker = share_.index;
    report.number = report_number_++;
    report.last = last;
    report.start = interval_start_;
    report.end = end;
    report.cap_waits = cap_waits_;
    report.out_of_sockets = out_of_sockets_;
    report.drained = drained;
    report.answers = answers_;
    interval_start_ = end;

    const auto cpu = thread_cpu_time();
    const auto useful = std::max(Duration{}, cpu - cpu_at_tick_ - idle_polling_);
    cpu_at_tick_ = cpu;
    idle_polling_ = {};
    measured_->worker_cpu = useful;
    measured_->worker_cpu_busiest = useful;
    for (const auto& pool : pools_) {
        measured_->connections += pool.open;
        for (const auto& connection : pool.all) measured_->in_flight += connection->users.size();
    }
    measured_->users = users_.size();
    record_waiting(measured_->waiting_ages);
    for (auto* interval : {measured_.get(), unmeasured_.get()}) {
        interval->start = report.start;
        interval->end = end;
    }
    const auto next = [&] {
        if (spare_.empty()) {
            return std::make_unique<Interval>(plan_->steps.size(), plan_->journeys.size(),
                                              plan_->targets.size());
        }
        auto interval = std::move(spare_.back());
        spare_.pop_back();
        return interval;
    };
    report.measured = std::exchange(measured_, next());
    report.unmeasured = std::exchange(unmeasured_, next());
    asio::post(control_, [to = &events_, sent = std::move(report)]() mutable {
        to->report(std::move(sent));
    });
}

/// The ages of what is due since the measured part began and has no answer yet.
void Worker::record_waiting(Histogram& ages) const {
    const auto add = [&](TimePoint due, StepIndex step) {
        if (due < window_.measure_start() || due > now_ || !plan_->steps[step].transaction) return;
        ages.record(now_ - due);
    };
    for (const auto& user : users_) {
        const bool under_way = user->work == User::Work::journey &&
                               user->timing.done == TimePoint{} && !abandons(*user);
        if (under_way) add(user->timing.intended, user->step);
    }
    for (const auto& pool : session_pools_) {
        for (std::size_t i = 0; i < pool.waiting.size(); ++i) {
            const auto& arrival = pool.waiting[i];
            if (starts_unmeasured(arrival)) continue;
            add(arrival.due, first_step(plan_->journeys[arrival.journey]));
        }
    }
}

/// Age of the oldest exchange or opening that is under way: a silent server is slow, too.
Duration Worker::longest_under_way() const {
    using State = PooledConnection::State;
    Duration longest{};
    for (const auto& pool : pools_) {
        for (const auto& connection : pool.all) {
            const bool opening = connection->is_opening();
            if (!opening && connection->state != State::busy) continue;
            if (!opening && connection->users.front()->timing.sent == TimePoint{}) continue;
            const auto since =
                opening ? connection->phase_started : connection->users.front()->timing.sent;
            longest = std::max(longest, now_ - since);
        }
    }
    return longest;
}

/// Time-outs, at a coarse 20 ms: cheaper than a timer for each exchange.
void Worker::sweep() {
    next_sweep_ = working_ > 0 || active_ ? now_ + sweep_period : TimePoint::max();
    const bool look_at_idle = now_ >= next_idle_sweep_;
    if (look_at_idle) next_idle_sweep_ = now_ + idle_sweep_period;
    note_slow(longest_under_way());
    for (auto& pool : pools_) {
        sweep_connections(pool);
        if (look_at_idle) sweep_idle(pool);
        while (!pool.waiting.empty() && now_ - pool.waiting.front()->due >
                                            plan_->steps[pool.waiting.front()->step].timeout) {
            fail_first_waiting(pool, Outcome::dropped);
        }
    }
    cap_waits_ += cap_drops_.decide(now_);
    for (auto& pool : session_pools_) {
        while (!pool.waiting.empty()) {
            const auto& arrival = pool.waiting.front();
            const auto& first = plan_->steps[first_step(plan_->journeys[arrival.journey])];
            if (now_ - arrival.due <= first.timeout) break;
            const auto late = pool.waiting.pop();
            note_cap_wait(pool.cause, now_ - late.due);
            drop(late);
        }
    }
}

bool Worker::window_over() const {
    if (arrival_ || now_ < window_.measure_end()) return false;
    if (now_ >= grace_end_) return true;
    return leaving_ == 0 && all_done();
}

bool Worker::all_done() const {
    return working_ == 0 &&
           std::all_of(session_pools_.begin(), session_pools_.end(),
                       [](const SessionPool& pool) { return pool.waiting.empty(); });
}

void Worker::end_window() {
    const bool drained = all_done();
    abort_all();
    cap_waits_ += cap_drops_.decide_all();
    publish(now_, true, drained);
    active_ = false;
    next_tick_ = TimePoint::max();
}

/// Whether no connection is being opened for a user.
bool Worker::nobody_opens() const {
    const auto for_nobody = [](const auto& connection) { return !connection->opened_for; };
    return std::all_of(pools_.begin(), pools_.end(), [&](const ConnectionPool& pool) {
        return std::all_of(pool.all.begin(), pool.all.end(), for_nobody);
    });
}

void Worker::abort_all() {
    for (auto& pool : session_pools_) {
        while (!pool.waiting.empty()) drop(pool.waiting.pop());
    }
    // First those that wait: the place of a connection that ends here must be nobody's.
    for (auto& pool : pools_) {
        while (!pool.waiting.empty()) fail_first_waiting(pool, Outcome::aborted);
    }
    for (auto& pool : pools_) {
        for (std::size_t i = 0; i < pool.all.size(); ++i) {
            auto& connection = *pool.all[i];
            if (connection.state == PooledConnection::State::busy) {
                fail_exchanges(connection, Outcome::aborted);
            } else if (connection.opened_for) {
                connect_failed(connection, Outcome::aborted);
            }
        }
        // Requests of a deeper pool that were not sent wait again.
        while (!pool.waiting.empty()) fail_first_waiting(pool, Outcome::aborted);
        cut_off_churners(pool);
    }
    assert(nobody_opens());
    for (auto& user : users_) {  // those that think: nothing of theirs is due
        if (user->work == User::Work::journey) free(*user);
    }
    sleepers_.clear();
}

}  // namespace loadline

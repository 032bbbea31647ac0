#include <algorithm>
#include <boost/asio/post.hpp>
#include <functional>

#include "engine/worker.hpp"

// Journeys: who executes them, in which session, one action after the other.
namespace loadline {
namespace asio = boost::asio;

namespace {

constexpr std::size_t sessions_at_once = 8;  // logins under way per worker: a bounded rate

}  // namespace

std::size_t Worker::first_exchange(const JourneyPlan& journey) {
    for (std::size_t i = 0; i < journey.actions.size(); ++i) {
        if (std::holds_alternative<ExchangeAction>(journey.actions[i])) return i;
    }
    assert(!"compile refuses journeys without an exchange");
    return 0;
}

StepIndex Worker::first_step(const JourneyPlan& journey) {
    return std::get<ExchangeAction>(journey.actions[first_exchange(journey)]).step;
}

/// Sets the next arrival; none when the load is over or, in a closed model, while all users
/// are under way.
void Worker::next_arrival() {
    arrival_.reset();
    if (schedule_) {
        if (const auto next = schedule_->next()) {
            arrival_ = window_.start + next->offset;
            arrival_journey_ = next->journey;
        }
        return;
    }
    if (const auto offset = first_starts_.next()) {
        arrival_ = window_.start + *offset;
    } else if (!paced_starts_.empty()) {
        std::pop_heap(paced_starts_.begin(), paced_starts_.end(), std::greater{});
        arrival_ = paced_starts_.back();
        paced_starts_.pop_back();
    }
    if (arrival_) arrival_journey_ = mix_.pick(rng_.uniform());
}

Worker::SessionPool& Worker::session_pool_of(std::uint32_t journey) {
    const auto& sessions = plan_->journeys[journey].sessions;
    return session_pools_[sessions ? *sessions : session_pools_.size() - 1];
}

bool Worker::can_start(SessionPool& pool) {
    const bool needs_session = &pool != &session_pools_.back();
    const bool user_free = !free_users_.empty() ||
                           users_.size() < std::max<std::size_t>(1, limits_.users / share_.count);
    return user_free && (!needs_session || !pool.free.empty());
}

void Worker::arrive(Arrival arrival) {
    auto& pool = session_pool_of(arrival.journey);
    if (pool.waiting.empty() && can_start(pool)) return start_journey(arrival, pool, arrival.due);
    if (window_.at_cap == AtCap::drop) {
        cap_drops_.drop();
        return drop(arrival);
    }
    if (pool.waiting.empty()) pool.cause = {};
    pool.waiting.push(arrival);
}

/// A free user, a new one if need be. Requires can_start.
VirtualUser* Worker::free_user() {
    if (free_users_.empty()) {
        users_.push_back(std::make_unique<User>());
        auto& user = *users_.back();
        user.index = share_.index + (users_.size() - 1) * share_.count;
        user.own_variables = globals_;
        user.own_variables.resize(plan_->variable_count);
        return &user;
    }
    auto* user = free_users_.back();
    free_users_.pop_back();
    return user;
}

/// Requires can_start(pool). `free_since`: when a user and a session were free for it.
void Worker::start_journey(Arrival arrival, SessionPool& pool, TimePoint free_since) {
    ++interval_of(arrival.due).started;
    auto& user = *free_user();
    if (&pool != &session_pools_.back()) {
        user.session = pool.free.back();
        pool.free.pop_back();
    }
    user.variables = user.session ? &user.session->variables : &user.own_variables;
    user.journey = arrival.journey;
    if (plan_->journeys[arrival.journey].churn) user.churn = arrival.churn;
    user.arrival = user.due = arrival.due;
    user.user_free = free_since;
    start_work(user, User::Work::journey, plan_->journeys[arrival.journey].actions);
}

void Worker::start_work(User& user, User::Work work, const std::vector<Action>& actions) {
    user.work = work;
    user.actions = &actions;
    user.next_action = 0;
    user.thought = user.spent = {};
    ++working_;
    next_sweep_ = std::min(next_sweep_, now_ + std::chrono::milliseconds{20});
    advance(user);
}

RenderContext Worker::context(User& user) {
    return {*user.variables, rng_, counter_, share_.count,
            user.session ? user.session->index : user.index};
}

/// Runs the user's actions up to the next one that takes time.
void Worker::advance(User& user) {
    while (user.next_action < user.actions->size()) {
        const auto& action = (*user.actions)[user.next_action++];
        if (const auto* set = std::get_if<SetAction>(&action)) {
            const auto from = context(user);
            scratch_.clear();
            set->value.render(from, scratch_);
            auto& variable = (*user.variables)[set->variable];
            variable.number = set->value.renders_number(from);
            variable.text.assign(scratch_);
        } else if (const auto* next = std::get_if<FeedAction>(&action)) {
            if (!feed(*plan_->feeders[next->feeder], cursors_[next->feeder], rng_,
                      *user.variables)) {
                user.step = user.work == User::Work::journey
                                ? first_step(plan_->journeys[user.journey])
                                : 0;
                user.timing = {user.due, user.due, {}, now_};
                return complete(user, Outcome::client_limit, {});
            }
        } else if (const auto* think = std::get_if<ThinkAction>(&action)) {
            const Duration d{rng_.between(think->low.count(), think->high.count())};
            user.due += d;
            user.thought += d;
            return sleep(user);
        } else {
            return start_exchange(user, std::get<ExchangeAction>(action).step);
        }
    }
    finish_journey(user, Outcome::ok);
}

void Worker::sleep(User& user) {
    sleepers_.push_back({user.due, &user, user.life});
    std::push_heap(sleepers_.begin(), sleepers_.end());
}

void Worker::finish_journey(User& user, Outcome outcome) {
    if (user.work == User::Work::session_start) return session_started(user, outcome);
    if (user.work == User::Work::setup) {
        auto variables = *user.variables;
        free(user);
        return prepare_done(std::exchange(start_problem_, {}), std::move(variables));
    }
    record_journey(user.journey, user.arrival, outcome, user.spent);
    end_journey(user, outcome);
}

/// The user is free for the next journey.
void Worker::end_journey(User& user, Outcome outcome) {
    const auto began = user.arrival;
    free(user);
    serve_waiting_arrivals();
    if (active_ && !window_.rate && !arrivals_stopped_ && now_ < window_.measure_end()) {
        restart(began, outcome);
    }
}

void Worker::record_journey(std::uint32_t journey, TimePoint due, Outcome outcome, Duration spent) {
    auto& stats = interval_of(due).journeys[journey];
    ++stats.outcomes[static_cast<std::size_t>(outcome)];
    stats.response_time.record(answered(outcome) ? spent : Histogram::unanswered);
    if (outcome == Outcome::ok) stats.response_time_ok.record(spent);
}

/// Closed model: the next journey begins when the last one has ended; with pacing not before
/// its turn. After a failure it goes once around the loop, so that a dead target cannot nest
/// calls without end.
void Worker::restart(TimePoint began, Outcome outcome) {
    if (began + window_.pacing > now_) return start_again_at(began + window_.pacing);
    const Arrival arrival{now_, mix_.pick(rng_.uniform()), draw_churn()};
    ++interval_of(arrival.due).scheduled;
    if (outcome == Outcome::ok) return arrive(arrival);
    session_pool_of(arrival.journey).waiting.push(arrival);
    serve_later_ = true;
}

/// Keeps the earliest start in `arrival_` and the others in the heap.
void Worker::start_again_at(TimePoint due) {
    if (due >= window_.measure_end()) return;
    if (arrival_ && due < *arrival_) std::swap(due, *arrival_);
    paced_starts_.push_back(due);
    std::push_heap(paced_starts_.begin(), paced_starts_.end(), std::greater{});
    if (!arrival_) next_arrival();
}

void Worker::free(User& user) {
    if (user.churn) let_go(user);
    if (user.session) {
        session_pool_of(user.journey).free.push_back(user.session);
        user.session = nullptr;
    }
    user.work = User::Work::idle;
    ++user.life;
    --working_;
    free_users_.push_back(&user);
}

void Worker::drop(const Arrival& arrival) {
    auto& interval = interval_of(arrival.due);
    ++interval.dropped_arrivals;
    if (starts_unmeasured(arrival)) {
        ++counts_of(*arrival.churn).failed;
        return;
    }
    auto& stats = interval.steps[first_step(plan_->journeys[arrival.journey])];
    ++stats.outcomes[static_cast<std::size_t>(Outcome::dropped)];
    stats.response_time.record(Histogram::unanswered);
    record_journey(arrival.journey, arrival.due, Outcome::dropped, {});
}

void Worker::serve_waiting_arrivals() {
    if (serving_) return;  // a journey that ends at once must not nest: the outer call goes on
    serving_ = true;
    serve_later_ = false;
    for (auto& pool : session_pools_) {
        while (!pool.waiting.empty() && can_start(pool)) {
            const auto arrival = pool.waiting.pop();
            note_cap_wait(pool.cause, now_ - arrival.due);
            start_journey(arrival, pool, now_);
        }
    }
    serving_ = false;
}

void Worker::run_setup() {
    asio::post(io_, [this] {
        now_ = Clock::now();
        globals_.resize(plan_->variable_count);
        if (plan_->setup.empty()) return prepare_done({}, globals_);
        auto& user = *free_user();
        user.variables = &user.own_variables;
        user.due = user.user_free = user.arrival = now_;
        start_work(user, User::Work::setup, plan_->setup);
    });
}

void Worker::start_sessions(std::vector<Value> globals) {
    asio::post(io_, [this, from = std::move(globals)]() mutable {
        now_ = Clock::now();
        globals_ = std::move(from);
        for (auto& user : users_) user->own_variables = globals_;
        for (std::size_t p = 0; p < plan_->session_pools.size(); ++p) {
            const auto total = plan_->session_pools[p].count;
            auto& pool = session_pools_[p];
            pool.all.resize(total / share_.count + (share_.index < total % share_.count));
            for (std::size_t i = 0; i < pool.all.size(); ++i) {
                pool.all[i].variables = globals_;
                pool.all[i].index = share_.index + i * share_.count;
                to_start_.emplace_back(p, i);
            }
        }
        std::reverse(to_start_.begin(), to_start_.end());  // taken from the back
        if (to_start_.empty()) return prepare_done({}, {});
        while (!to_start_.empty() && starting_ < sessions_at_once) start_next_session();
    });
}

void Worker::start_next_session() {
    const auto [p, i] = to_start_.back();
    to_start_.pop_back();
    ++starting_;
    auto& user = *free_user();
    user.session = &session_pools_[p].all[i];
    user.variables = &user.session->variables;
    user.starting_pool = static_cast<std::uint32_t>(p);
    user.due = user.user_free = user.arrival = now_;
    start_work(user, User::Work::session_start, plan_->session_pools[p].start);
}

void Worker::session_started(User& user, Outcome outcome) {
    --starting_;
    auto* session = std::exchange(user.session, nullptr);
    if (outcome == Outcome::ok) {
        session_pools_[user.starting_pool].free.push_back(session);
    } else {
        to_start_.clear();  // the first failure ends it
    }
    free(user);
    if (!to_start_.empty()) return start_next_session();
    if (starting_ == 0) prepare_done(std::exchange(start_problem_, {}), {});
}

void Worker::prepare_done(std::string problem, std::vector<Value> variables) {
    asio::post(control_,
               [to = &events_, text = std::move(problem), values = std::move(variables)]() mutable {
                   to->prepared(std::move(text), std::move(values));
               });
}

}  // namespace loadline

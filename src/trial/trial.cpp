#include "trial/trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/log.hpp"
#include "base/stop.hpp"
#include "result/generator.hpp"
#include "result/verdict.hpp"
#include "trial/cause.hpp"
#include "trial/generator_meter.hpp"
#include "trial/trial_history.hpp"

namespace loadline {
namespace {

TimelinePoint point_of(const SecondOfLoad& second, const Plan& plan, const LoadWindow& window) {
    TimelinePoint point;
    point.length = second.length;
    const auto begin = second.since_start - second.length;
    point.phase = begin < window.settle                   ? Phase::warmup
                  : begin < window.settle + window.length ? Phase::measure
                                                          : Phase::drain;
    if (window.rate && point.phase != Phase::drain && begin < second.since_start) {
        point.intended_rate = window.rate->mean(begin, second.since_start).per_second();
    }
    const auto& all = second.everything;
    point.scheduled = all.scheduled;
    point.started = all.started;
    point.sent = all.all_sent();
    point.dropped = all.dropped_arrivals;
    Histogram response, service;
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
        const auto& step = all.steps[i];
        for (std::size_t o = 0; o < outcome_count; ++o) point.outcomes[o] += step.outcomes[o];
        point.origins.merge(step.origins);
        point.completed += step.count();
        point.errors += step.errors();
        if (!plan.steps[i].transaction) continue;
        point.transactions += step.outcomes[static_cast<std::size_t>(Outcome::ok)];
        response.merge(step.response_time);
        service.merge(step.service_time);
    }
    for (const auto& clause : plan.slos) point.clauses.push_back(count_clause(plan, clause, all));
    point.p50 = response.quantile(0.5);
    point.p90 = response.quantile(0.9);
    point.p99 = response.quantile(0.99);
    point.p999 = response.quantile(0.999);
    point.max = response.max();
    point.service_p50 = service.quantile(0.5);
    point.service_p99 = service.quantile(0.99);
    point.send_lag_p50 = all.send_lag.quantile(0.5);
    point.send_lag_p99 = all.send_lag.quantile(0.99);
    point.pool_wait_p99 = all.pool_wait.quantile(0.99);
    point.in_flight = all.in_flight;
    point.users = all.users;
    point.connections = all.connections;
    point.closes = all.all_closes();
    for (std::size_t i = 0; i < churn_mode_count; ++i) {
        point.churn_closes[i] = all.churn.modes[i].closes;
    }
    const auto length = to_seconds(second.length);
    if (length > 0) point.cpu_share_max = to_seconds(second.measured.worker_cpu_busiest) / length;
    return point;
}

/// Adds what came to its end in one second.
void add_ended(const Interval& second, const Plan& plan, Ended& sum) {
    for (const auto& journey : second.journeys) sum.journeys += journey.count();
    const auto pooled = pooled_transactions(plan, second);
    sum.answered += pooled.service_time.count();
    sum.ok += pooled.outcomes[static_cast<std::size_t>(Outcome::ok)];
}

/// Replaces every secret of the plan in a text that is going to be shown.
std::string masked(std::string text, const std::vector<std::string>& secrets) {
    for (const auto& secret : secrets) {
        if (secret.empty()) continue;
        for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
            text.replace(at, secret.size(), "***");
        }
    }
    return text;
}

}  // namespace

Duration smallest_latency_limit(const Plan& plan) {
    auto smallest = Duration::max();
    for (const auto& clause : plan.slos) {
        if (clause.metric == SloClause::Metric::percentile)
            smallest = std::min(smallest, clause.limit);
    }
    return smallest == Duration::max() ? Duration{std::chrono::milliseconds{100}} : smallest;
}

Result<std::unique_ptr<TrialStage>> TrialStage::open(std::shared_ptr<const Plan> plan,
                                                     const TrialOptions& options,
                                                     Observer observer) {
    std::unique_ptr<TrialStage> stage{new TrialStage{plan, options, std::move(observer)}};
    if (const auto& refused = stage->target_.refused()) return *refused;
    EngineOptions engine;
    engine.threads = options.threads;
    // A closed model says itself how many users there are, and what they may open.
    const auto users = static_cast<std::size_t>(plan->load.users.value_or(0));
    engine.max_users = std::max(options.max_users, users);
    engine.connections =
        options.connections_capped ? options.connections : std::max(options.connections, users);
    engine.pipeline = options.pipeline;
    engine.sources = options.sources;
    engine.loopback_sources = options.loopback_sources;
    engine.seed = options.seed;
    engine.latency_limit = smallest_latency_limit(*plan);
    auto started = Engine::start(plan, engine);
    if (!started) return started.error();
    stage->engine_ = std::move(*started);
    stage->target_.connected_to(stage->addresses());
    return stage;
}

TrialMeasurement TrialStage::measure(const std::string& label, const LoadWindow& window,
                                     const Engine::OnLoad& on_tick) {
    if (observer_.trial) observer_.trial(label, window.settle + window.length);
    TrialMeasurement m;
    GeneratorMeter meter;
    const auto began = Clock::now();
    Duration length_measured{}, cpu_busiest{};
    GeneratorFacts facts{m.total};
    TrialHistory history{plan_->steps.size()};
    load_.begin(began);
    target_.begin_window();

    auto result = engine_->run(
        window,
        [&](const SecondOfLoad& second) {
            auto point = point_of(second, *plan_, window);
            point.generator = meter.second(second.worker_cpu, second.length);
            point.since_start = began - opened_ + second.since_start;
            target_.look(point);
            for (std::size_t i = 0; i < second.measured.steps.size(); ++i) {
                history.add(static_cast<StepIndex>(i), point.since_start - second.length,
                            second.length, second.measured.steps[i].response_time);
            }
            if (point.phase == Phase::measure) {
                length_measured += second.length;
                cpu_busiest += second.measured.worker_cpu_busiest;
                facts.seconds.push_back(point.generator);
                facts.connections_max = std::max(facts.connections_max, point.connections);
                add_ended(second.everything, *plan_, m.throughput);
            }
            slowest_ = std::max(slowest_, point.max);
            m.churn.merge(second.everything.churn);
            load_.add(second.everything, began + second.since_start);
            if (observer_.second) observer_.second(point);
            history.add(std::move(point));
            return true;
        },
        on_tick);

    m.timeline = history.take_timeline();
    m.step_seconds = history.take_step_seconds();
    m.total = std::move(result.total);
    m.measured = result.measured;
    load_.end(std::min(Clock::now(), began + window.settle + result.measured));  // drain excluded
    if (window.rate) {
        const auto length = m.measured > Duration{} ? m.measured : window.length;
        m.intended_rate = window.rate->mean(window.settle, window.settle + length).per_second();
    }
    m.drained = result.drained;
    m.interrupted = result.interrupted;
    m.signal = result.interrupted ? stop_signal() : 0;
    for (const auto& example : result.examples) {
        const auto same =
            std::count_if(m.examples.begin(), m.examples.end(),
                          [&](const auto& kept) { return kept.outcome == example.outcome; });
        if (same < 3) {
            m.examples.push_back({example.outcome, plan_->steps[example.step].name,
                                  masked(example.text, plan_->secrets)});
        }
    }
    for (std::size_t i = 0; i < result.answers.size(); ++i) {
        const bool asked =
            std::any_of(plan_->steps.begin(), plan_->steps.end(), [&](const StepPlan& step) {
                return step.target == i &&
                       m.total.steps[static_cast<std::size_t>(&step - plan_->steps.data())]
                               .count() > 0;
            });
        if (asked && result.answers[i] == 0 && !m.interrupted) {
            m.never_answered = true;
            m.unreachable = plan_->targets[i].url.endpoint();
        }
    }

    facts.lag_p99_ms = std::move(result.lag_p99_ms);
    facts.latency_limit = smallest_latency_limit(*plan_);
    facts.open_model = window.rate.has_value();
    facts.cap_waits = result.cap_waits;
    facts.out_of_sockets = result.out_of_sockets;
    facts.stopped_early = result.stopped_early || result.interrupted;
    if (length_measured > Duration{}) {
        facts.cpu_share_max = to_seconds(cpu_busiest) / to_seconds(length_measured);
    }
    facts.descriptor_limit = raise_fd_limit();
    m.generator = judge_generator(facts);
    return m;
}

void TrialStage::judge_sockets(RunResult& result) {
    target_.end_probes(result);
    const auto closes = engine_->close_connections();
    target_.judge_sockets(
        result, closes, load_, slowest_,
        [this](Duration most, const std::function<bool()>& done) { engine_->wait(most, done); });
}

Result<RunResult> run_trial(std::shared_ptr<const Plan> plan, const TrialOptions& options,
                            const Observer& observer) {
    auto stage = TrialStage::open(plan, options, observer);
    if (!stage) return stage.error();

    const auto& load = plan->load;
    LoadWindow window;
    window.settle = load.warmup;
    window.length = load.duration;
    window.grace = load.drain;
    window.rate = load.profile();
    window.users = load.users.value_or(0);
    window.pacing = load.pacing;
    window.arrivals = load.arrivals;
    window.at_cap = load.at_cap;
    window.seed = options.seed;

    RunResult result;
    result.command = "run";
    result.plan = plan;
    result.addresses = (*stage)->addresses();
    result.measurement = (*stage)->measure({}, window);
    result.clauses = judge_clauses(*plan, result.measurement);
    (*stage)->judge_sockets(result);
    result.verdict = judge(result.measurement, result.clauses, result.sockets);
    result.not_seen = (*stage)->not_seen();
    // What the generator spoiled is not the target's fault, though its sockets make it a FAIL; but
    // that it was killed or restarted is a fact.
    std::span<const ClauseResult> to_explain = result.clauses;
    const bool spoiled = !result.measurement.generator.limits.empty();
    if (spoiled || result.verdict.word == VerdictWord::invalid) to_explain = {};
    result.cause = explain_run(result.measurement, to_explain, smallest_latency_limit(*plan));
    return result;
}

}  // namespace loadline

#include "sample_results.hpp"

#include <algorithm>
#include <cmath>

#include "result/verdict.hpp"
#include "sample_parts.hpp"
#include "stats/hlog.hpp"

namespace loadline::samples {

using namespace std::chrono_literals;

namespace {

StepPlan step(const char* name, bool transaction, bool redis = false) {
    StepPlan plan;
    plan.name = name;
    plan.transaction = transaction;
    plan.redis = redis;
    return plan;
}

}  // namespace

std::shared_ptr<Plan> bet_plan() {
    auto plan = std::make_shared<Plan>();
    plan->name = "bet";
    plan->steps = {step("session-check", false, true), step("bet", true), step("settle", true)};
    JourneyPlan journey;
    journey.name = "bet";
    journey.actions = {ExchangeAction{0}, ExchangeAction{1}, ExchangeAction{2}};
    plan->journeys = {journey};
    plan->load.rate = Rate::per_second(100);
    plan->load.duration = 10s;
    plan->load.warmup = 2s;
    return plan;
}

void record(StepStats& stats, Duration response, Duration service, std::uint64_t count,
            Outcome outcome) {
    stats.outcomes[static_cast<std::size_t>(outcome)] += count;
    stats.response_time.record(answered(outcome) ? response : Histogram::unanswered, count);
    if (outcome == Outcome::ok) stats.response_time_ok.record(response, count);
    if (!answered(outcome)) return;
    stats.service_time.record(service, count);
    stats.wait.record(service * 9 / 10, count);
    stats.read.record(service / 10, count);
}

void record_curve(StepStats& stats, Duration low, double tail, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        const double rest = (static_cast<double>(count - i) - 0.5) / static_cast<double>(count);
        const auto response = Duration{std::llround(to_ms(low) * 1e6 * std::pow(rest, -tail))};
        record(stats, response, response * 4 / 5, 1);
    }
}

SloClause percentile(const char* text, double quantile, Duration limit) {
    SloClause clause;
    clause.text = text;
    clause.quantile = quantile;
    clause.limit = limit;
    return clause;
}

ClauseResult judged(SloClause clause, VerdictWord word, std::uint64_t samples, Duration actual) {
    ClauseResult result;
    result.clause = std::move(clause);
    result.word = word;
    result.samples = samples;
    result.actual = actual;
    return result;
}

ClauseResult judged_errors(VerdictWord word, std::uint64_t samples, double share) {
    ClauseResult result;
    result.clause.text = "errors < 0.1%";
    result.clause.metric = SloClause::Metric::errors;
    result.clause.error_limit = 0.001;
    result.word = word;
    result.samples = samples;
    result.actual_share = share;
    return result;
}

RunResult base_run(std::shared_ptr<const Plan> plan) {
    RunResult r;
    r.command = "run";
    r.scenario_name = plan->name;
    r.scenario_hash = "5d41402abc4b2a76";
    r.version = "0.1.0";
    r.arguments = {"loadline", "run", "scenarios/bet.json"};
    r.seed = 42;
    r.threads = 2;
    r.user_cap = 10'000;
    r.started_at = std::chrono::system_clock::time_point{1'795'248'000s};
    r.elapsed = 13s;
    r.machine = {"Linux 6.1.0", "Example CPU 2.0 GHz", 2, 8'000'000'000, 2, 32768, 60999};
    r.plan = plan;
    r.not_watched = "no port to watch was given";
    auto& m = r.measurement;
    m.total = Interval{plan->steps.size(), plan->journeys.size()};
    m.measured = plan->load.duration;
    m.intended_rate = 100;
    m.generator.lag_windows = 10;
    m.generator.lag_bound = 5ms;
    m.generator.send_lag_p50 = 12us;
    m.generator.send_lag_p99 = 41us;
    m.generator.send_lag_window_p99 = 18us;
    m.generator.pool_wait_p99 = 210us;
    m.generator.cpu_share_max = 0.083;
    m.generator.worker_cpu = {0.083, 0.079};
    m.generator.connections_max = 12;
    m.generator.descriptors_max = 31;
    m.generator.descriptor_limit = 1'048'576;
    m.generator.time_wait_max = 4;
    m.generator.steal_share = 0.001;
    return r;
}

void count_arrivals(RunResult& r, std::uint64_t arrivals) {
    auto& total = r.measurement.total;
    total.scheduled = total.started = arrivals;
    r.measurement.generator.scheduled = arrivals;
    for (auto& stats : total.steps) {
        stats.sent = stats.count();
        r.measurement.generator.sent += stats.sent;
    }
    auto& ended = r.measurement.throughput;
    ended.journeys = total.journeys[0].count();
    const auto pooled = pooled_transactions(*r.plan, total);
    ended.answered = pooled.service_time.count();
    ended.ok = pooled.outcomes[0];
}

TimelinePoint second_at(int t, double rate, Duration p50, double tail, Rng& rng) {
    TimelinePoint p;
    const auto noise = [&](double share) { return 1 + share * (2 * rng.uniform() - 1); };
    p.since_start = std::chrono::seconds{t + 1};
    p.length = 1s;
    p.intended_rate = rate;
    p.scheduled = p.started = static_cast<std::uint64_t>(rate * noise(0.06));
    p.transactions = p.completed = static_cast<std::uint64_t>(1.6 * rate * noise(0.06));
    p.sent = p.completed;
    const auto at = [&](double factor) {
        return Duration{std::llround(static_cast<double>(p50.count()) * factor * noise(0.1))};
    };
    p.p50 = at(1);
    p.p90 = at(tail);
    p.p99 = at(tail * tail);
    p.p999 = at(tail * tail * 1.4);
    p.max = at(tail * tail * 1.9);
    p.service_p50 = p.p50 * 9 / 10;
    p.service_p99 = p.p99 * 8 / 10;
    p.send_lag_p99 = 40us;
    p.in_flight = static_cast<std::uint64_t>(rate * to_seconds(p.p50)) + 1;
    p.users = p.connections = p.in_flight + 3;
    p.cpu_share_max = 0.1;
    return p;
}

SocketSample socket_sample(Duration since_start, std::uint32_t established,
                           std::uint32_t close_wait, std::uint32_t stale) {
    SocketSample s;
    s.at = TimePoint{} + 1h + since_start;
    s.states[1] = established;
    s.states[8] = s.close_wait = close_wait;
    s.stale = stale;
    s.fds = 12 + established + close_wait;
    s.fd_limit = 1024;
    s.backlog = 128;
    return s;
}

void add_step_seconds(RunResult& r) {
    for (const auto& point : r.measurement.timeline) {
        if (point.phase != Phase::measure) continue;
        for (StepIndex i = 0; i < r.plan->steps.size(); ++i) {
            Histogram histogram;
            histogram.record(point.p50, 60);
            histogram.record(point.p99, 1);
            r.measurement.step_seconds.push_back({i, point.since_start - point.length, point.length,
                                                  histogram.max(), encode_histogram(histogram)});
        }
    }
}

RunResult passing_run() {
    auto r = base_run(bet_plan());
    auto& m = r.measurement;
    record(m.total.steps[0], 400us, 300us, 1000);
    record_curve(m.total.steps[1], 4ms, 0.4, 1000);
    record_curve(m.total.steps[2], 6ms, 0.3, 1000);
    record(m.total.journeys[0], 11ms, 11ms, 1000);
    m.total.steps[1].connect.record(150us, 100);
    m.total.steps[1].tls.record(900us, 100);
    m.total.steps[2].resends = 3;
    r.selftest = Selftest{};
    r.selftest->at = "2026-11-21T08:02:47Z";
    r.selftest->threads = 2;
    r.selftest->ceiling_per_s = 48'000;
    r.selftest->percentiles = {{0.5, 1002us, 1000us}, {0.99, 1993us, 2000us}};
    count_arrivals(r, 1000);
    r.target_shares_machine = true;
    r.clauses = {judged(percentile("p99 < 100ms", 0.99, 100ms), VerdictWord::pass, 2000, 24300us),
                 judged_errors(VerdictWord::pass, 2000, 0)};
    r.verdict.word = VerdictWord::pass;
    Rng rng{7, 1};
    for (int t = 0; t < 12; ++t) {
        m.timeline.push_back(second_at(t, 100, 5ms, 2, rng));
        if (t < 2) m.timeline.back().phase = Phase::warmup;
    }
    add_step_seconds(r);
    return r;
}

RunResult failing_run() {
    auto r = base_run(bet_plan());
    auto& m = r.measurement;
    record(m.total.steps[0], 400us, 300us, 1000);
    record_curve(m.total.steps[1], 4ms, 0.4, 950);
    record(m.total.steps[1], 0ns, 0ns, 30, Outcome::timeout);
    record(m.total.steps[1], 7ms, 6ms, 20, Outcome::http_5xx);
    record_curve(m.total.steps[2], 6ms, 0.3, 50);
    record(m.total.journeys[0], 11ms, 11ms, 950);
    record(m.total.journeys[0], 0ns, 0ns, 50, Outcome::timeout);
    count_arrivals(r, 1000);
    m.generator.dropped = m.total.dropped_arrivals = 4;
    m.generator.notes = {"the hypervisor took 2.4 % of the CPU time"};
    m.examples = {{Outcome::http_5xx, "bet",
                   "HTTP 503 {\"error\":\"overloaded\",\"message\":\"try again later\"}"},
                  {Outcome::timeout, "bet", "no whole answer within 10 s"}};
    ClauseResult over =
        judged(percentile("p99 < 100ms", 0.99, 100ms), VerdictWord::fail, 1050, 0ns);
    over.actual.reset();
    over.actual_over = 10s;
    ClauseResult few =
        judged(percentile("p99(settle) < 250ms", 0.99, 250ms), VerdictWord::invalid, 50, 0ns);
    few.actual.reset();
    r.clauses = {over, judged_errors(VerdictWord::fail, 1050, 50 / 1050.0), few};
    r.verdict = {VerdictWord::fail,
                 {{"slo", "p99 < 100ms: > 10.0 s"},
                  {"slo", "errors < 0.1%: 4.76 % of 1050 failed"},
                  {"too_few_samples", "p99(settle) < 250ms: 50 samples are too few to say"}}};
    auto& cause = r.cause.emplace();
    cause.findings = {
        {"redis_slow",
         "Redis was slow: a PING took up to 812 ms (300 µs in the good seconds); 3 commands in "
         "its slow log took 2.41 s, the longest 804 ms (EVALSHA)",
         6s, 100.0},
        {"http_5xx",
         "20 of 300 requests were answered 5xx: 6.67 % (0 % in the good seconds); the first: HTTP "
         "503 {\"error\":\"overloaded\"...",
         7s, 100.0}};
    cause.good = {0s, 5s, 100};
    cause.bad = {5s, 3s, 100};
    ProbeReport liveness, readiness;
    liveness.probe.url = *parse_url("http://127.0.0.1:8080/healthz/live");
    liveness.probe.period = 2s;
    liveness.shadows = 62;
    liveness.failed = 12;
    liveness.slowest = 912ms;
    liveness.phases = 2;
    liveness.restart = ProbeEpisode{5400ms, 6400ms, 1};
    liveness.text =
        "the kubelet would have restarted this pod between t=5.4 s and t=6.4 s, in 1 of 2 phases";
    readiness.probe = liveness.probe;
    readiness.probe.kind = KubeletProbeKind::readiness;
    readiness.probe.url.path = "/healthz/ready";
    readiness.probe.success_threshold = 2;
    readiness.shadows = 62;
    readiness.discarded = 1;
    readiness.phases = 2;
    readiness.text = "the kubelet would have kept this pod in the Service";
    r.probes = {liveness, readiness};
    r.not_seen = {"the descriptors of process 77: needs its user, or CAP_SYS_PTRACE"};
    Rng rng{7, 1};
    for (int t = 0; t < 12; ++t) {
        auto p = second_at(t, 100, 5ms, 2, rng);
        if (t < 2) p.phase = Phase::warmup;
        if (t >= 5 && t < 8) {  // frozen: nothing comes back
            p.p99 = p.p999 = Histogram::unanswered;
            if (t == 6) p.p90 = Histogram::unanswered;
            p.errors = 10;
            p.transactions = 40;
            p.max = 900ms;
        }
        m.timeline.push_back(p);
    }
    add_step_seconds(r);
    return r;
}

RunResult leaking_run() {
    auto plan = bet_plan();
    plan->name = "close-wait";
    plan->churn.share = 0.8;
    plan->churn.weights[static_cast<std::size_t>(ChurnMode::fin_idle)] = 75;
    plan->churn.weights[static_cast<std::size_t>(ChurnMode::half)] = 25;
    plan->journeys[0].churn = ChurnPoint{2, 0};
    auto r = base_run(plan);
    r.sources = {"127.0.0.1", "127.0.0.2"};
    auto& m = r.measurement;
    m.churn.of(ChurnMode::fin_idle) = {9000, 0, 0, 2, 0};
    m.churn.of(ChurnMode::half) = {3000, 3000, 0, 0, 1};
    m.churn.fin_to_eof.record(4ms, 2940);
    m.churn.fin_to_eof.record(Histogram::unanswered, 60);
    m.measured = 120s;
    record(m.total.steps[0], 400us, 300us, 12000);
    record_curve(m.total.steps[1], 4ms, 0.3, 12000);
    record_curve(m.total.steps[2], 5ms, 0.3, 12000);
    record(m.total.journeys[0], 11ms, 11ms, 12000);
    count_arrivals(r, 12000);
    Rng rng{9, 1};
    for (int t = 0; t < 126; ++t) {
        auto p = second_at(t, t < 121 ? 100 : 0, 5ms, 2, rng);
        p.phase = t < 1 ? Phase::warmup : t < 121 ? Phase::measure : Phase::drain;
        const auto stuck = static_cast<std::uint32_t>(std::min(t, 121) * 2);
        p.sockets = socket_sample(p.since_start, t < 122 ? 6 : 0, stuck + (t < 122),
                                  stuck > 10 ? stuck - 10 : 0);
        for (int q = 4; q-- > 0;) {
            r.socket_samples.push_back(*p.sockets);
            r.socket_samples.back().at -= q * 250ms;
        }
        if (t < 122) m.timeline.push_back(p);  // then the server settles
    }
    SocketReport s;
    s.word = SocketWord::leak_confirmed;
    s.text =
        "242 sockets stayed in CLOSE_WAIT after the load had ended and every connection of ours "
        "was closed";
    s.flags = {"FD_LEAK_INVISIBLE: 31 fds more than sockets"};
    s.port = 8080;
    s.pid = 4242;
    s.command = "missiond --listen 127.0.0.1:8080 --fault leak-close-wait=2%";
    s.tau = 5s;
    s.closes = 12'000;
    s.leaked = 242;
    s.before = 3;
    s.leak_fraction = 0.0202;
    s.leak_fraction_interval = {0.0178, 0.0228};
    s.stuck = 230;
    s.leaked_per_1000_requests = 6.72;
    s.classes = {1, 160, 81, 0, 0};
    s.dwell = Dwell{31, Duration{}, 180ms, 340ms};
    s.trend = StaleTrend{13.2, 2.01, {1.95, 2.07}, 0, 232, 232};
    s.old_gone_per_s = 0.0002;
    s.fd_eta = 385s;
    s.accept_queue_max = 3;
    s.backlog = 128;
    s.close_wait_max = 243;
    for (int i = 0; i < 12; ++i) {
        s.oldest.push_back({"127.0.0.1:" + std::to_string(40'000 + 37 * i),
                            std::chrono::milliseconds{123'400 - 710 * i},
                            std::chrono::milliseconds{123'650 - 710 * i},
                            i % 3 == 2 ? 312u : static_cast<std::uint32_t>(i % 3),
                            i == 7 ? 0u : 90'000u + static_cast<std::uint64_t>(i)});
        if (i % 4 == 1) s.oldest.back().keep_alive = 7200s - s.oldest.back().age_at_least;
    }
    r.sockets = s;
    r.not_watched.clear();
    r.clauses = {judged(percentile("p99 < 100ms", 0.99, 100ms), VerdictWord::pass, 24000, 19ms),
                 judged_errors(VerdictWord::pass, 24000, 0)};
    r.verdict = {VerdictWord::fail, {{"leak", s.text}}};
    return r;
}

RunResult hostile_run() {
    auto r = failing_run();
    const std::string attack = "</script><img src=x onerror=\"document.body.dataset.owned='yes'\">";
    auto plan = std::make_shared<Plan>(*r.plan);
    plan->name = attack;
    plan->steps[1].name = "bet" + attack;
    plan->steps[2].name = std::string(200, 'w') + "\x1b[31m\n";
    plan->slos = {};
    r.plan = plan;
    r.scenario_name = attack;
    r.arguments = {"loadline", "run", attack};
    r.clauses[0].clause.text = "p99(" + attack + ") < 100ms";
    r.measurement.examples = {
        {Outcome::http_5xx, "bet" + attack, "HTTP 503 <!--" + attack + "\x1b]0;owned\x07\xff\xfe"}};
    r.measurement.generator.notes = {attack};
    r.verdict.reasons[0].text = attack;
    return r;
}

RunResult long_run() {
    auto r = passing_run();
    auto plan = std::make_shared<Plan>(*r.plan);
    plan->load.duration = 1h;
    r.plan = plan;
    auto& m = r.measurement;
    m.measured = 1h;
    m.timeline.clear();
    m.step_seconds.clear();
    Rng rng{3, 1};
    for (int t = 0; t < 3600; ++t) {
        const double hour = std::sin(t / 300.0);
        auto p =
            second_at(t, 300 + 80 * hour, Duration{std::llround(5e6 * (1.2 + hour))}, 2.3, rng);
        if (t % 977 == 500) p.p99 = p.p999 = Histogram::unanswered;
        p.sockets = socket_sample(p.since_start, 20, 1, 0);
        m.timeline.push_back(p);
    }
    return r;
}

RunResult unreachable_run() {
    auto r = base_run(bet_plan());
    auto& m = r.measurement;
    record(m.total.steps[0], 0ns, 0ns, 20, Outcome::connect_refused);
    count_arrivals(r, 20);
    m.measured = 1s;
    m.never_answered = true;
    m.unreachable = "127.0.0.1:8080";
    r.clauses = {};
    r.verdict = {VerdictWord::invalid, {{"unreachable", "127.0.0.1:8080 never answered"}}};
    return r;
}

}  // namespace loadline::samples

#include "engine/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/stop.hpp"

namespace loadline {
namespace asio = boost::asio;

namespace {

struct Found {
    std::vector<Endpoint> to;    ///< that answer, and that our own addresses reach
    std::vector<Endpoint> from;  ///< our own; empty: the system's choice
    Duration resolve_time{};
};

/// The addresses of a target that answer; the first one's error where none does.
Result<Found> find_addresses(const Url& url, const Timeouts& timeouts) {
    const auto began = Clock::now();
    const auto found = resolve(url, timeouts.resolve);
    if (!found) return found.error();
    Found answering;
    answering.resolve_time = Clock::now() - began;
    std::optional<Error> first_error;
    for (const auto& endpoint : *found) {
        const auto tried = probe_connect(url, endpoint, timeouts.connect);
        if (tried) answering.to.push_back(endpoint);
        if (!tried && !first_error) first_error = tried.error();
    }
    if (answering.to.empty()) return *first_error;
    return answering;
}

/// Our own addresses for a target at `to`; empty: the system's choice. Where all of it is
/// loopback and some of it IPv4 (`localhost` often is ::1 too), several of 127.x will do.
std::vector<std::string> sources_for(const Url& url, const std::vector<Endpoint>& to,
                                     const EngineOptions& options) {
    if (url.is_unix()) return {};
    if (!options.sources.empty() || url.is_redis()) return options.sources;
    bool any_v4 = false;
    for (const auto& endpoint : to) {
        const auto address = address_of(endpoint);
        if (!address || !address->is_loopback()) return {};
        any_v4 |= address->is_v4();
    }
    return any_v4 ? options.loopback_sources : std::vector<std::string>{};
}

/// Settles where we connect from, and leaves out what cannot be reached from there. Usage error
/// for our own addresses that do not fit.
Result<void> choose_sources(const Url& url, const EngineOptions& options, Found& found) {
    for (const auto& text : sources_for(url, found.to, options)) {
        const auto source = source_endpoint(text);
        if (!source) return source.error();
        const Endpoint from{*source};
        const auto family = from.protocol().family();
        std::erase_if(found.to,
                      [&](const Endpoint& to) { return to.protocol().family() != family; });
        if (found.to.empty()) {
            return usage_error(fmt::format(
                "from {} there is no way to {}: IPv4 and IPv6 do not mix", text, url.endpoint()));
        }
        found.from.push_back(from);
    }
    return {};
}

Result<std::vector<Found>> find_targets(const Plan& plan, const EngineOptions& options) {
    std::vector<Found> all;
    for (const auto& target : plan.targets) {
        auto found = find_addresses(target.url, plan.timeouts);
        if (!found) return found.error();
        if (const auto chosen = choose_sources(target.url, options, *found); !chosen)
            return chosen.error();
        all.push_back(std::move(*found));
    }
    return all;
}

/// One worker's ways to the targets. Usage error for TLS files that cannot be read.
Result<std::vector<TargetRoute>> routes_to(const Plan& plan, const std::vector<Found>& found) {
    std::vector<TargetRoute> routes;
    for (std::size_t i = 0; i < plan.targets.size(); ++i) {
        const auto& url = plan.targets[i].url;
        TargetRoute route;
        route.to = found[i].to;
        route.from = found[i].from;
        if (url.is_tls()) {
            auto tls = TlsContext::create(plan.tls, url.host);
            if (!tls) return tls.error();
            route.tls = std::move(*tls);
        }
        routes.push_back(std::move(route));
    }
    return routes;
}

}  // namespace

/// Gathers the workers' reports on the control thread and merges those of the same second.
struct Engine::Collector {
    explicit Collector(std::vector<std::unique_ptr<Worker>>& all) : workers{all} {}

    std::vector<std::unique_ptr<Worker>>& workers;
    LoadResult result;
    LoadWindow window{};
    OnLoad on_second, on_tick;
    std::map<std::uint64_t, std::vector<WorkerReport>> seconds;
    std::vector<Duration> worker_cpu;
    /// The ticks of the second that is not over yet.
    Interval measured_ticks, all_ticks;
    std::vector<Duration> cpu_ticks;
    Duration length_of_ticks{};
    std::size_t finished = 0;
    bool stop_wanted = false;

    // Preparation
    std::size_t prepared = 0;
    std::string problem;
    std::vector<Value> globals;

    void add(WorkerReport report) {
        result.cap_waits = std::max(result.cap_waits, report.cap_waits);
        result.out_of_sockets |= report.out_of_sockets;
        result.drained &= report.drained;
        if (report.last) {
            ++finished;
            result.answers.resize(report.answers.size());
            for (std::size_t i = 0; i < report.answers.size(); ++i) {
                result.answers[i] += report.answers[i];
            }
            cap_waits_of_finished += report.cap_waits;
        }
        seconds[report.number].push_back(std::move(report));
        while (!seconds.empty() &&
               (seconds.begin()->second.size() == workers.size() || finished == workers.size())) {
            auto reports = std::move(seconds.begin()->second);
            seconds.erase(seconds.begin());
            merge(reports, finished == workers.size() && seconds.empty());
        }
        if (finished == workers.size()) result.cap_waits = cap_waits_of_finished;
    }

    void merge(std::vector<WorkerReport>& reports, bool last) {
        worker_cpu.assign(workers.size(), Duration{});
        for (const auto& report : reports) {
            worker_cpu[report.worker] = report.measured->worker_cpu;
        }
        auto& measured = *reports[0].measured;
        for (std::size_t i = 1; i < reports.size(); ++i) measured.merge(*reports[i].measured);
        result.total.append(measured);

        auto& everything = *reports[0].unmeasured;  // becomes both: warm-up, drain and measured
        for (std::size_t i = 1; i < reports.size(); ++i) everything.merge(*reports[i].unmeasured);
        everything.merge(measured);
        everything.in_flight = measured.in_flight;
        everything.users = measured.users;
        everything.connections = measured.connections;
        tick({reports[0].end - window.start, reports[0].end - reports[0].start, measured,
              everything, worker_cpu, last});

        for (auto& report : reports) {
            report.measured->clear();
            report.unmeasured->clear();
            workers[report.worker]->recycle(std::move(report.measured));
            workers[report.worker]->recycle(std::move(report.unmeasured));
        }
    }

    /// Hands a tick on; those of one second are added up to it.
    void tick(const SecondOfLoad& part) {
        if (on_tick && !on_tick(part)) stop_wanted = true;
        if (window.tick >= std::chrono::seconds{1}) return second(part);
        measured_ticks.append(part.measured);
        all_ticks.append(part.everything);
        cpu_ticks.resize(part.worker_cpu.size());
        for (std::size_t i = 0; i < cpu_ticks.size(); ++i) cpu_ticks[i] += part.worker_cpu[i];
        length_of_ticks += part.length;
        const auto at = part.since_start;
        const bool boundary = at == window.settle || at == window.settle + window.length;
        if (!part.last && !boundary && length_of_ticks < std::chrono::seconds{1}) return;
        second({at, length_of_ticks, measured_ticks, all_ticks, cpu_ticks, part.last});
        forget_ticks();
    }

    void forget_ticks() {
        measured_ticks.clear();
        all_ticks.clear();
        cpu_ticks.clear();
        length_of_ticks = {};
    }

    void second(const SecondOfLoad& whole) {
        const auto& lag = whole.measured.send_lag;
        if (const auto n = static_cast<double>(lag.count()); n >= 2) {
            // Of fewer than 100 the p99 would be the maximum: one hiccup of the machine.
            const double q = std::min(0.99, 1 - 1.5 / n);
            result.lag_p99_ms.push_back(to_ms(lag.quantile(q)));
        }
        if (on_second && !on_second(whole)) stop_wanted = true;
    }

    std::uint64_t cap_waits_of_finished = 0;
};

Engine::Engine(std::shared_ptr<const Plan> plan, const EngineOptions& options)
    : plan_{std::move(plan)}, options_{options} {
    collector_ = std::make_unique<Collector>(workers_);
    collector_->measured_ticks = collector_->all_ticks =
        Interval{plan_->steps.size(), plan_->journeys.size(), plan_->targets.size()};
    closes_.resize(plan_->targets.size());
}

Engine::~Engine() {
    for (auto& worker : workers_) worker->join();
}

Result<std::unique_ptr<Engine>> Engine::start(std::shared_ptr<const Plan> plan,
                                              const EngineOptions& options) {
    std::unique_ptr<Engine> engine{new Engine{plan, options}};
    const auto found = find_targets(*plan, options);
    if (!found) return found.error();
    for (const auto& target : *found) {
        auto& known = engine->addresses_.emplace_back();
        known.resolve_time = target.resolve_time;
        for (const auto& to : target.to) known.addresses.push_back(to_string(to));
        for (const auto& from : target.from) known.sources.push_back(address_of(from)->to_string());
    }

    WorkerEvents events;
    auto* collector = engine->collector_.get();
    events.report = [collector](WorkerReport report) { collector->add(std::move(report)); };
    events.example = [collector](FailureExample example) {
        collector->result.examples.push_back(std::move(example));
    };
    events.prepared = [collector](std::string problem, std::vector<Value> variables) {
        ++collector->prepared;
        if (collector->problem.empty()) collector->problem = std::move(problem);
        collector->globals = std::move(variables);
    };
    const WorkerLimits limits{options.max_users, options.connections, options.pipeline,
                              options.latency_limit, options.defer_reads};
    for (unsigned i = 0; i < options.threads; ++i) {
        auto routes = routes_to(*plan, *found);
        if (!routes) return routes.error();
        if (plan->churn.any()) {
            auto more = routes_to(*plan, *found);
            if (!more) return more.error();
            std::move(more->begin(), more->end(), std::back_inserter(*routes));
        }
        engine->workers_.push_back(
            std::make_unique<Worker>(plan, std::move(*routes), Share{i, options.threads}, limits,
                                     options.seed, engine->control_, events));
    }
    for (auto& worker : engine->workers_) worker->start_thread();
    if (const auto prepared = engine->prepare(); !prepared) return prepared.error();
    return engine;
}

Result<void> Engine::prepare() {
    auto& collector = *collector_;
    const auto failed = [&](const char* what) {
        return usage_error(
            fmt::format("{} failed: {}\n   hint: is the service seeded for this scenario? "
                        "nothing of the load was sent",
                        what, collector.problem));
    };
    workers_[0]->run_setup();
    until([&] { return collector.prepared == 1 || stop_signal() != 0; });
    if (!collector.problem.empty()) return failed("setup");

    collector.prepared = 0;
    const auto globals = collector.globals;
    for (auto& worker : workers_) worker->start_sessions(globals);
    until([&] { return collector.prepared == workers_.size() || stop_signal() != 0; });
    if (!collector.problem.empty()) return failed("a session's start");
    return {};
}

LoadResult Engine::run(LoadWindow window, const OnLoad& on_second, const OnLoad& on_tick) {
    auto& collector = *collector_;
    collector.result = {};
    collector.result.total =
        Interval{plan_->steps.size(), plan_->journeys.size(), plan_->targets.size()};
    collector.seconds.clear();
    collector.finished = 0;
    collector.cap_waits_of_finished = 0;
    collector.stop_wanted = false;
    collector.on_second = on_second;
    collector.on_tick = on_tick;
    collector.forget_ticks();
    window.start = Clock::now() + std::chrono::milliseconds{10};
    collector.window = window;
    for (auto& worker : workers_) worker->begin(window);

    bool stopping = false, aborting = false;
    std::optional<TimePoint> stopped_at;
    until([&] {
        const bool interrupted = stop_signal() != 0;
        if (!stopping && (interrupted || collector.stop_wanted) && Clock::now() > window.start) {
            stopping = true;
            stopped_at = Clock::now();
            collector.result.interrupted = interrupted && *stopped_at < window.measure_end();
            collector.result.stopped_early = !interrupted;
            for (auto& worker : workers_) worker->stop_arrivals();
        }
        if (!aborting && stop_count() > 1) {
            aborting = true;
            for (auto& worker : workers_) worker->abort();
        }
        return collector.finished == workers_.size();
    });
    collector.on_second = collector.on_tick = nullptr;
    auto result = std::move(collector.result);
    const auto end =
        stopped_at ? std::min(*stopped_at, window.measure_end()) : window.measure_end();
    result.measured = std::max(Duration{}, end - window.measure_start());
    return result;
}

std::vector<std::uint64_t> Engine::close_connections() {
    std::size_t answers = 0;
    for (auto& worker : workers_) {
        worker->close_connections([&](std::vector<std::uint64_t> closes) {
            ++answers;
            for (std::size_t i = 0; i < closes.size(); ++i) closes_[i] += closes[i];
        });
    }
    until([&] { return answers == workers_.size(); });
    return closes_;
}

void Engine::wait(Duration how_long, const std::function<bool()>& done) {
    const auto end = Clock::now() + how_long;
    auto next_look = Clock::now();
    until([&] {
        const auto now = Clock::now();
        if (now >= end || stop_signal() != 0) return true;
        if (now < next_look) return false;
        next_look = now + std::chrono::milliseconds{50};
        return done();
    });
}

/// Runs the control thread's io_context until `done()`, looking at least every 20 ms.
void Engine::until(const std::function<bool()>& done) {
    while (!done()) control_.run_one_for(std::chrono::milliseconds{20});
}

}  // namespace loadline

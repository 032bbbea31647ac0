#include "cli/selftest.hpp"

#include <fmt/format.h>

#include <chrono>

#include "base/stop.hpp"
#include "base/units.hpp"
#include "cli/version.hpp"
#include "lab/delay_server.hpp"
#include "lab/hiccup_meter.hpp"
#include "plan/one_liner.hpp"

namespace loadline {
namespace {

constexpr Duration late = milliseconds(1);
constexpr double first_rate = 1000, highest_rate = 1'000'000;
constexpr int bisections = 5;
constexpr double accuracy_rate = 400;

/// A server and a stage that loads it.
struct Bench {
    std::unique_ptr<DelayServer> server;
    std::unique_ptr<TrialStage> stage;
};

Result<Bench> set_up(const Delay& delay, const TrialOptions& options) {
    auto server = DelayServer::start({.delay = delay});
    if (!server) return server.error();
    OneLiner line;
    line.url = *parse_url((*server)->url());
    auto plan = plan_for_url(line);
    if (!plan) return plan.error();
    auto quiet = options;
    quiet.watch = false;
    auto stage = TrialStage::open(*plan, quiet, {});
    if (!stage) return stage.error();
    return Bench{std::move(*server), std::move(*stage)};
}

TrialMeasurement load(TrialStage& stage, double per_second, Duration length, Arrivals arrivals) {
    LoadWindow window;
    window.settle = milliseconds(300);
    window.length = length;
    window.grace = seconds(2);
    window.rate = Rate::per_second(per_second);
    window.arrivals = arrivals;
    window.seed = 1;
    return stage.measure({}, window);
}

/// Whether the generator kept this rate: on time, and all of it.
bool kept(const TrialMeasurement& m) {
    return m.generator.send_lag_p99 < late && m.total.dropped_arrivals == 0 &&
           static_cast<double>(m.total.all_sent()) >= 0.99 * static_cast<double>(m.total.scheduled);
}

void find_ceiling(TrialStage& stage, Selftest& selftest,
                  const std::function<void(const std::string&)>& note) {
    double fails = 0;
    const auto probe = [&](double rate) {
        const auto m = load(stage, rate, seconds(1), Arrivals::paced);
        const bool passed = kept(m);
        note(fmt::format("{}/s: send lag p99 {}{}", format_number(rate),
                         format_duration(m.generator.send_lag_p99), passed ? "" : ", too late"));
        if (!passed) {
            fails = rate;
            return false;
        }
        selftest.ceiling_per_s = rate;
        selftest.lag_p99 = m.generator.send_lag_p99;
        selftest.cpu_share = m.generator.cpu_share_max;
        return true;
    };
    double rate = first_rate;
    while (rate <= highest_rate && stop_signal() == 0 && probe(rate)) rate *= 2;
    if (fails == 0 || selftest.ceiling_per_s == 0) return;
    for (int i = 0; i < bisections && stop_signal() == 0; ++i) {
        probe((selftest.ceiling_per_s + fails) / 2);
    }
}

void compare_percentiles(Bench& bench, Selftest& selftest) {
    load(*bench.stage, accuracy_rate, milliseconds(500), Arrivals::poisson);  // opens connections
    bench.server->take_log();
    HiccupMeter meter;
    LoadWindow window;
    window.length = seconds(8);
    window.grace = seconds(2);
    window.rate = Rate::per_second(accuracy_rate);
    window.seed = 1;
    const auto m = bench.stage->measure({}, window);
    const auto served = bench.server->take_log();
    selftest.machine_p99 = meter.stop().quantile(0.99);
    const auto& reported = m.total.steps[0].service_time;
    for (const double q : {0.5, 0.9, 0.99}) {
        selftest.percentiles.push_back({q, reported.quantile(q), served.quantile(q)});
    }
}

}  // namespace

Result<std::optional<Selftest>> run_selftest(const TrialOptions& options,
                                             const std::function<void(const std::string&)>& note) {
    Selftest selftest;
    const auto machine = read_machine();
    selftest.at = iso_utc(std::chrono::system_clock::now());
    selftest.version = version;
    selftest.kernel = machine.kernel;
    selftest.cpu_model = machine.cpu_model;
    selftest.cores = machine.cores;
    selftest.threads = options.threads;

    auto quick = set_up(ConstantDelay{milliseconds(1)}, options);
    if (!quick) return quick.error();
    find_ceiling(*quick->stage, selftest, note);
    quick->stage.reset();
    if (stop_signal() != 0) return std::optional<Selftest>{};

    note("percentiles of a lognormal delay against the server's own log");
    auto known = set_up(LognormalDelay{milliseconds(10), 0.7}, options);
    if (!known) return known.error();
    compare_percentiles(*known, selftest);
    if (stop_signal() != 0) return std::optional<Selftest>{};
    return std::optional{std::move(selftest)};
}

}  // namespace loadline

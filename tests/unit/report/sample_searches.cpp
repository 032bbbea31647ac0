#include <cmath>

#include "sample_parts.hpp"

namespace loadline::samples {
namespace {

using namespace std::chrono_literals;
using Kind = ProbeResult::Kind;
constexpr auto pass = VerdictWord::pass, fail = VerdictWord::fail, invalid = VerdictWord::invalid;

/// One probe: 1.6 transactions a journey up to `capacity` journeys/s, a share `bad` of them
/// slower than 100 ms.
ProbeResult probe(Kind kind, double rate, Duration length, Duration p50, Duration p99, double bad,
                  VerdictWord word = pass, const char* why = "", double capacity = 401) {
    ProbeResult p;
    p.kind = kind;
    p.rate = Rate::per_second(rate);
    p.length = p.planned = length;
    p.elapsed = length + 600ms;
    p.transactions_per_s = 1.6 * std::min(rate, capacity);
    p.requests = static_cast<std::uint64_t>(std::llround(1.6 * rate * to_seconds(length)));
    p.p50 = p50;
    p.p90 = (p50 + p99) / 2;
    p.p99 = p99;
    p.p999 = p99 * 5 / 4;
    p.send_lag_p99 = word == invalid ? 7300us : 38us;
    p.clauses.resize(2);
    for (auto& clause : p.clauses) clause.requests = p.requests;
    p.clauses[0].bad =
        static_cast<std::uint64_t>(std::llround(bad * static_cast<double>(p.requests)));
    p.word = word;
    p.why = why;
    return p;
}

ProbeResult ended_early(ProbeResult p, Duration planned) {
    p.planned = planned;
    p.aborted_by = 0;
    return p;
}

/// Seconds under the load of each probe in turn, the first of each to settle.
void add_timeline(RunResult& r) {
    Rng rng{7, 1};
    int t = 0;
    std::uint32_t n = 0;
    for (const auto& p : r.capacity->probes) {
        const int length = std::max(1, static_cast<int>(p.length / 1s));
        for (int i = 0; i < length; ++i, ++t) {
            auto point = second_at(t, p.rate.per_second(), p.p50,
                                   std::sqrt(to_ms(p.p99) / to_ms(p.p50)), rng);
            if (i == 0) point.phase = Phase::warmup;
            point.sockets = socket_sample(
                point.since_start, static_cast<std::uint32_t>(point.connections), n++ % 3 == 0, 0);
            for (int q = 4; q-- > 0;) {
                r.socket_samples.push_back(*point.sockets);
                r.socket_samples.back().at -= q * 250ms;
            }
            r.measurement.timeline.push_back(point);
        }
    }
    add_step_seconds(r);
}

/// The search of bet-day whose last good load was `length` at `rate`, with p99 = 58.1 ms.
RunResult base_search(double rate, Duration length) {
    auto plan = bet_plan();
    plan->name = "bet-day";
    auto r = base_run(plan);
    r.command = "search";
    auto& m = r.measurement;
    m.measured = length;
    m.intended_rate = rate;
    const auto journeys = static_cast<std::uint64_t>(std::llround(rate * to_seconds(length)));
    const auto settled = journeys * 3 / 5;
    record(m.total.steps[0], 400us, 300us, journeys);
    record_curve(m.total.steps[1], 6ms, 0.5, journeys);
    record_curve(m.total.steps[2], 6ms, 0.48, settled);
    record(m.total.journeys[0], 20ms, 20ms, journeys);
    count_arrivals(r, journeys);
    m.generator.lag_windows = static_cast<std::uint64_t>(length / 1s);
    r.clauses = {judged(percentile("p99 < 100ms", 0.99, 100ms), pass, journeys + settled, 58100us),
                 judged_errors(pass, journeys + settled, 0)};
    return r;
}

/// The capacity's word and rates, in journeys/s; 1.6 transactions a journey.
CapacityResult found(const char* word, double estimate, double safe) {
    CapacityResult c;
    c.word = word;
    c.transactions_per_journey = 1.6;
    c.estimate_rate = estimate;
    c.estimate_tps = 1.6 * estimate;
    c.safe_rate = safe;
    c.safe_tps = 1.6 * safe;
    return c;
}

const char* const late =
    "requests left late: send lag p99 above 5.00 ms in 2 of 4 seconds: fewer requests, or more "
    "threads and cores";

}  // namespace

RunResult confirmed_search() {
    auto r = base_search(374, 90s);
    r.arguments = {"loadline", "search",    "scenarios/bet-day.json",
                   "--budget", "60s",       "--hold",
                   "90s",      "--current", "250/s",
                   "--pods",   "2"};
    r.elapsed = 164s;
    r.target_shares_machine = true;
    auto c = found("CONFIRMED", 379, 371);
    c.text = "374 journeys/s (598.4 transactions/s) keep the SLO, held for 1m30s";
    c.advice = "plan with less than the safe rate of 371 journeys/s";
    c.confirmed_rate = 374;
    c.confirmed_tps = 598.4;
    c.interval = RateQuantiles{371, 374, 379, 384, 388};
    c.binding_clause = "p99 < 100ms";
    c.failed_first = "p99 < 100ms: 118 ms";
    c.hold = HoldFacts{374, 90s, true, "p99 < 100ms", 0.36, 0.48, 20s, 0.97};
    c.curve = {{80, 2700us, 5800us},     {160, 2900us, 8100us},    {320, 3400us, 14200us},
               {452.8, 4300us, 23500us}, {547.2, 6100us, 58ms},    {588.8, 9100us, 74ms},
               {593.6, 9800us, 84ms},    {598.4, 8450us, 58100us}, {604.8, 13ms, 118ms},
               {616, 24ms, 212ms},       {641.6, 41ms, 262ms}};
    c.knee = 3;
    c.current_rate = 250;
    c.headroom = 1 - 250 / 379.0;
    c.pods = 2;
    c.tps_per_pod = 299.2;
    c.topology = {true, true,
                  "generator and target shared the cores of one machine: a figure over loopback on "
                  "shared cores is not a figure of production"};
    c.budget = 60s;
    c.spent = 58s;
    c.notes = {
        "the hold of 1m30s is shorter than 3m20s, which is 20 times limit / allowed share: it "
        "may pass by luck"};
    c.probes = {
        probe(Kind::floor, 50, 12s, 2700us, 5800us, 0),
        probe(Kind::bracket, 100, 2s, 2900us, 8100us, 0),
        probe(Kind::bracket, 200, 2s, 3400us, 14200us, 0),
        ended_early(
            probe(Kind::bracket, 400, 1200ms, 41ms, 262ms, .21, fail, "p99 < 100ms: 262 ms"), 2s),
        probe(Kind::warmup, 170, 4s, 3300us, 12100us, 0),
        probe(Kind::refine, 283, 4s, 4300us, 23500us, 0),
        probe(Kind::refine, 342, 4s, 6100us, 58ms, .0014),
        probe(Kind::refine, 371, 4s, 11ms, 87ms, .0076, invalid, late),
        probe(Kind::refine, 371, 4s, 9800us, 84ms, .0068),
        ended_early(
            probe(Kind::refine, 385, 3100ms, 24ms, 212ms, .062, fail, "p99 < 100ms: 212 ms"), 6s),
        probe(Kind::refine, 378, 6s, 13ms, 118ms, .0160, fail, "p99 < 100ms: 118 ms"),
        probe(Kind::refine, 368, 6s, 9100us, 74ms, .0052),
        probe(Kind::hold, 374, 90s, 8450us, 58100us, .0036)};
    c.probes.back().p999 = 182ms;
    r.verdict = {pass, {{"capacity", c.text}}};
    r.capacity = std::move(c);
    auto& cause = r.cause.emplace();
    cause.findings = {
        {"cpu_quota",
         "the CPU quota of 1.5 cores was used up: the target got 1.49 and was held back in 62 % of "
         "the quota's periods (8.1 % in the good probe)",
         {},
         378.0},
        {"http_5xx",
         "12 of 3629 requests were answered 5xx: 0.331 % (0 % in the good probe); the first: HTTP "
         "503 overloaded",
         {},
         378.0}};
    cause.good = {22s, 4s, 342, "refine"};
    cause.bad = {34s, 6s, 378, "refine"};
    SocketReport s;
    s.word = SocketWord::ok;
    s.text = "no socket stayed in CLOSE_WAIT: 0 of 74 closes";
    s.port = 8080;
    s.pid = 4242;
    s.command = "missiond --listen 127.0.0.1:8080 --fault capacity=400/s";
    s.tau = 5s;
    s.closes = 74;
    s.close_wait_max = 1;
    r.sockets = s;
    r.not_watched.clear();
    add_timeline(r);
    return r;
}

RunResult limited_search() {
    auto r = base_search(3200, 4s);
    r.arguments = {"loadline", "search", "scenarios/bet-day.json"};
    r.elapsed = 41s;
    r.target_shares_machine = true;
    auto c = found("GENERATOR-LIMITED", 3200, 3120);
    c.text =
        "at least 3200 journeys/s (5120 transactions/s), not held: at 6400 journeys/s the "
        "generator, not the service, was at its limit";
    c.advice =
        "give the generator more cores or a machine of its own; loadline selftest shows its "
        "ceiling";
    c.curve = {{1280, 1900us, 3100us}, {2560, 2100us, 4400us}, {5120, 2600us, 8100us}};
    c.knee = 2;
    c.topology = {true, true,
                  "generator and target shared the cores of one machine: a figure over loopback on "
                  "shared cores is not a figure of production"};
    c.budget = 180s;
    c.spent = 24s;
    c.notes = {"no rate failed: the load line may lie higher"};
    const double ours = 4100;  // journeys/s, of the generator
    c.probes = {probe(Kind::floor, 800, 4s, 1900us, 3100us, 0, pass, "", ours),
                probe(Kind::bracket, 1600, 2s, 2100us, 4400us, 0, pass, "", ours),
                probe(Kind::bracket, 3200, 4s, 2600us, 8100us, 0, pass, "", ours),
                probe(Kind::bracket, 6400, 4s, 29ms, 141ms, .11, invalid, late, ours),
                probe(Kind::bracket, 6400, 4s, 31ms, 152ms, .12, invalid, late, ours),
                probe(Kind::bracket, 6400, 4s, 28ms, 139ms, .10, invalid, late, ours)};
    r.verdict = {invalid, {{"capacity", c.text}}};
    r.capacity = std::move(c);
    add_timeline(r);
    r.socket_samples.clear();
    return r;
}

RunResult estimated_search() {
    auto r = base_search(368, 6s);
    r.arguments = {"loadline", "search",    "scenarios/bet-day.json",
                   "--hold",   "none",      "--budget",
                   "quick",    "--current", "424.48/s"};
    r.elapsed = 66s;
    auto c = found("ESTIMATE-ONLY", 379, 355);
    c.text = "about 379 journeys/s (606.4 transactions/s), not held";
    c.advice = "confirm it by a hold (--hold 10m)";
    c.interval = RateQuantiles{355, 366, 379, 391, 405};
    c.binding_clause = "p99 < 100ms";
    c.failed_first = "p99 < 100ms: > 10 s";
    c.curve = {{80, 2700us, 5800us}, {588.8, 9100us, 74ms}};
    c.current_rate = 424.48;
    c.headroom = 1 - 424.48 / 379;
    c.topology = {false, {}, "the target is another machine"};
    c.budget = 60s;
    c.spent = 60s;
    auto frozen = probe(Kind::bracket, 400, 1s, 41ms, 262ms, .5, fail, "p99 < 100ms: > 10 s");
    frozen.p99 = frozen.p999 = Histogram::unanswered;
    c.probes = {probe(Kind::floor, 50, 20s, 2700us, 5800us, 0), frozen,
                probe(Kind::refine, 368, 6s, 9100us, 74ms, .0052)};
    r.verdict = {pass, {{"capacity", c.text}}};
    r.capacity = std::move(c);
    add_timeline(r);
    r.socket_samples.clear();
    return r;
}

}  // namespace loadline::samples

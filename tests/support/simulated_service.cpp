#include "simulated_service.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>

namespace loadline {
namespace {

constexpr double window_s = .25;
constexpr double drain_s = 5;
constexpr double pause_s = .15;
constexpr double retry_after_s = .2;
constexpr int tries_at_most = 4;
constexpr std::size_t bound = 64;

/// The inverse of the normal distribution (Acklam; relative error below 1.2e-9).
double normal_quantile(double p) {
    constexpr double a[] = {-39.69683028665376, 220.9460984245205,  -275.9285104469687,
                            138.3577518672690,  -30.66479806614716, 2.506628277459239};
    constexpr double b[] = {-54.47609879822406, 161.5858368580409, -155.6989798598866,
                            66.80131188771972, -13.28068155288572};
    constexpr double c[] = {-.007784894002430293, -.3223964580411365, -2.400758277161838,
                            -2.549732539343734,   4.374664141464968,  2.938163982698783};
    constexpr double d[] = {.007784695709041462, .3224671290700398, 2.445134137142996,
                            3.754408661907416};
    const auto tail = [&](double q) {
        return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
               ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    };
    if (p < .02425) return tail(std::sqrt(-2 * std::log(p)));
    if (p > 1 - .02425) return -tail(std::sqrt(-2 * std::log(1 - p)));
    const double q = p - .5, r = q * q;
    return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
           (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

/// 65536 quantiles of the service time: drawing one is a look into a table.
std::vector<double> quantiles_of(const ServiceModel& model) {
    constexpr std::size_t n = 65536;
    std::vector<double> times(n);
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const double p = (static_cast<double>(i) + .5) / n;
        const double variance = std::log(1 + model.cv * model.cv);
        times[i] = model.cv < 0    ? -std::log(1 - p)
                   : model.cv == 0 ? 1
                                   : std::exp(std::sqrt(variance) * normal_quantile(p));
        sum += times[i];
    }
    for (auto& time : times) time *= model.mean_s * n / sum;
    return times;
}

double normal(Rng& rng) {
    return std::sqrt(2 * rng.exponential()) * std::cos(6.283185307179586 * rng.uniform());
}

}  // namespace

double ServiceModel::hold_fails_at(double rate) const {
    const double at = rate / load_line;
    const auto after = std::upper_bound(hold_fails.begin(), hold_fails.end(), at,
                                        [](double x, const auto& point) { return x < point.rate; });
    if (after == hold_fails.begin()) return hold_fails.front().share;
    if (after == hold_fails.end()) return hold_fails.back().share;
    const auto before = after - 1;
    const double part = (at - before->rate) / (after->rate - before->rate);
    return before->share + part * (after->share - before->share);
}

std::vector<ServiceModel> known_services() {
    using Kind = ServiceModel::Kind;
    std::vector<ServiceModel> all{
        {"M/M/1", Kind::plain, 1, .001, -1},     {"M/M/8", Kind::plain, 8, .007, -1},
        {"M/G/16", Kind::plain, 16, .012, 1.5},  {"M/D/4", Kind::plain, 4, .004, 0},
        {"pauses", Kind::pauses, 8, .004, -1},   {"noisy", Kind::drifting, 8, .007, -1},
        {"bounded", Kind::bounded, 8, .007, -1}, {"metastable", Kind::metastable, 8, .007, -1},
        {"cold", Kind::cold, 8, .007, -1},       {"slow", Kind::plain, 4, .018, .8},
    };
    std::ifstream file{SEARCH_TRUTH};
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') continue;
        std::istringstream in{line};
        std::string name;
        double load_line = 0, rate = 0, share = 0;
        in >> name >> load_line;
        const auto model = std::find_if(all.begin(), all.end(),
                                        [&](const auto& known) { return known.name == name; });
        if (model == all.end()) throw std::runtime_error{"search_truth.txt: " + name};
        model->load_line = load_line;
        while (in >> rate >> share) model->hold_fails.push_back({rate, share});
    }
    for (const auto& model : all) {
        if (model.hold_fails.empty()) throw std::runtime_error{"no truth about " + model.name};
    }
    return all;
}

const ServiceModel& known_service(const std::vector<ServiceModel>& all, const std::string& name) {
    return *std::find_if(all.begin(), all.end(),
                         [&](const auto& model) { return model.name == name; });
}

std::vector<SearchClause> two_clauses(Duration limit) {
    return {{.text = "p99 <= limit", .bad_share = .01, .limit = limit},
            {.text = "errors <= 0.1%", .bad_share = .001, .limit = limit, .errors = true}};
}

/// What one probe has seen so far.
struct SimulatedService::Tally {
    Tally(const TrialSpec& spec, const std::vector<SearchClause>& all)
        : clauses{all}, watch{spec, all}, counts(all.size()), in_window(all.size()) {}

    void add(const Request& request, double at) {
        for (std::size_t i = 0; i < clauses.size(); ++i) {
            const bool bad =
                clauses[i].errors ? request.error : seconds(request.latency) > clauses[i].limit;
            ++in_window[i].requests;
            in_window[i].bad += bad;
        }
        errors += request.error;
        if (!request.error) finished.push_back(at + request.latency);
        (at < middle ? first_half : second_half).record(seconds(request.latency));
    }

    const std::vector<SearchClause>& clauses;
    ProbeWatch watch;
    std::vector<ClauseCount> counts;
    std::vector<ClauseWindow> in_window;
    Histogram first_half, second_half;
    std::vector<double> finished;  ///< when
    std::uint64_t errors = 0;
    double middle = 0, end = 0;
    bool counting = false;
};

SimulatedService::SimulatedService(const ServiceModel& model, std::uint64_t seed, bool poisson)
    : model_{model},
      rng_{seed},
      poisson_{poisson},
      times_{quantiles_of(model)},
      free_(static_cast<std::size_t>(model.servers), 0.0) {
    pauses_.push_back(10 * rng_.uniform());
    wander_ = .05 * normal(rng_);
}

double SimulatedService::service_time() { return times_[rng_() >> 48] * (broken_ ? 5 : 1); }

double SimulatedService::speed_at(double second) {
    while (speeds_.size() <= static_cast<std::size_t>(second)) {
        const double kept = std::exp(-1 / 60.0);
        wander_ = wander_ * kept + .05 * std::sqrt(1 - kept * kept) * normal(rng_);
        speeds_.push_back(1 + std::clamp(wander_, -.1, .1));
    }
    return speeds_[static_cast<std::size_t>(second)];
}

/// When work of this length that may begin at `begin` ends, pauses between.
double SimulatedService::pause_until(double begin, double work) {
    const auto at = [&](std::size_t i) {
        while (pauses_.size() <= i) pauses_.push_back(pauses_.back() + 9 + 2 * rng_.uniform());
        return pauses_[i];
    };
    while (at(pause_) + pause_s <= begin) ++pause_;
    auto next = pause_;
    if (begin >= at(next)) begin = at(next++) + pause_s;
    double end = begin + work;
    while (end > at(next)) {
        end += pause_s;
        ++next;
    }
    return end;
}

SimulatedService::Request SimulatedService::submit(double at) {
    using Kind = ServiceModel::Kind;
    double work = service_time();
    const double start = std::max(free_.front(), at);
    if (model_.kind == Kind::cold) work *= 1 + 1.5 * std::exp(-served_++ / 20000);
    if (model_.kind == Kind::drifting) work /= speed_at(start);
    if (model_.kind == Kind::bounded) {
        while (!waiting_.empty() && waiting_.front() <= at) waiting_.pop_front();
        if (waiting_.size() >= bound) return {0, true};
        waiting_.push_back(start);
    }
    if (model_.kind == Kind::broken && (start - at) / model_.mean_s * model_.servers > 200) {
        broken_ = true;
    }
    const double end = model_.kind == Kind::pauses ? pause_until(start, work) : start + work;
    std::pop_heap(free_.begin(), free_.end(), std::greater{});
    free_.back() = end;
    std::push_heap(free_.begin(), free_.end(), std::greater{});
    const bool error = model_.error_share > 0 && rng_.uniform() < model_.error_share;
    return {end - at + model_.idle_s, error};
}

/// Retries of those that gave up and that are due before `until`.
void SimulatedService::serve_retries(double until) {
    while (!retries_.empty() && retries_.front().at < until) {
        const auto retry = retries_.front();
        retries_.pop_front();
        now_ = std::max(now_, retry.at);
        if (submit(retry.at).latency <= retry_after_s) continue;
        if (retry.tries + 1 < tries_at_most) {
            retries_.push_back({retry.at + retry_after_s, retry.tries + 1});
        } else {
            ++lost_;
        }
    }
}

void SimulatedService::window(double end, double rate, Tally& tally) {
    while (next_arrival_ < end) {
        const double at = next_arrival_;
        if (model_.kind == ServiceModel::Kind::metastable) serve_retries(at);
        auto request = submit(at);
        if (model_.kind == ServiceModel::Kind::metastable && request.latency > retry_after_s) {
            retries_.push_back({at + retry_after_s, 1});
        }
        if (tally.counting) tally.add(request, at);
        next_arrival_ += (poisson_ ? rng_.exponential() : 1) / rate;
    }
    if (model_.kind == ServiceModel::Kind::metastable) {
        serve_retries(end);
        for (std::size_t i = 0; i < tally.clauses.size(); ++i) {
            if (tally.counting && tally.clauses[i].errors) tally.in_window[i].bad += lost_;
        }
        tally.errors += lost_;
        lost_ = 0;
    }
    now_ = end;
}

/// As the engine: after a failure it waits for what is under way, five seconds at most.
bool SimulatedService::drain(bool failed) {
    const double limit = now_ + drain_s;
    if (!failed) {
        now_ += .1;
        return true;
    }
    const double before = now_;
    serve_retries(limit);
    lost_ = 0;
    const double last = *std::max_element(free_.begin(), free_.end());
    if (last <= limit) {
        now_ = std::max({before, now_, last}) + .1;
        return true;
    }
    for (auto& free : free_) free = std::min(free, limit);  // the connections are closed
    retries_.clear();
    waiting_.clear();
    now_ = limit;
    return false;
}

ProbeResult SimulatedService::run(const TrialSpec& spec, const std::vector<SearchClause>& clauses) {
    const double rate = spec.rate.per_second(), begin = now_;
    const double measure = begin + to_seconds(spec.settle);
    Tally tally{spec, clauses};
    next_arrival_ = now_ + (poisson_ ? rng_.exponential() / rate : 0);
    if (measure > begin) window(measure, rate, tally);
    tally.counting = true;
    tally.end = measure + to_seconds(spec.length);
    tally.middle = (measure + tally.end) / 2;

    ProbeResult probe;
    probe.kind = spec.kind;
    probe.rate = spec.rate;
    probe.planned = spec.length;
    while (now_ < tally.end - 1e-9 && !probe.aborted_by) {
        const double from = now_;
        window(std::min(tally.end, now_ + window_s), rate, tally);
        probe.aborted_by = tally.watch.add(seconds(now_ - from), tally.in_window);
        for (std::size_t i = 0; i < clauses.size(); ++i) {
            tally.counts[i].requests += tally.in_window[i].requests;
            tally.counts[i].bad += tally.in_window[i].bad;
            tally.in_window[i] = {};
        }
    }
    probe.length = seconds(now_ - measure);
    tally.watch.describe(tally.counts);
    probe.clauses = tally.counts;
    const bool keeps = std::all_of(clauses.begin(), clauses.end(), [&](const auto& clause) {
        const auto i = static_cast<std::size_t>(&clause - clauses.data());
        return tally.counts[i].bad_share() <= clause.bad_share;
    });
    probe.word = rate > generator_limit       ? VerdictWord::invalid
                 : keeps && !probe.aborted_by ? VerdictWord::pass
                                              : VerdictWord::fail;
    if (probe.word == VerdictWord::fail) probe.why = clauses[probe.aborted_by.value_or(0)].text;
    probe.p50_first_half = tally.first_half.quantile(.5);
    probe.p50_second_half = tally.second_half.quantile(.5);
    tally.first_half.merge(tally.second_half);
    probe.requests = tally.first_half.count();
    probe.p50 = tally.first_half.quantile(.5);
    probe.p99 = tally.first_half.quantile(.99);
    const auto n = static_cast<double>(std::max<std::uint64_t>(1, probe.requests));
    probe.error_share = static_cast<double>(tally.errors) / n;
    const auto answered = std::count_if(tally.finished.begin(), tally.finished.end(),
                                        [&](double at) { return at <= now_; });
    probe.transactions_per_s = static_cast<double>(answered) / to_seconds(probe.length);
    probe.drained = drain(probe.word == VerdictWord::fail);
    probe.elapsed = seconds(now_ - begin);
    return probe;
}

SimulatedSearch simulate(const SearchOptions& options, SimulatedService& service) {
    Search search{options};
    SimulatedSearch result;
    while (search.next()) {
        const bool hold = search.next()->kind == ProbeResult::Kind::hold;
        if (hold && result.holds++ == 0) {
            const auto before = search.conclude(false);
            if (before.interval) result.claim = before.interval->q20;
        }
        auto probe = service.run(*search.next(), options.clauses);
        if (!hold) result.probing_s += to_seconds(probe.elapsed);
        search.add(std::move(probe));
        if (search.history().size() > 1000) throw std::runtime_error{"endless search"};
    }
    result.capacity = search.conclude(false);
    if (result.capacity.interval) {
        const auto& q = *result.capacity.interval;
        if (result.holds == 0) result.claim = q.q20;
        result.half_width = std::log(q.q95 / q.q05) / 2;
    }
    return result;
}

SearchOptions options_for(const ServiceModel& model, double budget_s, std::optional<double> hold_s,
                          std::uint64_t seed) {
    Rng rng{seed, 7};
    SearchOptions options;
    const double part = std::exp(std::log(1 / 40.0) + rng.uniform() * std::log(40 / 15.0));
    options.start_rate = Rate::per_second(part * model.load_line);
    options.budget = seconds(budget_s);
    options.hold.reset();
    if (hold_s) options.hold = seconds(*hold_s);
    options.clauses = two_clauses();
    return options;
}

}  // namespace loadline

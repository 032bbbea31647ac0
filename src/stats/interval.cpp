#include "stats/interval.hpp"

#include <algorithm>
#include <numeric>

namespace loadline {
namespace {

void merge_each(std::vector<StepStats>& into, const std::vector<StepStats>& from) {
    if (into.size() < from.size()) into.resize(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) into[i].merge(from[i]);
}

}  // namespace

void Origins::merge(const Origins& other) {
    http_502 += other.http_502;
    http_503 += other.http_503;
    http_504 += other.http_504;
    slow += other.slow;
    slow_service += other.slow_service;
    slow_upstream += other.slow_upstream;
}

std::uint64_t StepStats::count() const {
    return std::accumulate(outcomes.begin(), outcomes.end(), std::uint64_t{0});
}

std::uint64_t StepStats::errors() const {
    return count() - outcomes[static_cast<std::size_t>(Outcome::ok)];
}

void StepStats::merge(const StepStats& other) {
    for (std::size_t i = 0; i < outcome_count; ++i) outcomes[i] += other.outcomes[i];
    response_time.merge(other.response_time);
    response_time_ok.merge(other.response_time_ok);
    service_time.merge(other.service_time);
    resolve.merge(other.resolve);
    connect.merge(other.connect);
    tls.merge(other.tls);
    wait.merge(other.wait);
    read.merge(other.read);
    resends += other.resends;
    sent += other.sent;
    given_up += other.given_up;
    left_in_flight += other.left_in_flight;
    bytes_in += other.bytes_in;
    bytes_out += other.bytes_out;
    origins.merge(other.origins);
}

void StepStats::clear() {
    outcomes.fill(0);
    response_time.clear();
    response_time_ok.clear();
    service_time.clear();
    resolve.clear();
    connect.clear();
    tls.clear();
    wait.clear();
    read.clear();
    bytes_in = bytes_out = resends = sent = given_up = left_in_flight = 0;
    origins = {};
}

void Interval::add_sums(const Interval& other) {
    if (other.end != TimePoint{}) {
        start = end == TimePoint{} ? other.start : std::min(start, other.start);
        end = std::max(end, other.end);
    }
    merge_each(steps, other.steps);
    merge_each(journeys, other.journeys);
    scheduled += other.scheduled;
    started += other.started;
    dropped_arrivals += other.dropped_arrivals;
    if (closes.size() < other.closes.size()) closes.resize(other.closes.size());
    for (std::size_t i = 0; i < other.closes.size(); ++i) closes[i] += other.closes[i];
    connects += other.connects;
    churn.merge(other.churn);
    send_lag.merge(other.send_lag);
    pool_wait.merge(other.pool_wait);
    send_lag_windows.merge(other.send_lag_windows);
    worker_cpu += other.worker_cpu;
}

void Interval::merge(const Interval& other) {
    add_sums(other);
    worker_cpu_busiest = std::max(worker_cpu_busiest, other.worker_cpu_busiest);
    in_flight += other.in_flight;
    waiting_ages.merge(other.waiting_ages);
    users += other.users;
    connections += other.connections;
}

void Interval::append(const Interval& later) {
    add_sums(later);
    worker_cpu_busiest += later.worker_cpu_busiest;
    in_flight = later.in_flight;
    waiting_ages.clear();
    waiting_ages.merge(later.waiting_ages);
    users = later.users;
    connections = later.connections;
}

std::uint64_t Interval::all_closes() const {
    return std::accumulate(closes.begin(), closes.end(), std::uint64_t{0});
}

std::uint64_t Interval::all_sent() const {
    return std::accumulate(
        steps.begin(), steps.end(), std::uint64_t{0},
        [](std::uint64_t sum, const StepStats& step) { return sum + step.sent; });
}

void Interval::clear() {
    start = end = TimePoint{};
    for (auto& step : steps) step.clear();
    for (auto& journey : journeys) journey.clear();
    scheduled = started = dropped_arrivals = connects = 0;
    std::fill(closes.begin(), closes.end(), 0);
    churn.clear();
    send_lag.clear();
    pool_wait.clear();
    send_lag_windows.clear();
    waiting_ages.clear();
    worker_cpu = worker_cpu_busiest = Duration{};
    in_flight = users = connections = 0;
}

}  // namespace loadline

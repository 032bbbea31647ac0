#include "report/chart_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/certificate.hpp"
#include "report/figures.hpp"
#include "report/spectrum.hpp"

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

/// A stretch cut shorter than this (the drain's last moments) makes no rate worth drawing.
constexpr double shortest_second = 0.2;

double rounded(double value, double unit) { return std::round(value / unit) * unit; }

/// Four significant digits are more than a chart shows, and a third of the bytes.
double short_number(double value) {
    if (value == 0 || !std::isfinite(value)) return 0;
    return rounded(value, std::pow(10, std::floor(std::log10(std::abs(value))) - 3));
}

Json ms_or_null(Duration value) {
    if (value <= Duration{} || value >= Histogram::unanswered) return nullptr;
    return short_number(to_ms(value));
}

Json quantile_or_null(const Histogram& histogram, double q) {
    if ((1 - q) * static_cast<double>(histogram.count()) < 1 - 1e-9) return nullptr;
    return ms_or_null(histogram.quantile(q));
}

/// Stretches of time that touch become one.
void add_span(Json& spans, double from, double to) {
    if (!spans.empty() && std::abs(spans.back()[1].get<double>() - from) < 1e-6) {
        spans.back()[1] = to;
    } else {
        spans.push_back({from, to});
    }
}

Json timeline(const std::vector<TimelinePoint>& points) {
    Json out{{"t", Json::array()}};
    for (const char* name :
         {"p50", "p90", "p99", "max", "intended", "started", "transactions", "errors"}) {
        out[name] = Json::array();
    }
    for (const auto& p : points) {
        const auto length = to_seconds(p.length);
        const auto per_second = [&](std::uint64_t n) -> Json {
            if (length < shortest_second) return nullptr;
            return short_number(static_cast<double>(n) / length);
        };
        out["t"].push_back(rounded(to_seconds(p.since_start), 1e-3));
        out["p50"].push_back(ms_or_null(p.p50));
        out["p90"].push_back(ms_or_null(p.p90));
        out["p99"].push_back(ms_or_null(p.p99));
        out["max"].push_back(ms_or_null(p.max));
        out["intended"].push_back(p.intended_rate > 0 && length >= shortest_second
                                      ? Json(short_number(p.intended_rate))
                                      : Json(nullptr));
        out["started"].push_back(per_second(p.started));
        out["transactions"].push_back(per_second(p.transactions));
        out["errors"].push_back(per_second(p.errors));
    }
    return out;
}

Json phases(const std::vector<TimelinePoint>& points) {
    Json spans = Json::array();
    for (const auto& p : points) {
        if (p.phase == Phase::measure) continue;
        add_span(spans, to_seconds(p.since_start - p.length), to_seconds(p.since_start));
    }
    return spans;
}

/// A point stands at the end of its second, so its mark spreads half a second to both sides.
Json unanswered_spans(const std::vector<TimelinePoint>& points) {
    Json spans = Json::array();
    for (const auto& p : points) {
        if (p.p99 < Histogram::unanswered) continue;
        add_span(spans, to_seconds(p.since_start - p.length / 2),
                 to_seconds(p.since_start + p.length / 2));
    }
    return spans;
}

Json spectrum(const RunResult& result) {
    const auto pooled = pooled_transactions(result);
    Json out;
    for (const char* name : {"x", "response", "ok", "service"}) out[name] = Json::array();
    for (const double q : spectrum_percentiles(pooled.count())) {
        out["x"].push_back(short_number(1 / (1 - q)));
        out["response"].push_back(quantile_or_null(pooled.response_time, q));
        out["ok"].push_back(quantile_or_null(pooled.response_time_ok, q));
        out["service"].push_back(quantile_or_null(pooled.service_time, q));
    }
    return out;
}

/// What to add to a sample's instant to get seconds from the start of the run: points of the
/// timeline carry samples too. Without one the first sample is the start.
double start_of_samples(const RunResult& result) {
    for (const auto& p : result.measurement.timeline) {
        if (p.sockets)
            return to_seconds(p.since_start) - to_seconds(p.sockets->at.time_since_epoch());
    }
    return -to_seconds(result.socket_samples.front().at.time_since_epoch());
}

/// Where the descriptors of the server go: their limit, and how they would get there.
void add_descriptors(const RunResult& result, double start, Json& out) {
    const SocketSample* last = nullptr;  // of the load
    for (const auto& point : result.measurement.timeline) {
        if (point.phase != Phase::drain && point.sockets) last = &*point.sockets;
    }
    if (!last || !last->fds || !last->fd_limit) return;
    out["fd_limit"] = *last->fd_limit;
    if (!result.sockets || !result.sockets->fd_eta) return;
    const auto at = start + to_seconds(last->at.time_since_epoch());
    out["fd_course"] = {{rounded(at, 1e-3), *last->fds},
                        {rounded(at + to_seconds(*result.sockets->fd_eta), 1e-3), *last->fd_limit}};
    out["fd_eta"] = format_duration(*result.sockets->fd_eta);
}

/// By their numbers in the kernel, as `SocketSample::states` has them.
constexpr std::pair<const char*, std::size_t> shown_states[] = {
    {"established", 1}, {"fin_wait1", 4}, {"fin_wait2", 5}, {"close_wait", 8}, {"last_ack", 9}};

Json sockets(const RunResult& result) {
    Json out;
    for (const char* name : {"t", "stale", "fds", "accept_queue"}) out[name] = Json::array();
    for (const auto& [name, state] : shown_states) out[name] = Json::array();
    if (result.socket_samples.empty()) return out;
    const auto start = start_of_samples(result);
    std::uint32_t backlog = 0;
    for (const auto& s : result.socket_samples) {
        out["t"].push_back(rounded(start + to_seconds(s.at.time_since_epoch()), 1e-3));
        for (const auto& [name, state] : shown_states) out[name].push_back(s.states[state]);
        if (!s.counts_only) out["stale"].push_back(s.stale);
        out["fds"].push_back(s.fds ? Json(*s.fds) : Json(nullptr));
        out["accept_queue"].push_back(s.accept_queue);
        backlog = std::max(backlog, s.backlog);
    }
    if (backlog > 0) out["backlog"] = backlog;
    add_descriptors(result, start, out);
    return out;
}

/// The percentile that the binding clause is about, where the probes have it; else p99.
struct ShownPercentile {
    const char* name = "p99";
    Duration ProbeResult::*value = &ProbeResult::p99;
    std::optional<Duration> limit;
};

ShownPercentile shown_percentile(const RunResult& result) {
    const struct {
        double quantile;
        ShownPercentile shown;
    } rows[] = {{.5, {"p50", &ProbeResult::p50, {}}},
                {.9, {"p90", &ProbeResult::p90, {}}},
                {.99, {"p99", &ProbeResult::p99, {}}},
                {.999, {"p99.9", &ProbeResult::p999, {}}}};
    const ClauseResult* chosen = nullptr;
    for (const auto& clause : result.clauses) {
        if (clause.clause.metric != SloClause::Metric::percentile ||
            clause.clause.scope != SloClause::Scope::transactions) {
            continue;
        }
        const bool binding = clause.clause.text == result.capacity->binding_clause;
        if (binding || !chosen) chosen = &clause;
        if (binding) break;
    }
    if (!chosen) return {};
    for (auto row : rows) {
        if (std::abs(chosen->clause.quantile - row.quantile) > 1e-9) continue;
        row.shown.limit = chosen->clause.limit;
        return row.shown;
    }
    return {};
}

/// Each probe over the load that it asked for, in transactions/s, by rising load.
Json curve_probes(const CapacityResult& capacity, const ShownPercentile& shown) {
    auto probes = capacity.probes;
    std::stable_sort(probes.begin(), probes.end(),
                     [](const auto& a, const auto& b) { return a.rate < b.rate; });
    Json out = Json::array();
    for (const auto& p : probes) {
        const auto load = p.rate.per_second() * capacity.transactions_per_journey;
        out.push_back({{"load", short_number(load)},
                       {"rate", short_number(p.rate.per_second())},
                       {"tps", short_number(p.transactions_per_s)},
                       {"n", p.requests},
                       {"length_s", rounded(to_seconds(p.length), 1e-2)},
                       {"p50", ms_or_null(p.p50)},
                       {"shown", ms_or_null(p.*shown.value)},
                       {"word", to_string(p.word)},
                       {"kind", to_string(p.kind)}});
    }
    return out;
}

Json curve(const CapacityResult& c, const RunResult& result) {
    const auto shown = shown_percentile(result);
    Json out;
    out["percentile"] = shown.name;
    if (shown.limit) {
        out["limit_ms"] = to_ms(*shown.limit);
        out["limit_text"] = fmt::format("SLO {} {}", shown.name, round_duration(*shown.limit));
    }
    out["probes"] = curve_probes(c, shown);
    if (c.interval && c.estimate_tps) {
        const auto k = c.transactions_per_journey;
        out["estimate"] = {short_number(c.interval->q05 * k), short_number(*c.estimate_tps),
                           short_number(c.interval->q95 * k)};
    }
    if (c.confirmed_tps) out["confirmed"] = short_number(*c.confirmed_tps);
    if (knee_reached(c)) out["knee"] = short_number(c.curve[*c.knee].tps);
    return out;
}

}  // namespace

Json chart_data(const RunResult& result) {
    const auto& points = result.measurement.timeline;
    Json out;
    out["length_s"] = points.empty() ? 0.0 : to_seconds(points.back().since_start);
    for (const auto& clause : result.clauses) {  // the first latency limit of all transactions
        if (clause.clause.metric != SloClause::Metric::percentile ||
            clause.clause.scope != SloClause::Scope::transactions) {
            continue;
        }
        out["limit_ms"] = to_ms(clause.clause.limit);
        out["limit_text"] = "SLO " + round_duration(clause.clause.limit);
        break;
    }
    out["timeline"] = timeline(points);
    out["phases"] = phases(points);
    out["unanswered"] = unanswered_spans(points);
    out["spectrum"] = spectrum(result);
    out["sockets"] = sockets(result);
    if (result.capacity) out["curve"] = curve(*result.capacity, result);
    return out;
}

}  // namespace loadline

#include "report/html.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <ostream>
#include <random>

#include "base/units.hpp"
#include "report/cause_text.hpp"
#include "report/chart_data.hpp"
#include "report/figures.hpp"
#include "report/html_certificate.hpp"
#include "report/html_churn.hpp"
#include "report/html_parts.hpp"
#include "report/html_target.hpp"
#include "report/markup.hpp"
#include "report/page_parts.hpp"
#include "report/phases.hpp"

namespace loadline {
namespace {

/// The large figures under the verdict.
class KeyFigures {
public:
    void add(const char* name, const std::string& value, const std::string& unit) {
        items_ += fmt::format("<div><dt>{}</dt><dd>{} <small>{}</small></dd></div>\n", name,
                              escape_html(value), escape_html(unit));
    }
    std::string text() const { return "<dl class=\"figures\">\n" + items_ + "</dl>\n"; }

private:
    std::string items_;
};

void add_capacity(const CapacityResult& c, KeyFigures& figures) {
    const double k = c.transactions_per_journey;
    if (c.confirmed_tps) {
        figures.add("Confirmed", format_number(*c.confirmed_tps), "transactions/s");
    }
    if (c.estimate_tps && c.interval) {
        figures.add("Estimate", format_number(*c.estimate_tps),
                    fmt::format("{} to {} transactions/s", format_number(c.interval->q05 * k),
                                format_number(c.interval->q95 * k)));
    } else if (c.estimate_tps && !c.confirmed_tps) {
        figures.add("At least", format_number(*c.estimate_tps), "transactions/s");
    }
    if (c.safe_tps) figures.add("Safe", format_number(*c.safe_tps), "transactions/s");
}

/// The sections of one result's page, each a function that answers its markup.
class HtmlBody {
public:
    explicit HtmlBody(const RunResult& result)
        : result_{result}, timeout_{timeout_of(result)}, pooled_{pooled_transactions(result)} {}

    std::string text() const {
        return brand() + verdict() + key_figures() + certificate_section(result_, timeout_) +
               slos() + cause() + probes_section(result_, timeout_) + over_time() + percentiles() +
               steps() + outcomes() + churn_section(result_) + sockets_section(result_) +
               kubelet_section(result_) + generator() + environment();
    }

private:
    std::string brand() const {
        return fmt::format(
            "<div class=\"brand\"><svg viewBox=\"0 0 32 32\" aria-hidden=\"true\"><circle "
            "cx=\"16\" cy=\"16\" r=\"9\"/>"
            "<path d=\"M1 16h30\"/></svg><span><strong>loadline {}</strong> · {} · "
            "{}</span></div>\n",
            escape_html(result_.command), escape_html(result_.scenario_name),
            iso_utc(result_.started_at));
    }

    std::string verdict() const {
        const auto head = headline_of(result_);
        auto out =
            fmt::format("<section class=\"verdict {}\"><h1><span class=\"word\">{}</span>{}</h1>\n",
                        tone_of(head.tone), escape_html(head.word), escape_html(head.sentence));
        if (!head.more.empty()) {
            out += "<ul>\n";
            for (const auto& text : head.more) out += "<li>" + escape_html(text) + "</li>\n";
            out += "</ul>\n";
        }
        if (!head.advice.empty()) {
            out += fmt::format("<p class=\"next\"><strong>Next:</strong> {}</p>\n",
                               escape_html(head.advice));
        }
        out += fmt::format("<p class=\"note\">{}</p>\n", escape_html(load_text(result_)));
        if (const auto text = topology_note(result_); !text.empty()) out += note(text);
        return out + "</section>\n";
    }

    std::string key_figures() const {
        const auto length = to_seconds(result_.measurement.measured);
        const auto ok = result_.measurement.throughput.ok;
        const auto n = static_cast<double>(pooled_.count());
        KeyFigures figures;
        if (result_.capacity) {
            add_capacity(*result_.capacity, figures);
        } else if (length > 0) {
            figures.add("Throughput", format_number(static_cast<double>(ok) / length),
                        "transactions/s ok");
            figures.add("Rate", format_number(journeys_per_second(result_)), "journeys/s ended");
        }
        figures.add("p99 response time", percentile_text(pooled_.response_time, 0.99, timeout_),
                    result_.capacity
                        ? "at " + rate_text(result_.measurement.intended_rate, "journeys")
                        : "");
        figures.add("Errors", n > 0 ? format_share(static_cast<double>(pooled_.errors()) / n) : "–",
                    "of " + count_text(pooled_.count()));
        return figures.text();
    }

    std::string slos() const {
        if (result_.clauses.empty()) return {};
        HtmlTable table{"SLO", {"<Promise", "<Verdict", "Measured", "Transactions"}};
        for (const auto& clause : result_.clauses) {
            table.add({clause.clause.text, marked(clause.word), actual_text(clause),
                       count_text(clause.samples)},
                      {}, tone_of(clause.word), 1);
        }
        return heading("SLO") + table.text();
    }

    std::string cause() const {
        if (!result_.cause) return {};
        const auto* title = cause_title(result_);
        auto out = heading(title, compared_text(*result_.cause));
        HtmlTable table{title, {"<Cause", "<What changed", "<Began"}};
        for (const auto& finding : result_.cause->findings) {
            table.add({finding.code, finding.text, began_text(finding)}, {}, "fail", 0);
        }
        out += result_.cause->findings.empty() ? note(unknown_text(*result_.cause)) : table.text();
        for (const auto& what : result_.not_seen) out += note("Not seen: " + what);
        return out;
    }

    std::string over_time() const {
        const auto& points = result_.measurement.timeline;
        if (points.empty()) return {};
        auto out = heading("Over time",
                           "One point a second. Drag to zoom; charts over time move together.");
        out += chart_frame("latency", "Response time of transactions",
                           "Lines: p50, p90, p99 and maximum of the response time, each second");
        const auto frozen = std::count_if(points.begin(), points.end(), [](const TimelinePoint& p) {
            return p.p99 >= Histogram::unanswered;
        });
        if (frozen > 0) {
            out += note(fmt::format(
                "In {} of {} seconds unanswered exchanges reach p99: it has no value there, only a "
                "lower bound of {}. These seconds are marked in red.",
                frozen, points.size(), round_duration(timeout_)));
        }
        out += chart_frame(
            "throughput", "Rate intended, and what became of it",
            "Lines: intended and started journeys, transactions and errors, each per second");
        const bool shaded = std::any_of(points.begin(), points.end(), [](const TimelinePoint& p) {
            return p.phase != Phase::measure;
        });
        if (shaded)
            out += note("Grey stretches are warm-up, drain and settling: they count in no figure.");
        return out;
    }

    std::string percentiles() const {
        if (pooled_.count() == 0) return {};
        auto out = heading("Percentiles of transactions",
                           "Response time runs from the intended send time, service time "
                           "from the actual one.");
        if (const auto text = measured_text(result_); !text.empty()) {
            out += note("From here on: " + text + ".");
        }
        out +=
            chart_frame("spectrum", "Percentile spectrum",
                        "Lines: response time, response time of the ok ones, and service time over "
                        "the percentile");
        HtmlTable table{"Percentiles",
                        {"Percentile", "Response time", "Of the ok ones", "Service time"}};
        for (const auto& [quantile, text] : ladder) {
            table.add({text, percentile_text(pooled_.response_time, quantile, timeout_),
                       percentile_text(pooled_.response_time_ok, quantile, timeout_),
                       percentile_text(pooled_.service_time, quantile, timeout_)});
        }
        const auto row = [&](const char* name, Duration (Histogram::*figure)() const) {
            const auto text = [&](const Histogram& h) {
                return h.count() > h.unanswered_count() ? format_duration((h.*figure)())
                                                        : std::string{"–"};
            };
            table.add({name, text(pooled_.response_time), text(pooled_.response_time_ok),
                       text(pooled_.service_time)});
        };
        row("max", &Histogram::max);
        row("mean", &Histogram::mean);
        out += table.text();
        if (const auto n = pooled_.response_time.unanswered_count()) {
            out += note(fmt::format(
                "{} unanswered of {} count as longer than the time-out of {}; max and mean are of "
                "the answered ones.",
                count_text(n), count_text(pooled_.count()), round_duration(timeout_)));
        }
        return out;
    }

    std::string steps() const {
        const auto listed = listed_steps(result_);
        if (listed.empty()) return {};
        const auto length = to_seconds(result_.measurement.measured);
        HtmlTable table{"Steps",
                        {"<Step", "Transaction", "Count", "Rate/s", "Errors", "Share", "p50", "p90",
                         "p99", "max", "Service p50", "Service p99"}};
        for (const auto i : listed) {
            const auto& plan = result_.plan->steps[i];
            const auto& stats = result_.measurement.total.steps[i];
            const auto& times = stats.response_time;
            const auto n = static_cast<double>(stats.count());
            const auto at = [&](const Histogram& h, double q) {
                return percentile_text(h, q, plan.timeout);
            };
            table.add(
                {plan.name, plan.transaction ? "yes" : "no", count_text(stats.count()),
                 length > 0 ? format_number(n / length) : "–", count_text(stats.errors()),
                 n > 0 ? format_share(static_cast<double>(stats.errors()) / n) : "–",
                 at(times, 0.5), at(times, 0.9), at(times, 0.99),
                 times.count() > times.unanswered_count() ? format_duration(times.max()) : "–",
                 at(stats.service_time, 0.5), at(stats.service_time, 0.99)},
                {}, stats.errors() ? "fail" : "", 4);
        }
        return heading("Steps") + table.text() + phases();
    }

    std::string phases() const {
        const auto phases = phase_table(result_);
        if (phases.rows.empty()) return {};
        auto titles = phases.titles;
        titles[0] = "<Step";
        HtmlTable table{"Where the time went", titles};
        for (const auto& row : phases.rows) table.add(row);
        auto out = heading("Where the time went",
                           "Opening connections (counted under their first exchange), waiting for "
                           "the first byte, reading to the last.") +
                   table.text();
        if (const auto text = resends_text(result_); !text.empty()) out += note(text);
        return out;
    }

    std::string outcomes() const {
        const auto counts = all_outcomes(result_);
        const auto sum = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
        if (sum == 0) return {};
        HtmlTable table{"Outcomes", {"<Outcome", "Count", "Share"}};
        for (std::size_t i = 0; i < outcome_count; ++i) {
            if (counts[i] == 0) continue;
            table.add({std::string{to_string(static_cast<Outcome>(i))}, count_text(counts[i]),
                       format_share(static_cast<double>(counts[i]) / static_cast<double>(sum))},
                      {}, i == 0 ? "pass" : "fail", 0);
        }
        auto out = heading("Outcomes", "Why each exchange of each step ended.") + table.text();
        const auto& examples = result_.measurement.examples;
        if (examples.empty()) return out;
        out += "<h3>First examples</h3>\n";
        for (const auto& example : examples) {
            out += fmt::format("<p><strong class=\"{}\">{}</strong> in {}</p>\n<pre>{}</pre>\n",
                               example.outcome == Outcome::ok ? "pass" : "fail",
                               to_string(example.outcome), escape_html(example.step),
                               escape_html(example.text));
        }
        return out;
    }

    std::string generator() const {
        const auto& g = result_.measurement.generator;
        HtmlTable table{"Generator", {"", ""}};
        table.add({"Journeys", fmt::format("{} scheduled, {} dropped", count_text(g.scheduled),
                                           count_text(g.dropped))});
        table.add({"Requests sent", count_text(g.sent)});
        table.add(
            {"Send lag",
             fmt::format("p50 {}, p99 {} (in the median 10 ms: {}); above {} in {} of {} seconds",
                         format_duration(g.send_lag_p50), format_duration(g.send_lag_p99),
                         format_duration(g.send_lag_window_p99), round_duration(g.lag_bound),
                         g.lag_windows_over, g.lag_windows)});
        table.add({"Pool wait", fmt::format("p50 {}, p99 {}", format_duration(g.pool_wait_p50),
                                            format_duration(g.pool_wait_p99))});
        table.add({"CPU", cpu_text(g)});
        table.add({"At most", sockets_text(g)});
        if (result_.selftest) table.add({"Selftest", selftest_text(*result_.selftest)});
        for (const auto& limit : g.limits) table.add({"Limit", limit.text}, {}, "invalid", 1);
        for (const auto& text : g.notes) table.add({"Note", text});
        return heading("Generator",
                       g.limits.empty()
                           ? "It kept its schedule: what was measured is the service's doing."
                           : "It was at its own limit: the service is not to blame, and nothing is "
                             "proved.") +
               table.text();
    }

    std::string environment() const {
        const auto& m = result_.machine;
        const auto& plan = *result_.plan;
        HtmlTable table{"Environment", {"", ""}};
        if (!result_.arguments.empty()) {
            table.add({"Arguments", shown_arguments(result_.arguments, plan.secrets)});
        }
        table.add({"Scenario",
                   fmt::format("{} (hash {})", result_.scenario_name, result_.scenario_hash)});
        for (const auto& target : plan.targets) {
            table.add({"Target " + target.name, target.url.origin()});
        }
        for (const auto& text : address_texts(result_)) table.add({"Address", text});
        table.add({"Connections", to_string(plan.connections)});
        if (const auto text = sources_text(result_); !text.empty()) {
            table.add({"Connected from", text});
        }
        table.add({"Seed, threads", fmt::format("{}, {}", result_.seed, result_.threads)});
        table.add({"Caps", fmt::format("{} users, {} connections",
                                       result_.user_cap ? count_text(result_.user_cap) : "any",
                                       result_.connection_cap ? count_text(result_.connection_cap)
                                                              : "any")});
        table.add({"Started, took",
                   iso_utc(result_.started_at) + ", " + round_duration(result_.elapsed)});
        table.add({"loadline", result_.version});
        table.add({"Kernel", m.kernel});
        table.add({"CPU", fmt::format("{} × {}", m.cores, m.cpu_model)});
        table.add({"Memory", fmt::format("{:.1f} GB", static_cast<double>(m.memory_bytes) / 1e9)});
        if (m.port_high > 0) {
            auto ports = fmt::format("{} to {}", m.port_low, m.port_high);
            if (m.tcp_tw_reuse >= 0) ports += fmt::format(", tcp_tw_reuse {}", m.tcp_tw_reuse);
            table.add({"Local ports", ports});
        }
        return heading("Environment") + table.text();
    }

    const RunResult& result_;
    Duration timeout_;
    StepStats pooled_;
};

/// Names this page's own scripts to the browser, which runs no others.
std::string random_nonce() {
    std::random_device device;
    return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

}  // namespace

void write_html(std::ostream& out, const RunResult& result) {
    const auto head = headline_of(result);
    const auto title = escape_html(head.word + " · " + result.scenario_name + " · loadline");
    const auto body = HtmlBody{result}.text();
    const auto data = escape_script(chart_data(result).dump());
    const auto nonce = random_nonce();
    const auto version = escape_html(result.version);
    out << fill(page_html, {{"title", title},
                            {"version", version},
                            {"nonce", nonce},
                            {"body", body},
                            {"data", data},
                            {"page_css", page_css},
                            {"charts_js", charts_js},
                            {"page_js", page_js},
                            {"dygraphs_css", dygraphs_css},
                            {"dygraphs_js", dygraphs_js}});
}

}  // namespace loadline

#include "report/terminal.hpp"

#include <fmt/format.h>

#include <numeric>
#include <ostream>

#include "base/units.hpp"
#include "report/cause_text.hpp"
#include "report/churn_text.hpp"
#include "report/figures.hpp"
#include "report/phases.hpp"
#include "report/probes_text.hpp"
#include "report/terminal_certificate.hpp"
#include "report/terminal_paper.hpp"
#include "report/terminal_sockets.hpp"
#include "report/text.hpp"

namespace loadline {
namespace {

using Cell = Table::Cell;

const char* mark_of(VerdictWord word) {
    switch (word) {
        case VerdictWord::pass:
            return "✓";
        case VerdictWord::fail:
            return "✗";
        case VerdictWord::invalid:
            return "?";
    }
    return "?";
}

/// Writes the sections in their order; holds what they all need.
class TerminalPage {
public:
    TerminalPage(std::ostream& out, const RunResult& result, bool colour)
        : paper_{out, colour}, result_{result}, timeout_{timeout_of(result)} {}

    void write() {
        headline();
        if (result_.capacity) write_certificate(paper_, *result_.capacity, timeout_);
        slos();
        cause();
        write_probes(paper_, result_, timeout_);
        if (const auto text = measured_text(result_); !text.empty()) {
            paper_.blank_line();
            paper_.sentence("", "What follows is of " + text + ".", Style::dim);
        }
        ladder_of_transactions();
        steps();
        phases();
        throughput();
        outcomes();
        generator();
        churn();
        write_sockets(paper_, result_);
        kubelet_probes();
        if (const auto note = topology_note(result_); !note.empty()) {
            paper_.blank_line();
            paper_.sentence("", note, Style::dim);
        }
    }

private:
    void headline() {
        const auto head = headline_of(result_);
        paper_.worded("", head.word, style_of(head.tone), head.sentence);
        for (const auto& text : head.more) paper_.sentence("  ", text);
        if (!head.advice.empty()) paper_.sentence("  next: ", head.advice);
        const auto text = fmt::format("{} · {} · {} {}, seed {}", printable(result_.scenario_name),
                                      load_text(result_), result_.threads,
                                      result_.threads == 1 ? "thread" : "threads", result_.seed);
        paper_.sentence("  ", text, Style::dim);
    }

    void slos() {
        if (result_.clauses.empty()) return;
        paper_.title("SLO");
        Table table{{{""}, {"", true, true}, {""}, {""}}};
        for (const auto& clause : result_.clauses) {
            const auto style = style_of(clause.word);
            table.add(
                {{mark_of(clause.word), style},
                 {printable(clause.clause.text)},
                 {actual_text(clause), clause.word == VerdictWord::pass ? Style::plain : style},
                 {"of " + count_text(clause.samples), Style::dim}});
        }
        paper_.write(table);
    }

    void cause() {
        if (!result_.cause) return;
        paper_.title(cause_title(result_));
        if (result_.cause->findings.empty()) {
            paper_.sentence("  ", unknown_text(*result_.cause), Style::doubtful);
        }
        for (const auto& finding : result_.cause->findings) {
            auto text = finding.text;
            if (const auto began = began_text(finding); !began.empty()) text += "; " + began;
            paper_.worded("  ", finding.code, Style::bad, text);
        }
        const auto compared = compared_text(*result_.cause);
        if (!compared.empty()) paper_.sentence("  ", compared, Style::dim);
        for (const auto& what : result_.not_seen) paper_.sentence("  not seen: ", what, Style::dim);
    }

    void ladder_of_transactions() {
        const auto pooled = pooled_transactions(result_);
        if (pooled.count() == 0) return;
        paper_.title("Latency of transactions", "response time runs from the intended send time");
        Table table{{{""}, {"response time"}, {"service time"}, {"response, ok alone"}}};
        for (const auto& [quantile, text] : ladder) {
            table.add({{text},
                       {percentile_text(pooled.response_time, quantile, timeout_)},
                       {percentile_text(pooled.service_time, quantile, timeout_)},
                       {percentile_text(pooled.response_time_ok, quantile, timeout_)}});
        }
        const auto row = [&](const char* name, Duration (Histogram::*figure)() const) {
            const auto text = [&](const Histogram& h) {
                return h.count() > h.unanswered_count() ? format_duration((h.*figure)())
                                                        : std::string{"–"};
            };
            table.add({{name},
                       {text(pooled.response_time)},
                       {text(pooled.service_time)},
                       {text(pooled.response_time_ok)}});
        };
        row("max", &Histogram::max);
        row("mean", &Histogram::mean);
        paper_.write(table);
        if (const auto n = pooled.response_time.unanswered_count()) {
            paper_.sentence(
                "  ",
                fmt::format("{} unanswered of {} count as longer than the time-out of {}; "
                            "max and mean are of the answered ones.",
                            count_text(n), count_text(pooled.count()), round_duration(timeout_)));
        }
    }

    void steps() {
        const auto listed = listed_steps(result_);
        if (listed.empty()) return;
        paper_.title("Steps", "response time");
        Table table{{{"step", true, true},
                     {"count"},
                     {"rate/s"},
                     {"errors"},
                     {""},
                     {"p50"},
                     {"p99"},
                     {"max"}}};
        const auto length = to_seconds(result_.measurement.measured);
        std::string others;
        for (const auto i : listed) {
            const auto& step = result_.measurement.total.steps[i];
            const auto& times = step.response_time;
            const auto& plan = result_.plan->steps[i];
            const auto n = static_cast<double>(step.count());
            const bool any = times.count() > times.unanswered_count();
            table.add(
                {{printable(plan.name)},
                 {count_text(step.count())},
                 {length > 0 ? format_number(n / length) : "–"},
                 {count_text(step.errors()), step.errors() ? Style::bad : Style::plain},
                 {n > 0 ? format_share(static_cast<double>(step.errors()) / n) : "–", Style::dim},
                 {percentile_text(times, 0.5, plan.timeout)},
                 {percentile_text(times, 0.99, plan.timeout)},
                 {any ? format_duration(times.max()) : "–"}});
            if (!plan.transaction) others += (others.empty() ? "" : ", ") + plan.name;
        }
        paper_.write(table);
        if (!others.empty()) {
            paper_.sentence(
                "  ", "Not transactions, so neither in TPS nor in an SLO without a name: " + others,
                Style::dim);
        }
    }

    void phases() {
        const auto phases = phase_table(result_);
        if (phases.rows.empty()) return;
        paper_.title("Where the time went", "wait: to the first byte; read: to the last");
        std::vector<Table::Column> columns;
        for (const auto& name : phases.titles)
            columns.push_back({name, columns.empty(), columns.empty()});
        Table table{columns};
        for (const auto& row : phases.rows) {
            std::vector<Cell> cells;
            for (const auto& text : row) cells.push_back({printable(text)});
            table.add(std::move(cells));
        }
        paper_.write(table);
        if (const auto text = resends_text(result_); !text.empty()) paper_.sentence("  ", text);
    }

    void throughput() {
        const auto& m = result_.measurement;
        const auto length = to_seconds(m.measured);
        if (length <= 0) return;
        const auto& ended = m.throughput;
        const auto per_second = [&](std::uint64_t n) {
            return format_number(static_cast<double>(n) / length);
        };
        paper_.title("Rate and throughput", "throughput: what ended within the measured window");
        Table table{{{""}, {""}, {"", true}, {"", true}}};
        if (m.intended_rate > 0) {
            table.add({{"rate"}, {format_number(m.intended_rate)}, {"journeys/s intended"}, {""}});
        }
        table.add(
            {{m.intended_rate > 0 ? "" : "rate"},
             {per_second(m.total.started)},
             {"journeys/s started"},
             {count_text(m.total.started) + " in " + round_duration(m.measured), Style::dim}});
        table.add({{"throughput"},
                   {format_number(journeys_per_second(result_))},
                   {"journeys/s ended"},
                   {""}});
        table.add({{""},
                   {per_second(ended.answered)},
                   {"transactions/s answered"},
                   {count_text(ended.answered), Style::dim}});
        table.add({{""},
                   {per_second(ended.ok)},
                   {"transactions/s ok"},
                   {count_text(ended.ok), Style::dim}});
        paper_.write(table);
    }

    void outcomes() {
        const auto counts = all_outcomes(result_);
        const auto sum = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
        if (sum == 0) return;
        paper_.title("Outcomes", "of all steps");
        std::vector<std::size_t> order;
        for (std::size_t i = 0; i < outcome_count; ++i) {
            if (counts[i]) order.push_back(i);
        }
        std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
            return (a == 0) != (b == 0) ? a == 0 : counts[a] > counts[b];  // ok first
        });
        Table table{{{""}, {""}, {""}}};
        for (const auto i : order) {
            const auto outcome = static_cast<Outcome>(i);
            table.add({{std::string{to_string(outcome)},
                        outcome == Outcome::ok ? Style::plain : Style::bad},
                       {count_text(counts[i])},
                       {format_share(static_cast<double>(counts[i]) / static_cast<double>(sum))}});
        }
        paper_.write(table);
        for (const auto i : order) examples_of(static_cast<Outcome>(i));
    }

    void examples_of(Outcome outcome) {
        int shown = 0;
        for (const auto& example : result_.measurement.examples) {
            if (example.outcome != outcome || ++shown > 3) continue;
            const auto text = fmt::format("  first {}: {}: {}", to_string(outcome),
                                          printable(example.step), printable(example.text));
            paper_.line(text, Style::dim);
        }
    }

    void generator() {
        const auto& g = result_.measurement.generator;
        paper_.title("Generator");
        Table table{{{""}, {"", true, true}}};
        table.add({{"arrivals"},
                   {fmt::format("{} journeys scheduled, {} dropped; {} requests sent",
                                count_text(g.scheduled), count_text(g.dropped), count_text(g.sent)),
                    g.dropped ? Style::bad : Style::plain}});
        table.add(
            {{"send lag"},
             {fmt::format("p50 {}, p99 {} (in the median 10 ms: {}); above {} in {} of {} seconds",
                          format_duration(g.send_lag_p50), format_duration(g.send_lag_p99),
                          format_duration(g.send_lag_window_p99), round_duration(g.lag_bound),
                          g.lag_windows_over, g.lag_windows)}});
        table.add(
            {{"pool wait"},
             {fmt::format("p50 {}, p99 {}; the server's doing, part of the response time",
                          format_duration(g.pool_wait_p50), format_duration(g.pool_wait_p99))}});
        table.add({{"CPU"}, {cpu_text(g)}});
        table.add({{"at most"}, {sockets_text(g)}});
        if (result_.selftest) table.add({{"selftest"}, {selftest_text(*result_.selftest)}});
        paper_.write(table);
        for (const auto& limit : g.limits)
            paper_.sentence("  limit: ", limit.text, Style::doubtful);
        for (const auto& note : g.notes) paper_.sentence("  note: ", note, Style::dim);
    }

    void churn() {
        const auto churn = churn_table(result_);
        if (churn.columns.empty()) return;
        paper_.title("Churn", churn.title);
        std::vector<Table::Column> columns;
        for (const auto& name : churn.columns)
            columns.push_back({name, columns.empty(), columns.empty()});
        Table table{columns};
        for (const auto& row : churn.rows) {
            std::vector<Cell> cells;
            for (const auto& text : row) cells.push_back({text});
            table.add(std::move(cells));
        }
        paper_.write(table);
        for (const auto& text : churn.sentences) paper_.sentence("  ", text, Style::dim);
        if (!churn.doubt.empty()) paper_.sentence("  note: ", churn.doubt, Style::doubtful);
    }

    void kubelet_probes() {
        if (result_.probes.empty()) return;
        paper_.title("Kubelet probes", "replayed; they do not change the verdict");
        for (const auto& probe : result_.probes) {
            paper_.worded("  ", to_string(probe.probe.kind),
                          probe.alarming() ? Style::doubtful : Style::good,
                          probe.text + rate_then_text(result_, probe));
            paper_.sentence("    ", probe_text(probe), Style::dim);
        }
    }

    TerminalPaper paper_;
    const RunResult& result_;
    Duration timeout_;
};

}  // namespace

void write_terminal(std::ostream& out, const RunResult& result, bool colour) {
    TerminalPage{out, result, colour}.write();
}

}  // namespace loadline

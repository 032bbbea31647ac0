#include "report/terminal_certificate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"
#include "report/certificate.hpp"
#include "report/figures.hpp"

namespace loadline {
namespace {

/// "FAIL  p99 < 100ms": the clause; what it was instead stands in the row.
std::string verdict_of(const ProbeResult& probe) {
    std::string text = to_string(probe.word);
    if (probe.word != VerdictWord::fail || probe.why.empty()) return text;
    return text + "  " + printable(probe.why.substr(0, probe.why.find(": ")));
}

}  // namespace

void write_certificate(TerminalPaper& paper, const CapacityResult& capacity, Duration timeout) {
    const auto lines = certificate_lines(capacity, timeout);
    if (lines.empty()) return;
    std::size_t names = 0, values = 0;
    for (const auto& line : lines) {
        names = std::max(names, display_width(line.name));
        values = std::max(values, display_width(line.value));
    }
    paper.title("Certificate", "TPS: completed transactions per second");
    for (const auto& line : lines) {
        paper.fact(line.name, names, line.value, values, line.text,
                   line.tone ? style_of(*line.tone) : Style::plain);
    }
}

void write_probes(TerminalPaper& paper, const RunResult& result, Duration timeout) {
    if (!result.capacity || result.capacity->probes.empty()) return;
    paper.title("Probes",
                "rate in journeys/s; bad: too slow or failed requests; lag: how late we sent");
    Table table{{{"probe"},
                 {"rate"},
                 {"time"},
                 {"n"},
                 {"p50"},
                 {"p99"},
                 {"p99.9"},
                 {"bad"},
                 {"lag p99"},
                 {"verdict", true, true}}};
    for (const auto& probe : result.capacity->probes) {
        const auto worst = worst_clause(probe, result.clauses);
        table.add({{to_string(probe.kind)},
                   {format_number(probe.rate.per_second())},
                   {round_duration(probe.length)},
                   {count_text(probe.requests)},
                   {latency_text(probe.p50, timeout)},
                   {latency_text(probe.p99, timeout)},
                   {latency_text(probe.p999, timeout)},
                   {worst ? short_share(worst->share) : "–"},
                   {format_duration(probe.send_lag_p99)},
                   {verdict_of(probe),
                    probe.word == VerdictWord::pass ? Style::plain : style_of(probe.word)}});
    }
    paper.write(table);
    for (const auto& text : invalid_probes(*result.capacity)) {
        paper.sentence("  INVALID ", text, Style::doubtful);
    }
}

}  // namespace loadline

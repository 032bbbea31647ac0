#include "report/html_certificate.hpp"

#include <fmt/format.h>

#include "base/units.hpp"
#include "report/certificate.hpp"
#include "report/figures.hpp"
#include "report/html_parts.hpp"
#include "report/markup.hpp"

namespace loadline {
namespace {

/// With blanks at which no line is broken.
std::string unbroken(const std::string& text) {
    std::string out;
    for (const char c : text) out += c == ' ' ? std::string{"\u00a0"} : std::string(1, c);
    return out;
}

}  // namespace

std::string certificate_section(const RunResult& result, Duration timeout) {
    if (!result.capacity) return {};
    const auto& capacity = *result.capacity;
    auto out = heading("Certificate", "TPS: completed transactions per second.");
    if (!capacity.probes.empty()) {
        out += chart_frame("curve", "Response time over the load asked for, in transactions/s",
                           "Points: response time of each probe over its load, with the limit, the "
                           "estimate and its interval, the confirmed load and the knee; the tables "
                           "have the figures");
    }
    HtmlTable table{"Certificate", {"", "", "<"}};
    for (const auto& line : certificate_lines(capacity, timeout)) {
        const bool toned = line.tone.has_value();
        table.add({line.name, line.value, line.text}, {}, toned ? tone_of(*line.tone) : "",
                  line.value.empty() ? 2 : 1);
    }
    return out + "<div class=\"certificate\">\n" + table.text() + "</div>\n";
}

std::string probes_section(const RunResult& result, Duration timeout) {
    if (!result.capacity || result.capacity->probes.empty()) return {};
    std::vector<std::string> columns{"Probe", "Rate", "TPS", "Time", "n",
                                     "p50",   "p90",  "p99", "p99.9"};
    for (const auto& clause : result.clauses)
        columns.push_back("Bad: " + unbroken(clause.clause.text));
    columns.insert(columns.end(), {"Lag p99", "<Verdict"});
    HtmlTable table{"Probes", columns};
    for (const auto& p : result.capacity->probes) {
        std::vector<std::string> cells{to_string(p.kind),
                                       format_number(p.rate.per_second()),
                                       format_number(p.transactions_per_s),
                                       length_text(p),
                                       count_text(p.requests),
                                       latency_text(p.p50, timeout),
                                       latency_text(p.p90, timeout),
                                       latency_text(p.p99, timeout),
                                       latency_text(p.p999, timeout)};
        for (std::size_t i = 0; i < result.clauses.size(); ++i) {
            cells.push_back(bad_share_text(p, i));
        }
        const auto why = p.why.empty() ? "" : "  " + p.why;
        cells.insert(cells.end(), {format_duration(p.send_lag_p99), marked(p.word) + why});
        table.add(cells, p.kind == ProbeResult::Kind::hold ? "hold" : "", tone_of(p.word),
                  cells.size() - 1);
    }
    return heading("Probes",
                   "Each probe is one trial at one rate, in journeys/s; the hold is the long one "
                   "that confirms. Bad: the share of requests that were too slow or failed. Lag: "
                   "how late we sent.") +
           "<div class=\"probes\">\n" + table.text() + "</div>\n";
}

}  // namespace loadline

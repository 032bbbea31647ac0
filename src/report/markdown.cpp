#include "report/markdown.hpp"

#include <fmt/format.h>

#include <cassert>
#include <ostream>

#include "base/units.hpp"
#include "report/cause_text.hpp"
#include "report/certificate.hpp"
#include "report/figures.hpp"
#include "report/markup.hpp"

namespace loadline {
namespace {

const char* mark_of(VerdictWord word) {
    switch (word) {
        case VerdictWord::pass:
            return "✅";
        case VerdictWord::fail:
            return "❌";
        case VerdictWord::invalid:
            return "❔";
    }
    return "❔";
}

void write_headline(std::ostream& out, const RunResult& result) {
    const auto head = headline_of(result);
    out << fmt::format("### {} {}: {}\n\n", mark_of(head.tone), head.word,
                       escape_markdown(head.sentence));
    for (const auto& text : head.more) out << "- " << escape_markdown(text) << '\n';
    if (!head.more.empty()) out << '\n';
}

void write_lines(std::ostream& out, const RunResult& result) {
    out << "| | | |\n|:--|--:|:--|\n";
    for (const auto& line : certificate_lines(*result.capacity, timeout_of(result))) {
        const auto value = line.value.empty() ? "" : "**" + escape_markdown(line.value) + "**";
        out << fmt::format("| {} | {} | {} |\n", line.name, value, escape_markdown(line.text));
    }
    out << '\n';
}

void write_slos(std::ostream& out, const RunResult& result) {
    for (const auto& clause : result.clauses) {
        out << fmt::format("- {} {}: {}\n", mark_of(clause.word),
                           escape_markdown(clause.clause.text), actual_text(clause));
    }
    if (!result.clauses.empty()) out << '\n';
}

void write_cause(std::ostream& out, const RunResult& result) {
    if (!result.cause) return;
    out << "**" << cause_title(result) << "**\n\n";
    if (result.cause->findings.empty()) {
        out << "- " << escape_markdown(unknown_text(*result.cause)) << '\n';
    }
    for (const auto& finding : result.cause->findings) {
        auto text = finding.text;
        if (const auto began = began_text(finding); !began.empty()) text += "; " + began;
        out << fmt::format("- `{}` {}\n", finding.code, escape_markdown(text));
    }
    const auto compared = compared_text(*result.cause);
    if (!compared.empty()) out << "- " << escape_markdown(compared) << '\n';
    for (const auto& what : result.not_seen) out << "- not seen: " << escape_markdown(what) << '\n';
    out << '\n';
}

void write_probes(std::ostream& out, const RunResult& result) {
    const auto& probes = result.capacity->probes;
    if (probes.empty()) return;
    out << fmt::format("<details><summary>{} probes</summary>\n\n", probes.size());
    out << "| probe | journeys/s | TPS | time | n | p50 | p90 | p99 | p99.9 |";
    for (const auto& clause : result.clauses) {
        out << " bad: " << escape_markdown(clause.clause.text) << " |";
    }
    out << " lag p99 | verdict |\n|:--|--:|--:|--:|--:|--:|--:|--:|--:|";
    for (std::size_t i = 0; i < result.clauses.size(); ++i) out << "--:|";
    out << "--:|:--|\n";
    const auto timeout = timeout_of(result);
    for (const auto& p : probes) {
        const auto latency = [&](Duration value) {
            return escape_markdown(latency_text(value, timeout));
        };
        out << fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} |", to_string(p.kind),
                           format_number(p.rate.per_second()), format_number(p.transactions_per_s),
                           length_text(p), count_text(p.requests), latency(p.p50), latency(p.p90),
                           latency(p.p99), latency(p.p999));
        for (std::size_t i = 0; i < result.clauses.size(); ++i) {
            out << ' ' << bad_share_text(p, i) << " |";
        }
        out << fmt::format(" {} | {}{} |\n", format_duration(p.send_lag_p99), to_string(p.word),
                           p.why.empty() ? "" : ": " + escape_markdown(p.why));
    }
    out << "\n</details>\n\n";
}

void write_circumstances(std::ostream& out, const RunResult& result) {
    const auto& machine = result.machine;
    const char* arrivals = result.plan->load.arrivals == Arrivals::paced ? "paced" : "poisson";
    const auto text = fmt::format(
        "{} (hash {}) · {} arrivals, seed {} · at most {} connections · {} {}, {} × {} · loadline "
        "{} · {}",
        result.scenario_name, result.scenario_hash, arrivals, result.seed,
        count_text(result.measurement.generator.connections_max), result.threads,
        result.threads == 1 ? "thread" : "threads", machine.cores, machine.cpu_model,
        result.version, iso_utc(result.started_at));
    out << escape_markdown(text) << '\n';
}

}  // namespace

void write_markdown_certificate(std::ostream& out, const RunResult& result) {
    assert(result.capacity);
    write_headline(out, result);
    write_lines(out, result);
    if (!result.capacity->advice.empty()) {
        out << "**Next:** " << escape_markdown(result.capacity->advice) << "\n\n";
    }
    write_slos(out, result);
    write_cause(out, result);
    write_probes(out, result);
    write_circumstances(out, result);
}

}  // namespace loadline

#include <fmt/format.h>

#include <ostream>

#include "base/time.hpp"
#include "report/comparison.hpp"
#include "report/markup.hpp"

namespace loadline {
namespace {

const char* mark_of(CompareWord word) {
    switch (word) {
        case CompareWord::pass:
            return "✅";
        case CompareWord::warn:
            return "⚠️";
        case CompareWord::fail:
            return "❌";
        case CompareWord::inconclusive:
            return "❔";
    }
    return "";
}

void markdown_table(std::ostream& out, const Comparison& c, bool steps) {
    out << "| | base | candidate | change | 95 % | "
        << (c.kind == Comparison::Kind::capacity ? "z" : "p") << " | limit | |\n"
        << "|---|---:|---:|---:|---|---:|---:|---|\n";
    for (const auto& figure : c.figures) {
        if (figure.scope.empty() == steps) continue;
        const auto text = text_of(figure);
        const auto name = steps ? figure.scope + " " + text.name : text.name;
        out << fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", escape_markdown(name),
                           text.base, text.candidate, text.change, text.interval,
                           escape_markdown(text.p), text.limit, text.word);
    }
}

bool has_steps(const Comparison& c) {
    for (const auto& figure : c.figures) {
        if (!figure.scope.empty()) return true;
    }
    return false;
}

std::string details_of(const ComparedFigure& figure) {
    const auto text = text_of(figure);
    auto line = fmt::format("base {}, candidate {}", text.base, text.candidate);
    if (!text.change.empty()) line += ", change " + text.change;
    if (!text.interval.empty()) line += " (95 %: " + text.interval + ")";
    if (!text.p.empty()) line += (figure.z ? ", " : ", p ") + text.p;
    line += ", limit " + text.limit;
    if (!figure.note.empty()) line += "; " + figure.note;
    return escape_html(line);
}

void junit_case(std::ostream& out, const Comparison& c, const ComparedFigure& figure) {
    out << fmt::format("    <testcase classname=\"compare.{}\" name=\"{}\">\n",
                       escape_html(c.scenario_name), escape_html(name_of(figure)));
    const auto details = details_of(figure);
    switch (*figure.word) {
        case CompareWord::fail:
            out << fmt::format("      <failure message=\"{}\"/>\n", details);
            break;
        case CompareWord::inconclusive:
            out << fmt::format("      <skipped message=\"{}\"/>\n", details);
            break;
        case CompareWord::warn:
            out << "      <system-out>WARN: " << details << "</system-out>\n";
            break;
        case CompareWord::pass:
            out << "      <system-out>" << details << "</system-out>\n";
            break;
    }
    out << "    </testcase>\n";
}

}  // namespace

void write_comparison_markdown(std::ostream& out, const Comparison& c) {
    out << fmt::format("### {} {}: {}\n\n", mark_of(c.word), to_string(c.word),
                       escape_markdown(sentence_of(c)));
    for (std::size_t i = 1; i < c.reasons.size(); ++i) {
        out << "- " << escape_markdown(c.reasons[i].text) << '\n';
    }
    if (c.reasons.size() > 1) out << '\n';
    if (const auto setup = setup_text(c); !setup.empty()) {
        out << escape_markdown(c.scenario_name + ": " + setup) << "\n\n";
    }
    if (const auto note = within_process_note(c); !note.empty())
        out << escape_markdown(note) << "\n\n";
    out << fmt::format("base: {}  \ncandidate: {}\n\n", escape_markdown(c.base.source),
                       escape_markdown(c.candidate.source));
    markdown_table(out, c, false);
    if (has_steps(c)) {
        out << "\n<details><summary>steps</summary>\n\n";
        markdown_table(out, c, true);
        out << "\n</details>\n";
    }
    if (!c.notes.empty()) out << '\n';
    for (const auto& note : c.notes) out << "- " << escape_markdown(note) << '\n';
}

void write_comparison_junit(std::ostream& out, const Comparison& c) {
    int tests = 1, failures = c.word == CompareWord::fail, skipped = 0;
    for (const auto& figure : c.figures) {
        if (!figure.word) continue;
        ++tests;
        failures += figure.word == CompareWord::fail;
        skipped += figure.word == CompareWord::inconclusive;
    }
    const int errors = c.word == CompareWord::inconclusive;
    out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        << fmt::format(
               "<testsuites>\n  <testsuite name=\"loadline compare {}\" tests=\"{}\" "
               "failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\" "
               "timestamp=\"{}\">\n",
               escape_html(c.scenario_name), tests, failures, errors, skipped,
               to_seconds(c.elapsed), iso_utc(c.started_at));
    out << fmt::format("    <testcase classname=\"compare.{}\" name=\"verdict\">\n",
                       escape_html(c.scenario_name));
    const auto why = escape_html(sentence_of(c));
    if (c.word == CompareWord::fail) {
        out << fmt::format("      <failure message=\"{}\"/>\n", why);
    } else if (c.word == CompareWord::inconclusive) {
        out << fmt::format("      <error message=\"{}\"/>\n", why);
    } else {
        out << fmt::format("      <system-out>{}: {}</system-out>\n", to_string(c.word), why);
    }
    out << "    </testcase>\n";
    for (const auto& figure : c.figures) {
        if (figure.word) junit_case(out, c, figure);
    }
    out << "  </testsuite>\n</testsuites>\n";
}

}  // namespace loadline

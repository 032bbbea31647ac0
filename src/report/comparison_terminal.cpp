#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "report/comparison.hpp"
#include "report/figures.hpp"
#include "report/text.hpp"

namespace loadline {
namespace {

constexpr std::size_t page_width = 100;

Style style_of(CompareWord word) {
    switch (word) {
        case CompareWord::pass:
            return Style::good;
        case CompareWord::fail:
            return Style::bad;
        case CompareWord::warn:
        case CompareWord::inconclusive:
            return Style::doubtful;
    }
    return Style::plain;
}

/// Takes off the front what fits into `room` columns: whole words, or a part of an endless one.
std::string take_line(std::string& rest, std::size_t room) {
    auto end = rest.size();
    if (display_width(rest) > room) {
        const auto cut = fit(rest, room);
        end = cut.rfind(' ');
        if (end == std::string::npos || end == 0) end = cut.size() - std::string_view{"…"}.size();
    }
    const auto line = rest.substr(0, end);
    rest.erase(0, std::min(rest.find_first_not_of(' ', end), rest.size()));
    return line;
}

/// Breaks between words; the lines that follow are indented by two blanks.
void sentence(std::ostream& out, const std::string& indent, const std::string& text, Style style,
              bool colour) {
    std::string lead = indent, rest = printable(text);
    do {
        const auto line = take_line(rest, page_width - display_width(lead));
        out << lead << styled(line, style, colour) << '\n';
        lead = "  ";
    } while (!rest.empty());
}

/// The word is set off, and measured without its escape sequences.
void headline(std::ostream& out, const Comparison& c, bool colour) {
    const std::string word = to_string(c.word);
    auto rest = printable(sentence_of(c));
    const auto first = take_line(rest, page_width - word.size() - 2);
    out << styled(word, style_of(c.word), colour) << "  " << first << '\n';
    if (!rest.empty()) sentence(out, "  ", rest, Style::plain, colour);
}

void figures(std::ostream& out, const Comparison& c, const std::string& scope, bool colour) {
    const bool gate = c.kind == Comparison::Kind::gate;
    Table table{{{""},
                 {"base"},
                 {"candidate"},
                 {"change"},
                 {gate ? "95 % of the change" : ""},
                 {gate ? "p" : ""},
                 {"limit"},
                 {"", true},
                 {"", true, true}}};
    for (const auto& figure : c.figures) {
        if (figure.scope != scope) continue;
        const auto text = text_of(figure);
        const auto style =
            figure.word && figure.word != CompareWord::pass ? style_of(*figure.word) : Style::plain;
        table.add({{text.name},
                   {text.base},
                   {text.candidate},
                   {text.change, style},
                   {text.interval},
                   {text.p},
                   {text.limit, Style::dim},
                   {text.word, style},
                   {printable(figure.note), Style::dim}});
    }
    if (table.empty()) return;
    const auto title = c.kind == Comparison::Kind::capacity ? std::string{"Capacity"}
                       : scope.empty()                      ? std::string{"All transactions"}
                                                            : "Step " + printable(scope);
    const auto more = c.kind == Comparison::Kind::capacity ? "  transactions/s"
                      : scope.empty()                      ? "  response time"
                      : gate                               ? "  shown, not judged"
                                                           : "";
    out << '\n' << styled(title, Style::bold, colour) << styled(more, Style::dim, colour) << '\n';
    table.write(out, page_width, colour);
}

void sides(std::ostream& out, const Comparison& c, bool colour) {
    Table table{{{""}, {"", true, true}, {"", true}}};
    for (const auto* side : {&c.base, &c.candidate}) {
        table.add({{side == &c.base ? "base" : "candidate", Style::dim},
                   {printable(side->source)},
                   {side->started_at, Style::dim}});
    }
    table.write(out, page_width, colour);
}

}  // namespace

void write_comparison_terminal(std::ostream& out, const Comparison& c, bool colour) {
    headline(out, c, colour);
    for (std::size_t i = 1; i < c.reasons.size(); ++i) {
        sentence(out, "  ", c.reasons[i].text, Style::plain, colour);
    }
    if (const auto setup = setup_text(c); !setup.empty()) {
        sentence(out, "  ", printable(c.scenario_name) + " · " + setup, Style::dim, colour);
    }
    if (const auto note = within_process_note(c); !note.empty()) {
        sentence(out, "  ", note, Style::doubtful, colour);
    }
    sides(out, c, colour);

    std::string scope;
    figures(out, c, scope, colour);
    for (const auto& figure : c.figures) {
        if (figure.scope == scope) continue;
        scope = figure.scope;
        figures(out, c, scope, colour);
    }
    if (!c.notes.empty()) out << '\n';
    for (const auto& note : c.notes) sentence(out, "note: ", note, Style::dim, colour);
}

}  // namespace loadline

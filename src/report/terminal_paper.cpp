#include "report/terminal_paper.hpp"

#include <algorithm>
#include <ostream>

namespace loadline {

Style style_of(VerdictWord word) {
    switch (word) {
        case VerdictWord::pass:
            return Style::good;
        case VerdictWord::fail:
            return Style::bad;
        case VerdictWord::invalid:
            return Style::doubtful;
    }
    return Style::plain;
}

void TerminalPaper::title(std::string_view text, std::string_view more) {
    out_ << '\n' << styled(text, Style::bold, colour_);
    if (!more.empty()) out_ << styled("  " + std::string{more}, Style::dim, colour_);
    out_ << '\n';
}

void TerminalPaper::flow(std::size_t indent, std::string_view text, Style style) {
    std::string rest = printable(text);
    while (display_width(rest) > width - indent) {
        auto end = fit(rest, width - indent).rfind(' ');
        if (end == std::string::npos || end == 0) {
            end = fit(rest, width - indent).size() - std::string_view{"…"}.size();
        }
        out_ << styled(rest.substr(0, end), style, colour_) << '\n' << std::string(indent, ' ');
        rest.erase(0, rest.find_first_not_of(' ', end));
    }
    out_ << styled(rest, style, colour_) << '\n';
}

void TerminalPaper::sentence(std::string_view first_indent, std::string_view text, Style style) {
    out_ << first_indent;
    flow(display_width(first_indent), text, style);
}

void TerminalPaper::worded(std::string_view indent, const std::string& word, Style style,
                           const std::string& text) {
    const auto all = std::string{indent} + word + "  " + printable(text);
    auto end = all.size();
    if (display_width(all) > width) {
        end = fit(all, width).rfind(' ');
        if (end < indent.size() + word.size() + 2) end = all.size();  // one endless word
    }
    out_ << indent << styled(word, style, colour_)
         << all.substr(indent.size() + word.size(), end - indent.size() - word.size()) << '\n';
    const auto rest = all.find_first_not_of(' ', end);
    if (rest != std::string::npos) sentence("  ", all.substr(rest));
}

void TerminalPaper::fact(std::string_view name, std::size_t name_width, std::string_view value,
                         std::size_t value_width, std::string_view text, Style style) {
    const auto blanks = [](std::size_t columns, std::string_view taken) {
        return std::string(columns - std::min(columns, display_width(taken)), ' ');
    };
    out_ << "  " << name << blanks(name_width, name) << "  " << blanks(value_width, value)
         << styled(value, style == Style::plain ? Style::bold : style, colour_) << "  ";
    flow(name_width + value_width + 6, text, value.empty() ? style : Style::plain);
}

void TerminalPaper::blank_line() { out_ << '\n'; }

void TerminalPaper::line(std::string_view text, Style style) {
    out_ << styled(fit(text, width), style, colour_) << '\n';
}

}  // namespace loadline

#pragma once
#include <iosfwd>
#include <string>
#include <string_view>

#include "report/text.hpp"
#include "result/words.hpp"

namespace loadline {

/// The colour of a verdict: good, bad or doubtful.
Style style_of(VerdictWord word);

/// What the terminal summary is written on: 100 columns, with colour or without. Sentences are
/// broken between words; texts from outside are made printable.
class TerminalPaper {
public:
    static constexpr std::size_t width = 100;

    TerminalPaper(std::ostream& out, bool colour) : out_{out}, colour_{colour} {}

    /// A blank line, and the title of a section with what belongs to it in a word or two.
    void title(std::string_view text, std::string_view more = {});

    /// A sentence; its further lines are indented as far as its first.
    void sentence(std::string_view first_indent, std::string_view text, Style style = Style::plain);

    /// A word that is set off, and its sentence; measured without the escape sequences.
    void worded(std::string_view indent, const std::string& word, Style style,
                const std::string& text);

    /// "  name       value  text": name in `name_width` columns, value flush right in
    /// `value_width`, the text beside them broken as a sentence.
    void fact(std::string_view name, std::size_t name_width, std::string_view value,
              std::size_t value_width, std::string_view text, Style style);

    void write(const Table& table) { table.write(out_, width, colour_); }
    void blank_line();
    /// One line, cut at the page's width.
    void line(std::string_view text, Style style);

private:
    /// The rest of a line that already stands at column `indent`, and the lines after it.
    void flow(std::size_t indent, std::string_view text, Style style);

    std::ostream& out_;
    bool colour_;
};

}  // namespace loadline

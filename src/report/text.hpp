#pragma once
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace loadline {

/// The text as it may be shown to people: control characters (also the 8-bit ones and the
/// marks that turn the writing direction) and broken UTF-8 become U+FFFD, line breaks and
/// tabs one blank. Names and replies are hostile input; a terminal would obey them.
std::string printable(std::string_view text);

/// Columns that `text` takes on a terminal: wide characters count twice. Requires UTF-8.
std::size_t display_width(std::string_view text);

/// At most `width` columns of `text`; what is cut off is marked with "…" at the end.
std::string fit(std::string_view text, std::size_t width);

/// How a piece of terminal text is set off where colour is allowed.
enum class Style : unsigned char { plain, bold, dim, good, bad, doubtful };

/// `text` inside the escape sequence of `style`, or as it is without colour.
std::string styled(std::string_view text, Style style, bool colour);

/// Rows of cells in aligned columns, for a terminal.
///
/// The first column is flush left, the others right, except those named with `left`. When
/// the rows are wider than `width`, the columns marked flexible are cut, the first one first.
class Table {
public:
    struct Column {
        std::string title;
        bool left = false;
        bool flexible = false;
    };
    struct Cell {
        std::string text;
        Style style = Style::plain;
    };

    explicit Table(std::vector<Column> columns) : columns_{std::move(columns)} {}

    /// Requires as many cells as there are columns.
    void add(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
    bool empty() const { return rows_.empty(); }

    /// Writes the titles (unless all are empty) and the rows, each indented by two blanks.
    void write(std::ostream& out, std::size_t width, bool colour) const;

private:
    std::vector<std::size_t> widths(std::size_t width) const;

    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

}  // namespace loadline

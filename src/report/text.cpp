#include "report/text.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <ostream>

namespace loadline {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";
constexpr char32_t broken = 0xFFFFFFFF;

struct Decoded {
    char32_t point = broken;
    std::size_t length = 1;
};

/// The first code point of a text that is not empty; overlong forms, surrogates and
/// truncated sequences are broken, one byte at a time.
Decoded decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(0);
    if (first < 0x80) return {first, 1};
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) return {};
    char32_t point = first & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0u) != 0x80) return {};
        point = (point << 6) | (byte(i) & 0x3Fu);
    }
    constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < least[length] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return {};
    return {point, length};
}

bool is_control(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200E && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

/// Columns of one character: 0 for combining marks, 2 for East Asian wide ones and emoji.
std::size_t columns_of(char32_t c) {
    if ((c >= 0x300 && c <= 0x36F) || (c >= 0x200B && c <= 0x200D) ||
        (c >= 0xFE00 && c <= 0xFE0F)) {
        return 0;
    }
    const bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
                      (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
                      (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
                      (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) ||
                      (c >= 0x20000 && c <= 0x3FFFD);
    return wide ? 2 : 1;
}

const char* escape_of(Style style) {
    switch (style) {
        case Style::plain:
            return "";
        case Style::bold:
            return "\x1b[1m";
        case Style::dim:
            return "\x1b[2m";
        case Style::good:
            return "\x1b[1;32m";
        case Style::bad:
            return "\x1b[1;31m";
        case Style::doubtful:
            return "\x1b[1;33m";
    }
    return "";
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto [point, length] = decode(text);
        if (point == '\n' || point == '\t' || point == '\r') {
            out += ' ';
        } else if (point == broken || is_control(point)) {
            out += replacement;
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length);
    }
    return out;
}

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        const auto [point, length] = decode(text);
        width += columns_of(point);
        text.remove_prefix(length);
    }
    return width;
}

std::string fit(std::string_view text, std::size_t width) {
    if (display_width(text) <= width) return std::string{text};
    if (width == 0) return {};
    std::size_t used = 0, end = 0;
    while (end < text.size()) {
        const auto [point, length] = decode(text.substr(end));
        const auto columns = columns_of(point);
        if (used + columns > width - 1) break;  // one column is left for the mark
        used += columns;
        end += length;
    }
    while (end > 0 && text[end - 1] == ' ') --end;
    return std::string{text.substr(0, end)} + "…";
}

std::string styled(std::string_view text, Style style, bool colour) {
    if (!colour || style == Style::plain || text.empty()) return std::string{text};
    return escape_of(style) + std::string{text} + "\x1b[0m";
}

std::vector<std::size_t> Table::widths(std::size_t width) const {
    std::vector<std::size_t> widths;
    std::size_t sum = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        auto widest = display_width(columns_[i].title);
        for (const auto& row : rows_) widest = std::max(widest, display_width(row[i].text));
        widths.push_back(widest);
        sum += widest + 2;
    }
    for (std::size_t i = 0; i < columns_.size() && sum > width; ++i) {
        constexpr std::size_t least = 12;
        if (!columns_[i].flexible || widths[i] <= least) continue;
        const auto cut = std::min(sum - width, widths[i] - least);
        widths[i] -= cut;
        sum -= cut;
    }
    return widths;
}

void Table::write(std::ostream& out, std::size_t width, bool colour) const {
    const auto widths = this->widths(width);
    const auto write_row = [&](const std::vector<Cell>& cells) {
        assert(cells.size() == columns_.size());
        std::string line, pending;  // blanks wait, so that no line ends with them
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const auto text = fit(cells[i].text, widths[i]);
            const std::string padding(widths[i] - display_width(text), ' ');
            const bool left = i == 0 || columns_[i].left;
            pending += "  ";
            if (!left) pending += padding;
            if (!text.empty()) {
                line += pending + styled(text, cells[i].style, colour);
                pending.clear();
            }
            if (left) pending += padding;
        }
        out << line << '\n';
    };

    std::vector<Cell> titles;
    for (const auto& column : columns_) titles.push_back({column.title, Style::dim});
    const bool titled = std::any_of(columns_.begin(), columns_.end(),
                                    [](const Column& c) { return !c.title.empty(); });
    if (titled) write_row(titles);
    for (const auto& row : rows_) write_row(row);
}

}  // namespace loadline

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "scenario/locate.hpp"
#include "scenario/scenario.hpp"

namespace loadline {
namespace {

constexpr std::size_t widest_line = 100;  // columns of the text that are shown
constexpr std::size_t before_caret = 60;  // of a longer line: what is shown before the place

/// One character of a line as a terminal shows it.
struct Glyph {
    std::string text;
    std::size_t width = 1;
    std::size_t offset = 0;  ///< in the whole text
};

/// How many columns of a terminal a character takes: two for East Asian wide ones.
std::size_t width_of(std::uint32_t c) {
    if (c >= 0x300 && c <= 0x36f) return 0;
    const bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
                      (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
                      (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
                      (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
                      (c >= 0x20000 && c <= 0x3fffd);
    return wide ? 2 : 1;
}

/// Reads the UTF-8 character at `at`; its length is 1 and its text "?" where the bytes are none.
Glyph read_glyph(std::string_view text, std::size_t at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead == '\t') return {"    ", 4, at};
    if (lead < 0x20 || lead == 0x7f) return {"?", 1, at};
    if (lead < 0x80) return {std::string{text[at]}, 1, at};
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || at + length > text.size()) return {"?", 1, at};
    std::uint32_t code = lead & (0xffU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        const auto byte = static_cast<unsigned char>(text[at + i]);
        if ((byte & 0xc0) != 0x80) return {"?", 1, at};
        code = code << 6 | (byte & 0x3f);
    }
    return {std::string{text.substr(at, length)}, width_of(code), at};
}

struct Line {
    std::size_t number = 1;
    std::vector<Glyph> glyphs;
};

Line line_at(std::string_view text, std::size_t offset) {
    Line line;
    line.number += static_cast<std::size_t>(
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
    const auto before = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
    auto at = before == std::string_view::npos ? 0 : before + 1;
    auto end = std::min(text.find('\n', at), text.size());
    if (end > at && text[end - 1] == '\r') --end;
    while (at < end) {
        line.glyphs.push_back(read_glyph(text, at));
        const bool plain = line.glyphs.back().text == "?" || text[at] == '\t';
        at += plain ? 1 : line.glyphs.back().text.size();
    }
    return line;
}

std::size_t total_width(const std::vector<Glyph>& glyphs) {
    std::size_t width = 0;
    for (const auto& glyph : glyphs) width += glyph.width;
    return width;
}

/// The part of a long line around glyph `center`, with "..." where something is left out.
void cut_to_window(std::vector<Glyph>& glyphs, std::size_t center) {
    if (total_width(glyphs) <= widest_line) return;
    auto first = std::min(center, glyphs.size());
    for (std::size_t width = 0; first > 0 && width + glyphs[first - 1].width <= before_caret;
         --first) {
        width += glyphs[first - 1].width;
    }
    auto last = first;
    for (std::size_t width = 0; last < glyphs.size() && width + glyphs[last].width <= widest_line;
         ++last) {
        width += glyphs[last].width;
    }
    const bool cut_left = first > 0, cut_right = last < glyphs.size();
    std::vector<Glyph> shown;
    if (cut_left) shown.push_back({"...", 3, 0});
    for (auto i = first; i < last; ++i) shown.push_back(glyphs[i]);
    if (cut_right) shown.push_back({"...", 3, SIZE_MAX});
    glyphs = std::move(shown);
}

/// The line with its number, and the caret and tildes under `range`.
std::string show_line(const Line& line, TextRange range) {
    auto glyphs = line.glyphs;
    const auto first_inside = std::find_if(glyphs.begin(), glyphs.end(),
                                           [&](const Glyph& g) { return g.offset >= range.begin; });
    cut_to_window(glyphs, static_cast<std::size_t>(first_inside - glyphs.begin()));
    std::string shown, under;
    std::size_t blanks = 0, marks = 0;
    for (const auto& glyph : glyphs) {
        shown += glyph.text;
        if (glyph.offset < range.begin) blanks += glyph.width;
        if (glyph.offset >= range.begin && glyph.offset < range.end) marks += glyph.width;
    }
    under.append(blanks, ' ');
    under += '^';
    if (marks > 1) under.append(marks - 1, '~');
    return fmt::format("{:5} | {}\n      | {}\n", line.number, shown, under);
}

std::size_t column_of(const Line& line, std::size_t offset) {
    std::size_t column = 1;
    for (const auto& glyph : line.glyphs) column += glyph.offset < offset ? 1 : 0;
    return column;
}

/// Finds the places of diagnostics; scans the text once, and only when one is asked for.
class Places {
public:
    explicit Places(std::string_view text) : text_{text} {}

    TextRange of(const Diagnostic& diagnostic) {
        if (diagnostic.offset >= 0) return token_at(static_cast<std::size_t>(diagnostic.offset));
        const auto* located = find(diagnostic.pointer);
        if (located == nullptr) return {0, 0};
        const bool exact = located->pointer == diagnostic.pointer;
        if (diagnostic.about_key && exact && located->key) return *located->key;
        if (!diagnostic.part.empty() && exact) {
            const auto inside =
                text_.substr(located->value.begin, located->value.end - located->value.begin);
            if (const auto at = inside.find(diagnostic.part); at != std::string_view::npos) {
                return {located->value.begin + at,
                        located->value.begin + at + diagnostic.part.size()};
            }
        }
        return shorten(located->value);
    }

private:
    /// The value itself, or the nearest one around it when it is not in the text.
    const LocatedValue* find(std::string_view pointer) {
        if (!scanned_) values_ = locate_values(text_);
        scanned_ = true;
        while (true) {
            for (const auto& value : values_) {
                if (value.pointer == pointer) return &value;
            }
            const auto slash = pointer.rfind('/');
            if (slash == std::string_view::npos) return nullptr;
            pointer = pointer.substr(0, slash);
        }
    }

    /// Containers are underlined at their bracket only.
    TextRange shorten(TextRange value) const {
        const char first = text_[value.begin];
        return first == '{' || first == '[' ? TextRange{value.begin, value.begin + 1} : value;
    }

    TextRange token_at(std::size_t offset) const {
        offset = std::min(offset, text_.size());
        for (const auto& token : split_tokens(text_)) {
            if (token.begin <= offset && offset < token.end) return {offset, token.end};
        }
        return {offset, offset};
    }

    std::string_view text_;
    std::vector<LocatedValue> values_;
    bool scanned_ = false;
};

std::string format_one(std::string_view text, const std::filesystem::path& file,
                       const Diagnostic& diagnostic, TextRange range) {
    std::string out;
    if (diagnostic.of_flag) {
        out = fmt::format("error: {}\n", diagnostic.message);
    } else {
        const auto line = line_at(text, std::min(range.begin, text.size()));
        out = fmt::format("{}:{}:{}: error: {}\n", file.string(), line.number,
                          column_of(line, range.begin), diagnostic.message);
        out += show_line(line, range);
    }
    if (!diagnostic.hint.empty()) out += fmt::format("   hint: {}\n", diagnostic.hint);
    return out;
}

}  // namespace

std::string format_diagnostics(const std::string& text, const std::filesystem::path& file,
                               const std::vector<Diagnostic>& diagnostics) {
    struct Item {
        const Diagnostic* diagnostic;
        TextRange range;
    };
    Places places{text};
    std::vector<Item> items;
    for (const auto& diagnostic : diagnostics) {
        items.push_back({&diagnostic, diagnostic.of_flag ? TextRange{} : places.of(diagnostic)});
    }
    std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
        if (a.diagnostic->of_flag != b.diagnostic->of_flag) return a.diagnostic->of_flag;
        return a.range.begin < b.range.begin;
    });
    std::string out;
    for (const auto& [diagnostic, range] : items) out += format_one(text, file, *diagnostic, range);
    out +=
        fmt::format("{} error{}; nothing was sent\n", items.size(), items.size() == 1 ? "" : "s");
    return out;
}

}  // namespace loadline

#include "report/html_parts.hpp"

#include <fmt/format.h>

#include "report/markup.hpp"

namespace loadline {

const char* tone_of(VerdictWord word) {
    switch (word) {
        case VerdictWord::pass:
            return "pass";
        case VerdictWord::fail:
            return "fail";
        case VerdictWord::invalid:
            return "invalid";
    }
    return "invalid";
}

std::string marked(VerdictWord word) {
    const char* mark = word == VerdictWord::pass ? "✓ " : word == VerdictWord::fail ? "✗ " : "? ";
    return mark + std::string{to_string(word)};
}

std::string chart_frame(const char* id, const char* title, const char* description) {
    return fmt::format(
        "<figure id=\"{}\"><figcaption><span>{}</span></figcaption>\n"
        "<div class=\"legend\" aria-hidden=\"true\"></div>\n"
        "<div class=\"chart\" role=\"img\" aria-label=\"{}\"></div></figure>\n",
        id, title, description);
}

std::string heading(std::string_view text, std::string_view sub) {
    auto out = fmt::format("<h2>{}</h2>\n", escape_html(text));
    if (!sub.empty()) out += fmt::format("<p class=\"sub\">{}</p>\n", escape_html(sub));
    return out;
}

std::string note(std::string_view text) {
    return fmt::format("<p class=\"note\">{}</p>\n", escape_html(text));
}

}  // namespace loadline

#include "report/markup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cctype>

#include "report/text.hpp"

namespace loadline {
namespace {

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    if (what.empty()) return;
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
        text.replace(at, what.size(), with);
    }
}

bool carries_credentials(std::string_view header) {
    std::string name{header.substr(0, header.find(':'))};
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const char* part : {"authorization", "cookie", "token", "key", "secret", "password"}) {
        if (name.find(part) != std::string::npos) return true;
    }
    return false;
}

/// "redis://:hunter2@host" becomes "redis://***@host".
void mask_user_of_url(std::string& text) {
    const auto scheme = text.find("://");
    if (scheme == std::string::npos) return;
    const auto host_end = std::min(text.find_first_of("/?#", scheme + 3), text.size());
    const auto at = text.substr(0, host_end).rfind('@');
    if (at != std::string::npos && at > scheme) text.replace(scheme + 3, at - scheme - 3, "***");
}

std::string in_quotes(const std::string& text) {
    const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) ||
               std::string_view{"-_./:=,@%+*"}.find(static_cast<char>(c)) != std::string_view::npos;
    });
    if (plain) return text;
    auto inner = text;
    replace_all(inner, "'", "'\\''");
    return "'" + inner + "'";
}

}  // namespace

std::string escape_html(std::string_view text) {
    std::string out;
    for (const char c : printable(text)) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string escape_markdown(std::string_view text) {
    std::string out;
    for (const char c : printable(text)) {
        if (std::string_view{"\\`*_[]<>|#~&"}.find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

std::string escape_script(std::string json) {
    replace_all(json, "<", "\\u003c");  // only strings of JSON hold one
    return json;
}

std::string fill(std::string_view text,
                 const std::map<std::string_view, std::string_view>& values) {
    std::string out;
    while (true) {
        const auto open = text.find("{{");
        const auto close = text.find("}}", open);
        if (open == std::string_view::npos || close == std::string_view::npos) break;
        out += text.substr(0, open);
        const auto value = values.find(text.substr(open + 2, close - open - 2));
        out += value == values.end() ? text.substr(open, close + 2 - open) : value->second;
        text.remove_prefix(close + 2);
    }
    return out += text;
}

std::string shown_arguments(const std::vector<std::string>& arguments,
                            const std::vector<std::string>& secrets) {
    std::string out;
    bool header = false;
    for (auto argument : arguments) {
        const bool follows = header;
        header = argument == "-H" || argument == "--header";
        for (const auto& secret : secrets) replace_all(argument, secret, "***");
        const auto start = argument.starts_with("--header=") ? 9u
                           : argument.starts_with("-H")      ? 2u
                                                             : 0u;
        if ((follows || start > 0) &&
            carries_credentials(std::string_view{argument}.substr(start))) {
            argument.replace(std::min(argument.find(':'), argument.size()), std::string::npos,
                             ": ***");
        }
        mask_user_of_url(argument);
        out += (out.empty() ? "" : " ") + in_quotes(argument);
    }
    return out;
}

HtmlTable::HtmlTable(std::string_view caption, const std::vector<std::string>& columns)
    : caption_{escape_html(caption)} {
    bool titled = false;
    std::string cells;
    for (const auto& column : columns) {
        const bool left = column.starts_with('<');
        const auto title = column.substr(left ? 1 : 0);
        left_.push_back(left);
        titled = titled || !title.empty();
        cells += fmt::format("<th scope=\"col\"{}>{}</th>", left ? " class=\"text\"" : "",
                             escape_html(title));
    }
    if (titled) head_ = "<thead><tr>" + cells + "</tr></thead>\n";
}

void HtmlTable::add(const std::vector<std::string>& cells, std::string_view classes,
                    std::string_view tone, std::size_t toned) {
    assert(cells.size() == left_.size());
    rows_ += classes.empty() ? "<tr>" : fmt::format("<tr class=\"{}\">", classes);
    for (std::size_t i = 0; i < cells.size(); ++i) {
        std::string style = left_[i] ? "text" : "";
        if (i == toned && !tone.empty()) style += (style.empty() ? "" : " ") + std::string{tone};
        if (!style.empty()) style = " class=\"" + style + "\"";
        const char* tag = i == 0 ? "th" : "td";
        rows_ += fmt::format("<{}{}{}>{}</{}>", tag, i == 0 ? " scope=\"row\"" : "", style,
                             escape_html(cells[i]), tag);
    }
    rows_ += "</tr>\n";
}

std::string HtmlTable::text() const {
    return fmt::format(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
        "aria-label=\"{}\"><table{}>\n{}<tbody>\n{}</tbody>\n</table></div>\n",
        caption_, head_.empty() ? " class=\"facts\"" : "", head_, rows_);
}

}  // namespace loadline

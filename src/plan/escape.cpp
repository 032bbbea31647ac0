#include "plan/escape.hpp"

#include <cstdint>

namespace loadline {
namespace {

constexpr char hex_upper[] = "0123456789ABCDEF";
constexpr char hex_lower[] = "0123456789abcdef";

constexpr bool needs_json_escape(unsigned char c) { return c < 0x20 || c == '"' || c == '\\'; }

constexpr bool is_unreserved(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/// What may not stand in a request target as it is; '%' stays, so that a text that is
/// encoded already is not encoded twice.
constexpr bool needs_path_escape(unsigned char c) {
    return c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' ||
           c == '`' || c == '{' || c == '|' || c == '}' || c == '#';
}

constexpr bool breaks_header(unsigned char c) { return c == '\r' || c == '\n' || c == '\0'; }
constexpr bool needs_form_escape(unsigned char c) { return !is_unreserved(c); }

/// Appends the runs that need nothing as a whole and each other character through `replace`.
template <class Special, class Replace>
void append_runs(std::string_view text, Special special, Replace replace, std::string& out) {
    std::size_t from = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (!special(c)) continue;
        out.append(text, from, i - from);
        replace(c);
        from = i + 1;
    }
    out.append(text, from);
}

void append_percent(unsigned char c, std::string& out) {
    const char code[] = {'%', hex_upper[c >> 4], hex_upper[c & 15]};
    out.append(code, sizeof code);
}

void append_json_escape(unsigned char c, std::string& out) {
    switch (c) {
        case '"':
            out.append("\\\"");
            return;
        case '\\':
            out.append("\\\\");
            return;
        case '\n':
            out.append("\\n");
            return;
        case '\r':
            out.append("\\r");
            return;
        case '\t':
            out.append("\\t");
            return;
        default:
            break;
    }
    const char code[] = {'\\', 'u', '0', '0', hex_lower[c >> 4], hex_lower[c & 15]};
    out.append(code, sizeof code);
}

void append_json_string(std::string_view text, std::string& out) {
    append_runs(
        text, needs_json_escape, [&](unsigned char c) { append_json_escape(c, out); }, out);
}

}  // namespace

void append_escaped(std::string_view text, bool number, Template::Escape escape, std::string& out) {
    switch (escape) {
        case Template::Escape::none:
            out.append(text);
            return;
        case Template::Escape::json_string:
            append_json_string(text, out);
            return;
        case Template::Escape::json_value:
            if (number) {
                out.append(text);
            } else {
                out.push_back('"');
                append_json_string(text, out);
                out.push_back('"');
            }
            return;
        case Template::Escape::header:
            append_runs(
                text, breaks_header, [](unsigned char) {}, out);
            return;
        case Template::Escape::path:
            append_runs(
                text, needs_path_escape, [&](unsigned char c) { append_percent(c, out); }, out);
            return;
        case Template::Escape::form:
            append_runs(
                text, needs_form_escape,
                [&](unsigned char c) { c == ' ' ? out.push_back('+') : append_percent(c, out); },
                out);
            return;
    }
}

void append_base64(std::string_view text, std::string& out) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::size_t i = 0;
    const auto byte = [&](std::size_t at) {
        return at < text.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(text[at]))
                                : 0U;
    };
    for (; i < text.size(); i += 3) {
        const auto bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
        const char quad[] = {digits[bits >> 18], digits[bits >> 12 & 63],
                             i + 1 < text.size() ? digits[bits >> 6 & 63] : '=',
                             i + 2 < text.size() ? digits[bits & 63] : '='};
        out.append(quad, sizeof quad);
    }
}

}  // namespace loadline

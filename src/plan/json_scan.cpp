#include "plan/json_scan.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>

#include "plan/extract.hpp"

namespace loadline {
namespace {

/// The first '"' or '\\' in [at, end), or end. Looks at eight bytes at a time: a byte of
/// `word ^ pattern` is zero where it is the character, and the classic borrow trick marks
/// the lowest zero byte. (A mark above a true one may be false; the lowest never is.)
const char* find_string_mark(const char* at, const char* end) {
    constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    const auto zero_bytes = [](std::uint64_t x) { return (x - ones) & ~x & highs; };
    if constexpr (std::endian::native == std::endian::little) {
        for (; end - at >= 8; at += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, at, 8);
            const auto marks = zero_bytes(word ^ ones * '"') | zero_bytes(word ^ ones * '\\');
            if (marks != 0) return at + std::countr_zero(marks) / 8;
        }
    }
    while (at != end && *at != '"' && *at != '\\') ++at;
    return at;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Moves over JSON text without building anything. Every step returns false at the end
/// of the text or on a character that cannot stand there.
class Cursor {
public:
    explicit Cursor(std::string_view json) : at_{json.data()}, end_{json.data() + json.size()} {}

    const char* at() const { return at_; }

    void skip_blanks() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
    }
    bool take(char c) {
        if (at_ == end_ || *at_ != c) return false;
        ++at_;
        return true;
    }
    bool looking_at(char c) const { return at_ != end_ && *at_ == c; }

    /// Over a string; `inside` is its raw text without the quotes.
    bool string(std::string_view& inside, bool& escaped) {
        if (!take('"')) return false;
        const char* const from = at_;
        const char* at = from;
        escaped = false;
        while (true) {
            at = find_string_mark(at, end_);
            if (at == end_) break;
            if (*at == '"') {
                inside = {from, static_cast<std::size_t>(at - from)};
                at_ = at + 1;
                return true;
            }
            escaped = true;
            if (++at == end_) break;
            ++at;
        }
        at_ = end_;
        return false;
    }

    /// Over one value of any kind. Containers are skipped by counting brackets.
    bool value(bool may_end_text) {
        skip_blanks();
        if (at_ == end_) return false;
        if (*at_ == '"') {
            std::string_view inside;
            bool escaped = false;
            return string(inside, escaped);
        }
        if (*at_ == '{' || *at_ == '[') return container();
        return scalar() && (may_end_text || at_ != end_);  // a cut-off body: 12 may be 123
    }

private:
    bool container() {
        std::size_t depth = 0;
        std::string_view inside;
        bool escaped = false;
        while (at_ != end_) {
            switch (*at_) {
                case '"':
                    if (!string(inside, escaped)) return false;
                    continue;
                case '{':
                case '[':
                    ++depth;
                    break;
                case '}':
                case ']':
                    ++at_;
                    if (--depth == 0) return true;
                    continue;
                default:
                    break;
            }
            ++at_;
        }
        return false;
    }

    bool scalar() {
        switch (*at_) {
            case 't':
                return word("true");
            case 'f':
                return word("false");
            case 'n':
                return word("null");
            default:
                return number();
        }
    }

    bool word(std::string_view literal) {
        if (static_cast<std::size_t>(end_ - at_) < literal.size()) return false;
        if (std::memcmp(at_, literal.data(), literal.size()) != 0) return false;
        at_ += literal.size();
        return true;
    }

    bool digits() {
        const char* from = at_;
        while (at_ != end_ && is_digit(*at_)) ++at_;
        return at_ != from;
    }

    bool number() {
        take('-');
        if (!digits()) return false;
        if (take('.') && !digits()) return false;
        if (at_ == end_ || (*at_ != 'e' && *at_ != 'E')) return true;
        ++at_;
        if (!take('+')) take('-');
        return digits();
    }

    const char* at_;
    const char* end_;
};

/// Whether a reference token ("a~1b") names this key, which has no escapes. A token with
/// "~" is longer than its key, so nearly every other key is told apart by its length.
bool same_key(std::string_view token, std::string_view key) {
    if (token.size() < key.size()) return false;
    if (token.size() == key.size()) {
        return std::memcmp(token.data(), key.data(), key.size()) == 0 &&
               token.find('~') == std::string_view::npos;
    }
    std::size_t k = 0;
    for (std::size_t i = 0; i < token.size(); ++i, ++k) {
        char c = token[i];
        if (c == '~' && i + 1 < token.size()) c = token[++i] == '1' ? '/' : '~';
        if (k == key.size() || key[k] != c) return false;
    }
    return k == key.size();
}

/// To the value of the member that `token` names.
ScanEnd enter_object(Cursor& cursor, std::string_view token) {
    cursor.take('{');
    cursor.skip_blanks();
    while (true) {
        std::string_view key;
        bool escaped = false;
        if (!cursor.string(key, escaped)) return ScanEnd::missing;
        if (escaped) return ScanEnd::escaped_key;
        cursor.skip_blanks();
        if (!cursor.take(':')) return ScanEnd::missing;
        if (same_key(token, key)) return ScanEnd::found;
        if (!cursor.value(false)) return ScanEnd::missing;
        cursor.skip_blanks();
        if (!cursor.take(',')) return ScanEnd::missing;
        cursor.skip_blanks();
    }
}

/// To the element that `token` counts.
ScanEnd enter_array(Cursor& cursor, std::string_view token) {
    std::size_t index = 0;
    const auto [rest, ec] = std::from_chars(token.data(), token.data() + token.size(), index);
    if (ec != std::errc{} || rest != token.data() + token.size()) return ScanEnd::missing;
    if (token.size() > 1 && token[0] == '0') return ScanEnd::missing;
    cursor.take('[');
    for (; index > 0; --index) {
        if (!cursor.value(false)) return ScanEnd::missing;
        cursor.skip_blanks();
        if (!cursor.take(',')) return ScanEnd::missing;
    }
    return ScanEnd::found;
}

void append_utf8(std::uint32_t c, std::string& out) {
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xc0 | c >> 6);
        put(0x80 | (c & 63));
    } else if (c < 0x10000) {
        put(0xe0 | c >> 12);
        put(0x80 | (c >> 6 & 63));
        put(0x80 | (c & 63));
    } else {
        put(0xf0 | c >> 18);
        put(0x80 | (c >> 12 & 63));
        put(0x80 | (c >> 6 & 63));
        put(0x80 | (c & 63));
    }
}

bool read_hex4(std::string_view text, std::size_t at, std::uint32_t& code) {
    if (at + 4 > text.size()) return false;
    const auto end = text.data() + at + 4;
    const auto [rest, ec] = std::from_chars(text.data() + at, end, code, 16);
    return ec == std::errc{} && rest == end;
}

/// Appends the character of a \u escape whose four digits start at `at`; `at` moves over
/// it, and over the second half of a surrogate pair.
bool append_unicode(std::string_view text, std::size_t& at, std::string& out) {
    std::uint32_t code = 0;
    if (!read_hex4(text, at, code)) return false;
    at += 4;
    if (code >= 0xd800 && code < 0xdc00 && text.substr(at, 2) == "\\u") {
        std::uint32_t low = 0;
        if (!read_hex4(text, at + 2, low)) return false;
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            at += 6;
        }
    }
    append_utf8(code >= 0xd800 && code < 0xe000 ? 0xfffd : code, out);
    return true;
}

/// The slow way, for keys with escapes.
bool scan_with_parser(std::string_view json, std::string_view pointer, Value& out) {
    const auto document = nlohmann::ordered_json::parse(json, nullptr, false);
    if (document.is_discarded()) return false;
    const nlohmann::ordered_json* value = nullptr;
    try {
        const nlohmann::ordered_json::json_pointer path{std::string{pointer}};
        if (!document.contains(path)) return false;
        value = &document.at(path);
    } catch (const nlohmann::ordered_json::exception&) {
        return false;  // a pointer that is none
    }
    out.text = value->is_string() ? value->get<std::string>() : value->dump();
    out.number = value->is_number();
    return true;
}

}  // namespace

RawValue find_raw(std::string_view json, std::string_view pointer) {
    Cursor cursor{json};
    const bool whole = pointer.empty();
    while (!pointer.empty()) {
        if (pointer[0] != '/') return {};
        pointer.remove_prefix(1);
        const auto token = pointer.substr(0, pointer.find('/'));
        pointer.remove_prefix(token.size());
        cursor.skip_blanks();
        const auto end = cursor.looking_at('{')   ? enter_object(cursor, token)
                         : cursor.looking_at('[') ? enter_array(cursor, token)
                                                  : ScanEnd::missing;
        if (end != ScanEnd::found) return {end, {}};
    }
    cursor.skip_blanks();
    const char* from = cursor.at();
    if (!cursor.value(whole)) return {};
    return {ScanEnd::found, {from, static_cast<std::size_t>(cursor.at() - from)}};
}

bool unescape_json(std::string_view raw, std::string& out) {
    raw = raw.substr(1, raw.size() - 2);
    auto slash = raw.find('\\');
    out.assign(raw, 0, std::min(slash, raw.size()));
    while (slash != std::string_view::npos) {
        auto at = slash + 2;
        switch (raw[slash + 1]) {
            case '"':
                out.push_back('"');
                break;
            case '\\':
                out.push_back('\\');
                break;
            case '/':
                out.push_back('/');
                break;
            case 'b':
                out.push_back('\b');
                break;
            case 'f':
                out.push_back('\f');
                break;
            case 'n':
                out.push_back('\n');
                break;
            case 'r':
                out.push_back('\r');
                break;
            case 't':
                out.push_back('\t');
                break;
            case 'u':
                if (!append_unicode(raw, at, out)) return false;
                break;
            default:
                return false;
        }
        slash = raw.find('\\', at);
        out.append(raw, at, slash == std::string_view::npos ? slash : slash - at);
    }
    return true;
}

bool scan_json(std::string_view json, std::string_view pointer, Value& out) {
    const auto raw = find_raw(json, pointer);
    if (raw.end == ScanEnd::escaped_key) return scan_with_parser(json, pointer, out);
    if (raw.end == ScanEnd::missing) return false;
    const char first = raw.text[0];
    out.number = first == '-' || is_digit(first);
    if (first == '"') return unescape_json(raw.text, out.text);
    out.text.assign(raw.text);
    return true;
}

}  // namespace loadline

#include "net/http_plain_reply.hpp"

#include <strings.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace loadline {
namespace {

constexpr std::size_t longest_head = 4096;
constexpr std::size_t most_digits = 15;  // of a length: no overflow below

constexpr std::array<bool, 256> token_characters = [] {
    std::array<bool, 256> is{};
    for (int c = '0'; c <= '9'; ++c) is[static_cast<std::size_t>(c)] = true;
    for (int c = 'a'; c <= 'z'; ++c) is[static_cast<std::size_t>(c)] = true;
    for (int c = 'A'; c <= 'Z'; ++c) is[static_cast<std::size_t>(c)] = true;
    for (const char c : std::string_view{"!#$%&'*+-.^_`|~"}) is[static_cast<std::size_t>(c)] = true;
    return is;
}();

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The first control character (below a blank, or DEL) from `at` on; `end` when there is none.
/// Eight bytes at a time: the lowest bit set by either subtraction is exact, since borrows
/// only travel upwards.
const char* first_control(const char* at, const char* end) {
    static_assert(std::endian::native == std::endian::little);
    constexpr std::uint64_t ones = 0x0101010101010101, tops = ones << 7;
    for (; end - at >= 8; at += 8) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, at, sizeof eight);
        const auto low = (eight - ones * 0x20) & ~eight;
        const auto del = eight ^ ones * 0x7f;
        const auto found = (low | ((del - ones) & ~del)) & tops;
        if (found != 0) return at + std::countr_zero(found) / 8;
    }
    while (at != end && static_cast<unsigned char>(*at) >= 0x20 && *at != 0x7f) ++at;
    return at;
}

/// Goes behind a line end; null when there is none.
const char* behind_line_end(const char* at, const char* end) {
    return end - at >= 2 && at[0] == '\r' && at[1] == '\n' ? at + 2 : nullptr;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

bool same(std::string_view name, std::string_view lower_case) {
    return name.size() == lower_case.size() &&
           ::strncasecmp(name.data(), lower_case.data(), name.size()) == 0;
}

/// What a field means for the framing.
enum class Meaning { none, length, not_plain };

Meaning meaning_of(std::string_view name, std::string_view value) {
    switch (name.size()) {  // most fields are told apart by their length alone
        case 7:
            return same(name, "upgrade") ? Meaning::not_plain : Meaning::none;
        case 10:
            if (!same(name, "connection")) return Meaning::none;
            return same(value, "keep-alive") ? Meaning::none : Meaning::not_plain;
        case 14:
            return same(name, "content-length") ? Meaning::length : Meaning::none;
        case 16:
            return same(name, "proxy-connection") ? Meaning::not_plain : Meaning::none;
        case 17:
            return same(name, "transfer-encoding") ? Meaning::not_plain : Meaning::none;
        default:
            return Meaning::none;
    }
}

std::optional<std::size_t> to_length(std::string_view digits) {
    if (digits.empty() || digits.size() > most_digits) return {};
    std::size_t length = 0;
    for (const char c : digits) {
        if (!is_digit(c)) return {};
        length = 10 * length + static_cast<std::size_t>(c - '0');
    }
    return length;
}

/// The status of "HTTP/1.1 200 OK\r\n", and where the line ends; nothing when it is not plain.
struct StatusLine {
    int status;
    const char* end;
};
std::optional<StatusLine> read_status_line(const char* at, const char* end) {
    constexpr std::string_view version = "HTTP/1.1 ";
    if (end - at < 15 || std::memcmp(at, version.data(), version.size()) != 0) return {};
    at += version.size();
    if (!is_digit(at[0]) || !is_digit(at[1]) || !is_digit(at[2]) || at[3] != ' ') return {};
    const int status = 100 * (at[0] - '0') + 10 * (at[1] - '0') + (at[2] - '0');
    if (status < 200 || status == 204 || status == 304) return {};  // these have no body
    const auto* behind = behind_line_end(first_control(at + 4, end), end);
    if (behind == nullptr) return {};
    return StatusLine{status, behind};
}

}  // namespace

std::optional<PlainReply> read_plain_reply(std::string_view data) {
    const char* const start = data.data();
    const char* const end = start + data.size();
    const auto line = read_status_line(start, end);
    if (!line) return {};

    std::optional<std::size_t> length;
    const char* at = line->end;
    while (at != end && *at != '\r') {
        const char* const name = at;
        while (at != end && token_characters[static_cast<unsigned char>(*at)]) ++at;
        if (at == end || at == name || *at != ':') return {};
        const std::string_view field{name, static_cast<std::size_t>(at - name)};
        const char* const value = at + 1;
        const char* const stop = first_control(value, end);
        at = behind_line_end(stop, end);
        if (at == nullptr) return {};
        const auto text = trimmed({value, static_cast<std::size_t>(stop - value)});
        switch (meaning_of(field, text)) {
            case Meaning::none:
                break;
            case Meaning::not_plain:
                return {};
            case Meaning::length:
                if (length) return {};
                length = to_length(text);
                if (!length) return {};
                break;
        }
    }
    const std::string_view fields{line->end, static_cast<std::size_t>(at - line->end)};
    const char* const body = behind_line_end(at, end);
    if (body == nullptr || !length || static_cast<std::size_t>(body - start) > longest_head) {
        return {};
    }
    if (static_cast<std::size_t>(end - body) < *length) return {};
    return PlainReply{
        line->status, fields, {body, *length}, static_cast<std::size_t>(body - start) + *length};
}

}  // namespace loadline

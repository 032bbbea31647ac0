#include "stats/hlog.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <istream>
#include <ostream>
#include <vector>

namespace loadline {
namespace {

using Bytes = std::vector<std::uint8_t>;

// HdrHistogram's "V2" encoding; 0x10 marks counts as ZigZag LEB128.
constexpr std::uint32_t compressed_cookie = 0x1c849304 | 0x10;
constexpr std::uint32_t plain_cookie = 0x1c849303 | 0x10;
constexpr std::size_t header_size = 40;
constexpr std::uint32_t digits = 3;
constexpr std::uint64_t lowest = 1;
constexpr std::uint64_t highest = std::uint64_t{Histogram::unanswered.count()};

void put_big_endian(Bytes& out, std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
        out.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

std::uint64_t get_big_endian(const std::uint8_t* at, int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | at[i];
    return value;
}

/// ZigZag LEB128 of at most nine bytes: the ninth carries eight bits.
void put_zigzag(Bytes& out, std::int64_t value) {
    std::uint64_t rest =
        (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
    for (int i = 0; i < 8 && rest >= 0x80; ++i, rest >>= 7) {
        out.push_back(static_cast<std::uint8_t>(rest | 0x80));
    }
    out.push_back(static_cast<std::uint8_t>(rest));
}

/// Reads one number and moves `at` behind it; false when the bytes end inside it.
bool get_zigzag(const std::uint8_t*& at, const std::uint8_t* end, std::int64_t& value) {
    std::uint64_t word = 0;
    for (int i = 0; i < 9; ++i) {
        if (at == end) return false;
        const std::uint64_t byte = *at++;
        if (i == 8) {
            word |= byte << 56;
            break;
        }
        word |= (byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) break;
    }
    value = static_cast<std::int64_t>(word >> 1) ^ -static_cast<std::int64_t>(word & 1);
    return true;
}

/// Counts up to the last one that is not zero; a run of zeros is one negative number.
Bytes encode_counts(std::span<const std::uint64_t> counts) {
    while (!counts.empty() && counts.back() == 0) counts = counts.first(counts.size() - 1);
    Bytes out;
    for (std::size_t i = 0; i < counts.size();) {
        std::size_t next = i;
        while (next < counts.size() && counts[next] == 0) ++next;
        const auto zeros = static_cast<std::int64_t>(next - i);
        if (zeros == 0) {
            put_zigzag(out, static_cast<std::int64_t>(counts[i]));
            ++i;
        } else {
            put_zigzag(out, zeros > 1 ? -zeros : 0);
            i = next;
        }
    }
    return out;
}

Bytes encode_plain(const Histogram& histogram) {
    const Bytes counts = encode_counts(histogram.counts());
    Bytes out;
    out.reserve(header_size + counts.size());
    put_big_endian(out, plain_cookie, 4);
    put_big_endian(out, counts.size(), 4);
    put_big_endian(out, 0, 4);  // normalizing index offset
    put_big_endian(out, digits, 4);
    put_big_endian(out, lowest, 8);
    put_big_endian(out, highest, 8);
    put_big_endian(out, std::bit_cast<std::uint64_t>(1.0), 8);  // integer-to-double ratio
    out.insert(out.end(), counts.begin(), counts.end());
    return out;
}

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string to_base64(const Bytes& bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t word = 0;
        for (std::size_t k = 0; k < 3; ++k) word = word << 8 | (k < n ? bytes[i + k] : 0u);
        for (std::size_t k = 0; k < 4; ++k) {
            out += k <= n ? alphabet[word >> (18 - 6 * k) & 63] : '=';
        }
    }
    return out;
}

std::optional<Bytes> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=')
        ++padding;
    Bytes out;
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool pad = i >= text.size() - padding;
        const auto digit = pad ? 0 : alphabet.find(text[i]);
        if (digit == std::string_view::npos) return std::nullopt;
        word = word << 6 | static_cast<std::uint32_t>(digit);
        if (i % 4 == 3) put_big_endian(out, word & 0xffffff, 3);
    }
    for (; padding > 0; --padding) out.pop_back();
    return out;
}

Error not_ours(std::string_view why) {
    return usage_error("not a histogram that loadline wrote: " + std::string{why});
}

/// Undoes zlib. Bounded by the largest payload that counts_size buckets can have.
Result<Bytes> inflate(const std::uint8_t* data, std::size_t size) {
    Bytes plain(header_size + 9 * Histogram::counts_size);
    uLongf length = plain.size();
    if (uncompress(plain.data(), &length, data, size) != Z_OK) return not_ours("broken zlib data");
    plain.resize(length);
    return plain;
}

Result<Histogram> decode_counts(const std::uint8_t* at, const std::uint8_t* end) {
    Histogram histogram;
    std::size_t index = 0;
    while (at != end) {
        std::int64_t value = 0;
        if (!get_zigzag(at, end, value)) return not_ours("truncated counts");
        const std::uint64_t run = value < 0 ? -static_cast<std::uint64_t>(value) : 1;
        if (run > Histogram::counts_size - index) return not_ours("more buckets than an hour has");
        if (value > 0) histogram.add(index, static_cast<std::uint64_t>(value));
        index += run;
    }
    return histogram;
}

}  // namespace

std::string encode_histogram(const Histogram& histogram) {
    const Bytes plain = encode_plain(histogram);
    uLongf length = compressBound(plain.size());
    Bytes compressed(length);
    compress2(compressed.data(), &length, plain.data(), plain.size(), Z_DEFAULT_COMPRESSION);

    Bytes out;
    out.reserve(8 + length);
    put_big_endian(out, compressed_cookie, 4);
    put_big_endian(out, length, 4);
    out.insert(out.end(), compressed.begin(),
               compressed.begin() + static_cast<std::ptrdiff_t>(length));
    return to_base64(out);
}

Result<Histogram> decode_histogram(std::string_view text) {
    const auto outer = from_base64(text);
    if (!outer) return not_ours("not base64");
    if (outer->size() < 8 || get_big_endian(outer->data(), 4) != compressed_cookie)
        return not_ours("not HdrHistogram V2 compressed");
    if (get_big_endian(outer->data() + 4, 4) != outer->size() - 8)
        return not_ours("truncated or too long");

    const auto plain = inflate(outer->data() + 8, outer->size() - 8);
    if (!plain) return plain.error();
    const std::uint8_t* header = plain->data();
    if (plain->size() < header_size || get_big_endian(header, 4) != plain_cookie)
        return not_ours("not HdrHistogram V2 inside");
    if (get_big_endian(header + 4, 4) != plain->size() - header_size)
        return not_ours("truncated or too long inside");
    if (get_big_endian(header + 8, 4) != 0 || get_big_endian(header + 12, 4) != digits ||
        get_big_endian(header + 16, 8) != lowest || get_big_endian(header + 24, 8) != highest)
        return not_ours("another range or precision");
    return decode_counts(header + header_size, header + plain->size());
}

std::string hlog_tag(std::string_view name) {
    std::string tag{name};
    for (char& c : tag) {
        if (c == ',' || static_cast<unsigned char>(c) <= ' ' || c == '\x7f') c = '_';
    }
    return tag;
}

Result<std::optional<HlogLine>> HlogReader::next() {
    for (std::string text; std::getline(in_, text);) {
        ++line_;
        if (text.empty() || text[0] == '#' || text[0] == '"') continue;
        const auto wrong = [&](std::string_view why) {
            return usage_error(fmt::format("line {}: {}", line_, why));
        };
        HlogLine line;
        std::string_view rest{text};
        if (rest.starts_with("Tag=")) {
            const auto comma = std::min(rest.find(','), rest.size() - 1);
            line.tag = rest.substr(4, comma - 4);
            rest.remove_prefix(comma + 1);
        }
        double columns[3]{};  // start and length in seconds, the largest value in ms
        for (double& column : columns) {
            const auto [end, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), column);
            const auto used = static_cast<std::size_t>(end - rest.data());
            if (ec != std::errc{} || used >= rest.size() || rest[used] != ',' ||
                !(column >= 0 && column < 1e9))
                return wrong("is not like Tag=step,1.000,1.000,12.5,HISTFAAA...");
            rest.remove_prefix(used + 1);
        }
        auto histogram = decode_histogram(rest);
        if (!histogram) return wrong(histogram.error().message);
        line.since_start = Duration{std::llround(columns[0] * 1e9)};
        line.length = Duration{std::llround(columns[1] * 1e9)};
        line.histogram = std::move(*histogram);
        return std::optional{std::move(line)};
    }
    return std::optional<HlogLine>{};
}

HlogWriter::HlogWriter(std::ostream& out, std::chrono::system_clock::time_point start) : out_{out} {
    const std::chrono::duration<double> since_epoch = start.time_since_epoch();
    out_ << fmt::format(
        "#[Histogram log format version 1.3]\n"
        "#[StartTime: {:.3f} (seconds since epoch), {}]\n"
        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\""
        "\n",
        since_epoch.count(), iso_utc(start));
}

void HlogWriter::write(std::string_view tag, Duration since_start, Duration length,
                       const Histogram& histogram) {
    write_encoded(tag, since_start, length, histogram.quantile(1), encode_histogram(histogram));
}

void HlogWriter::write_encoded(std::string_view tag, Duration since_start, Duration length,
                               Duration max, std::string_view payload) {
    if (!tag.empty()) {
        out_ << "Tag=" << hlog_tag(tag) << ',';
    }
    out_ << fmt::format("{:.3f},{:.3f},{:.3f},", to_seconds(since_start), to_seconds(length),
                        to_ms(max))
         << payload << '\n';
}

}  // namespace loadline

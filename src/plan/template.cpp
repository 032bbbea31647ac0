#include "plan/template.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <random>

#include "plan/escape.hpp"

namespace loadline {
namespace {

template <class Number>
void append_number(Number n, std::string& out) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
    out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

/// A random UUID, version 4. Apart from the seed, which repeats arrivals and data: a service
/// that knows the idempotency keys of the last run answers without doing the work.
void append_uuid(std::string& out) {
    constexpr char hex[] = "0123456789abcdef";
    thread_local Rng rng = [] {
        std::random_device device;
        return Rng{device() | std::uint64_t{device()} << 32, device()};
    }();
    std::array<std::uint64_t, 2> bits{rng(), rng()};
    bits[0] = (bits[0] & ~0xf000ULL) | 0x4000ULL;        // version
    bits[1] = (bits[1] & ~(3ULL << 62)) | (1ULL << 63);  // variant
    std::array<char, 36> text;
    std::size_t at = 0;
    for (int nibble = 0; nibble < 32; ++nibble) {
        if (at == 8 || at == 13 || at == 18 || at == 23) text[at++] = '-';
        const auto word = bits[static_cast<std::size_t>(nibble / 16)];
        text[at++] = hex[word >> (60 - nibble % 16 * 4) & 15];
    }
    out.append(text.data(), text.size());
}

void append_iso_time(std::chrono::system_clock::time_point now, std::string& out) {
    using namespace std::chrono;
    const auto day = floor<days>(now);
    const year_month_day date{day};
    const auto ms = duration_cast<milliseconds>(now - day).count();
    char text[] = "0000-00-00T00:00:00.000Z";
    const auto put = [&](std::size_t at, std::size_t width, std::int64_t n) {
        for (; width > 0; --width, n /= 10) text[at + width - 1] = static_cast<char>('0' + n % 10);
    };
    put(0, 4, static_cast<int>(date.year()));
    put(5, 2, static_cast<unsigned>(date.month()));
    put(8, 2, static_cast<unsigned>(date.day()));
    put(11, 2, ms / 3'600'000);
    put(14, 2, ms / 60'000 % 60);
    put(17, 2, ms / 1'000 % 60);
    put(20, 3, ms % 1'000);
    out.append(text, sizeof text - 1);
}

void append_base64_of(std::string_view text, Template::Escape escape, std::string& out) {
    const auto from = out.size();
    if (escape == Template::Escape::json_value) out.push_back('"');
    append_base64(text, out);
    if (escape == Template::Escape::json_value) out.push_back('"');
    if (escape != Template::Escape::form) return;
    // Only '+', '/' and '=' change; from the back, so that nothing moves twice.
    for (auto at = out.size(); at-- > from;) {
        const char c = out[at];
        if (c == '+') out.replace(at, 1, "%2B");
        if (c == '/') out.replace(at, 1, "%2F");
        if (c == '=') out.replace(at, 1, "%3D");
    }
}

struct Renderer {
    const RenderContext& context;
    std::string& out;

    void operator()(const Template::Literal& s) const { out.append(s.text); }
    void operator()(const Template::Variable& s) const {
        const auto& value = context.variables[s.index];
        append_escaped(value.text, value.number, s.escape, out);
    }
    void operator()(const Template::Random& s) const {
        append_number(context.rng.between(s.low, s.high), out);
    }
    void operator()(const Template::Uuid&) const { append_uuid(out); }
    void operator()(const Template::Counter&) const {
        append_number(context.counter, out);
        context.counter += context.counter_step;
    }
    void operator()(const Template::Now&) const {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        append_number(std::chrono::duration_cast<std::chrono::milliseconds>(now).count(), out);
    }
    void operator()(const Template::IsoTime&) const {
        append_iso_time(std::chrono::system_clock::now(), out);
    }
    void operator()(const Template::UserIndex&) const { append_number(context.user_index, out); }
    void operator()(const Template::Base64& s) const {
        append_base64_of(context.variables[s.index].text, s.escape, out);
    }
};

struct IsNumber {
    const RenderContext& context;

    bool operator()(const Template::Literal& s) const { return s.number; }
    bool operator()(const Template::Variable& s) const { return context.variables[s.index].number; }
    bool operator()(const Template::Random&) const { return true; }
    bool operator()(const Template::Counter&) const { return true; }
    bool operator()(const Template::Now&) const { return true; }
    bool operator()(const Template::UserIndex&) const { return true; }
    bool operator()(const Template::Uuid&) const { return false; }
    bool operator()(const Template::IsoTime&) const { return false; }
    bool operator()(const Template::Base64&) const { return false; }
};

}  // namespace

void Template::render(const RenderContext& context, std::string& out) const {
    for (const auto& segment : segments_) std::visit(Renderer{context, out}, segment);
}

bool Template::renders_number(const RenderContext& context) const {
    return segments_.size() == 1 && std::visit(IsNumber{context}, segments_.front());
}

}  // namespace loadline

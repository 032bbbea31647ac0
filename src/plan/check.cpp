#include "plan/check.hpp"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "plan/extract.hpp"
#include "plan/json_scan.hpp"

namespace loadline {
namespace {

bool is_number(std::string_view json) {
    return !json.empty() && (json[0] == '-' || (json[0] >= '0' && json[0] <= '9'));
}

double to_double(std::string_view json) {
    double n = 0;
    std::from_chars(json.data(), json.data() + json.size(), n);
    return n;
}

/// Whether two JSON texts mean the same value. The full parser only looks at what
/// differs as written: escapes, blanks inside containers.
bool same_json(std::string_view a, std::string_view b) {
    if (a == b) return true;
    if (is_number(a) && is_number(b)) return to_double(a) == to_double(b);
    const bool containers = (a[0] == '{' && b[0] == '{') || (a[0] == '[' && b[0] == '[');
    const bool escaped = a[0] == '"' && b[0] == '"' && a.find('\\') != std::string_view::npos;
    if (!containers && !escaped) return false;
    const auto left = nlohmann::json::parse(a, nullptr, false);
    return !left.is_discarded() && left == nlohmann::json::parse(b, nullptr, false);
}

bool reply_equals(const ResponseView& reply, std::string_view wanted) {
    if (reply.reply.empty()) return false;
    const auto& value = reply.reply[0];
    switch (value.type) {
        case RedisValue::Type::text:
        case RedisValue::Type::status:
            return value.text == wanted;
        case RedisValue::Type::integer: {
            std::array<char, 24> digits;
            const auto end =
                std::to_chars(digits.data(), digits.data() + digits.size(), value.integer).ptr;
            return wanted ==
                   std::string_view{digits.data(), static_cast<std::size_t>(end - digits.data())};
        }
        case RedisValue::Type::nil:
        case RedisValue::Type::error:
        case RedisValue::Type::array:
            return false;
    }
    return false;
}

struct Judge {
    const ResponseView& reply;

    bool operator()(const StatusCheck& check) const {
        for (const auto& [low, high] : check.allowed) {
            if (reply.status >= low && reply.status <= high) return true;
        }
        return false;
    }
    bool operator()(const BodyContainsCheck& check) const {
        return reply.body.find(check.text) != std::string_view::npos;
    }
    bool operator()(const HeaderCheck& check) const {
        const auto value = reply.header(check.name);
        return value.data() != nullptr && value == check.value;
    }
    bool operator()(const JsonCheck& check) const {
        const auto raw = find_raw(reply.body, check.pointer);
        if (raw.end == ScanEnd::found) return same_json(raw.text, check.value);
        if (raw.end == ScanEnd::missing) return false;
        Value value;  // an escaped key: the slow way, which is rare
        if (!scan_json(reply.body, check.pointer, value)) return false;
        const auto wanted = nlohmann::json::parse(check.value, nullptr, false);
        return wanted.is_string() ? !value.number && wanted == value.text
                                  : wanted == nlohmann::json::parse(value.text, nullptr, false);
    }
    bool operator()(const ReplyEqualsCheck& check) const {
        return reply_equals(reply, check.value);
    }
    bool operator()(const ReplyNullCheck& check) const {
        return !reply.reply.empty() && (reply.reply[0].type == RedisValue::Type::nil) == check.null;
    }
};

}  // namespace

bool passes(const Check& check, const ResponseView& reply) {
    return std::visit(Judge{reply}, check);
}

}  // namespace loadline

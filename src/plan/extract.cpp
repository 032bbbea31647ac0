#include "plan/extract.hpp"

#include <array>
#include <charconv>

namespace loadline {
namespace {

/// Index of the value that follows the one at `at`, over all its elements.
std::size_t after(std::span<const RedisValue> reply, std::size_t at) {
    std::int64_t open = 1;
    for (; open > 0 && at < reply.size(); ++at) {
        --open;
        const auto& value = reply[at];
        if (value.type == RedisValue::Type::array && value.integer > 0) open += value.integer;
    }
    return at;
}

/// The value that "/1/0" names in a flat reply; nullptr when there is none.
const RedisValue* find_reply(std::span<const RedisValue> reply, std::string_view pointer) {
    std::size_t at = 0;
    while (!pointer.empty() && at < reply.size()) {
        if (pointer[0] != '/' || reply[at].type != RedisValue::Type::array) return nullptr;
        pointer.remove_prefix(1);
        const auto token = pointer.substr(0, pointer.find('/'));
        pointer.remove_prefix(token.size());
        std::int64_t index = -1;
        const auto [rest, ec] = std::from_chars(token.data(), token.data() + token.size(), index);
        if (ec != std::errc{} || rest != token.data() + token.size()) return nullptr;
        if (index < 0 || index >= reply[at].integer) return nullptr;
        for (++at; index > 0; --index) at = after(reply, at);
    }
    return at < reply.size() ? &reply[at] : nullptr;
}

bool extract_reply(const RedisValue& value, Value& out) {
    switch (value.type) {
        case RedisValue::Type::text:
        case RedisValue::Type::status:
            out.text.assign(value.text);
            out.number = false;
            return true;
        case RedisValue::Type::integer: {
            std::array<char, 24> digits;
            const auto end =
                std::to_chars(digits.data(), digits.data() + digits.size(), value.integer).ptr;
            out.text.assign(digits.data(), static_cast<std::size_t>(end - digits.data()));
            out.number = true;
            return true;
        }
        case RedisValue::Type::nil:
        case RedisValue::Type::error:
        case RedisValue::Type::array:
            return false;
    }
    return false;
}

}  // namespace

bool extract(const Capture& capture, const ResponseView& reply, Value& out) {
    if (const auto* json = std::get_if<JsonPointerSource>(&capture.source)) {
        return scan_json(reply.body, json->pointer, out);
    }
    if (const auto* header = std::get_if<HeaderSource>(&capture.source)) {
        const auto value = reply.header(header->name);
        if (value.data() == nullptr) return false;
        out.text.assign(value);
        out.number = false;
        return true;
    }
    const auto& source = std::get<ReplySource>(capture.source);
    const auto* value = find_reply(reply.reply, source.pointer);
    return value != nullptr && extract_reply(*value, out);
}

}  // namespace loadline

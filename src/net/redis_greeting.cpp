#include "net/redis_greeting.hpp"

#include <fmt/format.h>

#include <initializer_list>
#include <string_view>

namespace loadline {
namespace {

void add(RedisGreeting& greeting, std::initializer_list<std::string_view> words) {
    greeting.bytes += fmt::format("*{}\r\n", words.size());
    for (const auto word : words) greeting.bytes += fmt::format("${}\r\n{}\r\n", word.size(), word);
    ++greeting.replies;
}

}  // namespace

RedisGreeting redis_greeting(const Url& url) {
    RedisGreeting greeting;
    if (!url.password.empty()) {
        if (url.user.empty()) {
            add(greeting, {"AUTH", url.password});
        } else {
            add(greeting, {"AUTH", url.user, url.password});
        }
    }
    if (url.path.size() > 1 && url.path != "/0") add(greeting, {"SELECT", url.path.substr(1)});
    return greeting;
}

}  // namespace loadline

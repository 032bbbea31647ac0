#pragma once
#include <string>

#include "base/url.hpp"

namespace loadline {

/// What a connection to Redis says first: AUTH where the URL has a password, SELECT where
/// it has a database. RESP text, and the number of replies it will get.
struct RedisGreeting {
    std::string bytes;
    int replies = 0;
};
RedisGreeting redis_greeting(const Url& url);

}  // namespace loadline

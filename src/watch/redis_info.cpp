#include "watch/redis_info.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace loadline {
namespace {

// Arrays: GCC 12 takes no initializer list inside a co_await expression.
constexpr std::array<std::string_view, 1> ping{"PING"};
constexpr std::array<std::string_view, 1> info{"INFO"};
constexpr std::array<std::string_view, 3> slow_log{"SLOWLOG", "GET", "64"};

/// The value behind "key:" at the start of a line; empty without one.
std::string_view field(std::string_view text, std::string_view key) {
    for (auto at = text.find(key); at != text.npos; at = text.find(key, at + 1)) {
        const auto end = at + key.size();
        if ((at > 0 && text[at - 1] != '\n') || end >= text.size() || text[end] != ':') continue;
        const auto value = text.substr(end + 1);
        return value.substr(0, value.find_first_of("\r\n"));
    }
    return {};
}

template <class T = std::uint64_t>
T number(std::string_view text, std::string_view key) {
    T value = 0;
    const auto digits = field(text, key);
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

/// "EVALSHA"; bytes that are no letters are left out, it goes into a report.
std::string command_name(std::string_view text) {
    std::string name;
    for (const char c : text.substr(0, 32)) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) || c == '.' || c == '-' || c == '_') {
            name += static_cast<char>(std::toupper(byte));
        }
    }
    return name;
}

}  // namespace

std::optional<RedisFigures> parse_redis_info(std::string_view text) {
    if (field(text, "redis_version").empty()) return {};
    RedisFigures figures;
    figures.run_id = field(text, "run_id");
    figures.commands = number(text, "total_commands_processed");
    figures.clients = number(text, "connected_clients");
    figures.blocked = number(text, "blocked_clients");
    figures.evicted = number(text, "evicted_keys");
    figures.used_bytes = number(text, "used_memory");
    figures.max_bytes = number(text, "maxmemory");
    const bool main = !field(text, "used_cpu_user_main_thread").empty();
    figures.cpu =
        seconds(number<double>(text, main ? "used_cpu_user_main_thread" : "used_cpu_user") +
                number<double>(text, main ? "used_cpu_sys_main_thread" : "used_cpu_sys"));
    return figures;
}

RedisMeter::RedisMeter(boost::asio::io_context& context, Url url)
    : client_{context, std::move(url)} {}

void RedisMeter::ask() {
    if (!asking_) round();
}

Job RedisMeter::round() {
    asking_ = true;
    asked_ = Clock::now();
    // Together: each would wait by itself behind all that an overloaded Redis has still to do.
    auto first = client_.command(ping);
    auto second = client_.command(info);
    auto third = client_.command(slow_log);
    const auto pong = co_await first;
    // One without an answer took that long too, unless nobody ever was there to answer.
    if (pong.arrived() || figures_) {
        gathered_.ping = std::max(gathered_.ping, Clock::now() - *asked_);
    }
    asked_.reset();
    if (pong.arrived()) {
        take_info(co_await second);
        take_slow_log(co_await third);
    } else {
        if (figures_) ++gathered_.unanswered;  // else perhaps nobody ever was there
        not_seen_ = fmt::format("Redis at {}: it does not answer", client_.url().endpoint());
    }
    asking_ = false;
}

/// Whether there is nothing to learn from an answer; says why, when Redis does.
bool RedisMeter::refused(const RedisAnswer& answer, std::string_view what) {
    if (answer.is_error()) {
        not_seen_ = fmt::format("{} of Redis at {}: needs the permission (ACL) for {}: {}", what,
                                client_.url().endpoint(), what, answer.text());
    }
    return !answer.arrived() || answer.is_error();
}

void RedisMeter::take_info(const RedisAnswer& answer) {
    if (refused(answer, "INFO")) return;
    not_seen_.clear();
    auto now = parse_redis_info(answer.text());
    if (!now) return;
    if (figures_ && figures_->run_id != now->run_id) {
        ++gathered_.restarts;
        taken_.reset();
        slow_id_.reset();
    }
    figures_ = std::move(now);
    figures_->at = Clock::now();
}

void RedisMeter::take_slow_log(const RedisAnswer& answer) {
    if (refused(answer, "SLOWLOG")) return;
    const bool first = !slow_id_;  // what stands there was before us
    auto newest = slow_id_.value_or(-1);
    for (std::size_t i = 0; i < answer.size(); ++i) {
        const auto entry = answer[i];  // id, when, microseconds, the words of the command, ...
        if (entry.size() < 4 || entry[3].size() == 0) continue;
        newest = std::max(newest, entry[0].integer());
        if (first || entry[0].integer() <= *slow_id_) continue;
        const Duration took = std::chrono::microseconds{entry[2].integer()};
        ++gathered_.slow;
        gathered_.slow_time += took;
        if (took <= gathered_.slowest) continue;
        gathered_.slowest = took;
        gathered_.slowest_command = command_name(entry[3][0].text());
    }
    slow_id_ = newest;
}

RedisUse RedisMeter::take() {
    auto use = std::exchange(gathered_, {});
    if (asked_) use.ping = std::max(use.ping, Clock::now() - *asked_);
    if (!figures_) return use;
    use.clients = figures_->clients;
    use.blocked = figures_->blocked;
    use.used_bytes = figures_->used_bytes;
    use.max_bytes = figures_->max_bytes;
    if (taken_ && figures_->at > taken_->at) {
        const auto since = [](std::uint64_t now, std::uint64_t before) {
            return now - std::min(now, before);  // CONFIG RESETSTAT
        };
        const auto length = to_seconds(figures_->at - taken_->at);
        use.ops = static_cast<double>(since(figures_->commands, taken_->commands)) / length;
        use.cores_used = to_seconds(std::max(figures_->cpu - taken_->cpu, Duration{})) / length;
        use.evicted = since(figures_->evicted, taken_->evicted);
    }
    taken_ = figures_;
    return use;
}

}  // namespace loadline

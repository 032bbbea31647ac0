#pragma once
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/redis_client.hpp"
#include "watch/target.hpp"

namespace loadline {

/// The fields of Redis's INFO that matter here, as they stand; the counters since its start.
struct RedisFigures {
    std::string run_id;
    TimePoint at{};  ///< when it was read
    std::uint64_t commands = 0, clients = 0, blocked = 0;
    std::uint64_t evicted = 0, used_bytes = 0, max_bytes = 0;
    Duration cpu{};  ///< user and system: of the main thread (since Redis 6.2), else of all
};
/// Nothing for a text that is not an INFO.
std::optional<RedisFigures> parse_redis_info(std::string_view text);

/// Asks the target's Redis about itself: PING for its round trip, INFO, and SLOWLOG GET, in one
/// write on a connection of its own; asks anew only when the last answer has come. The round trip
/// holds what Redis takes for the INFO behind it, some 0.1 ms. All on the context's one thread.
class RedisMeter {
public:
    RedisMeter(boost::asio::io_context& context, Url url);

    /// Begins a round of questions, unless one is still going on.
    void ask();
    /// What was learned since the last call; rates are absent when no INFO has come since.
    RedisUse take();

    /// What Redis refuses to tell, and what it would take; empty: it tells all.
    const std::string& not_seen() const { return not_seen_; }

private:
    Job round();
    void take_info(const RedisAnswer& answer);
    void take_slow_log(const RedisAnswer& answer);
    bool refused(const RedisAnswer& answer, std::string_view what);

    std::optional<TimePoint> asked_;  ///< a PING waits for its answer since then
    bool asking_ = false;
    std::optional<RedisFigures> figures_, taken_;  ///< as of now, and at the last take
    std::optional<std::int64_t> slow_id_;          ///< of the newest entry that was seen
    RedisUse gathered_;                            ///< slow log, pings and restarts since then
    std::string not_seen_;
    RedisClient client_;  // destroyed first: what it still owes ends in round()
};

}  // namespace loadline

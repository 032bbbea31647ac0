#pragma once
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "base/url.hpp"
#include "net/later.hpp"

struct redisReply;

namespace loadline {

/// One reply of Redis, or the news that none came. Copies share the same reply.
class RedisAnswer {
public:
    RedisAnswer() = default;  ///< no reply: not connected, connection lost, or timed out
    explicit RedisAnswer(std::shared_ptr<const redisReply> reply) : reply_{std::move(reply)} {}

    /// Whether Redis replied at all, be it with an error.
    bool arrived() const { return reply_ != nullptr; }
    bool is_error() const;
    bool is_nil() const;
    bool is_array() const;
    /// The number of an integer reply; of a text reply that is one; else 0.
    std::int64_t integer() const;
    /// A bulk string, status or error; else empty.
    std::string_view text() const;
    /// Number of elements of an array; else 0.
    std::size_t size() const;
    /// Element `i` of an array. Requires i < size().
    RedisAnswer operator[](std::size_t i) const;

private:
    std::shared_ptr<const redisReply> reply_;
};

/// An asynchronous, pipelined connection to Redis for commands that are not the
/// load: those of one round of the event loop leave in one write. It connects when
/// it is first needed and again after a loss (at most every 100 ms); AUTH and SELECT
/// come first. Commands given meanwhile wait for that one try, so that what works on
/// one connection works on all of them soon after. All run on the context's one
/// thread. Serves redis:// only.
class RedisClient {
public:
    /// `timeout`: a command unanswered for so long loses the connection, and with it
    /// every command in flight.
    RedisClient(boost::asio::io_context& context, Url url, Duration timeout = seconds(3));
    ~RedisClient();  ///< commands in flight are answered with nothing
    RedisClient(const RedisClient&) = delete;

    Later<RedisAnswer> command(std::span<const std::string_view> words);
    Later<RedisAnswer> command(std::initializer_list<std::string_view> words) {
        return command(std::span{words.begin(), words.size()});
    }

    const Url& url() const;

private:
    class Link;
    std::shared_ptr<Link> link_;
};

}  // namespace loadline

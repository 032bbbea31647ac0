#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/response_view.hpp"
#include "net/http_reply.hpp"

struct redisReader;
struct redisReadTask;

namespace loadline {

/// Reads RESP2 replies with hiredis' reader into flat RedisValues: no allocation per reply
/// once its buffers have grown.
///
/// hiredis trusts lengths, so the limits are ours: 16 MiB and 10^6 values a reply, 64 KiB
/// a status, error or length line, arrays 8 deep (hiredis'), and the CR LF behind every
/// bulk string is checked. A length beyond its limit is malformed as soon as it is read, not
/// when the bytes have come.
class RedisReplyParser {
public:
    RedisReplyParser();
    ~RedisReplyParser();
    RedisReplyParser(const RedisReplyParser&) = delete;
    RedisReplyParser& operator=(const RedisReplyParser&) = delete;

    /// Forgets everything, bytes of unread replies included: for a new connection.
    void reset();
    /// Takes all bytes; `next` then yields the replies in them.
    void feed(const char* data, std::size_t size);
    /// The next whole reply. The view stays valid until the next call.
    ReplyStatus next();
    ResponseView view() const { return {0, {}, {}, values_}; }
    /// Whether bytes of a reply that is not whole yet are waiting.
    bool has_more() const;

private:
    struct Callbacks;
    RedisValue* add(RedisValue::Type type, std::int64_t integer, const char* text,
                    std::size_t size);

    bool line_too_long() const;
    bool bulk_too_long() const;

    redisReader* reader_ = nullptr;
    std::vector<RedisValue> values_;
    std::vector<std::size_t> offsets_;  ///< of the texts in text_, until the reply is whole
    std::string text_;
    std::size_t fed_ = 0;  ///< bytes behind the last whole reply
};

}  // namespace loadline

#include "net/redis_reply.hpp"

#include <hiredis/hiredis.h>

#include <charconv>
#include <cstring>
#include <new>

namespace loadline {

namespace {
constexpr std::size_t reply_limit = 16 * 1024 * 1024;
constexpr std::size_t value_limit = 1'000'000;
constexpr std::size_t line_limit =
    64 * 1024;  // what stands before a \n: status, error, number, length
}  // namespace

/// What hiredis calls for each value. A null result makes the reader fail.
struct RedisReplyParser::Callbacks {
    static RedisReplyParser& parser(const redisReadTask* task) {
        return *static_cast<RedisReplyParser*>(task->privdata);
    }
    static void* string(const redisReadTask* task, char* text, size_t size) {
        auto type = RedisValue::Type::text;
        if (task->type == REDIS_REPLY_ERROR) type = RedisValue::Type::error;
        if (task->type == REDIS_REPLY_STATUS) type = RedisValue::Type::status;
        if (type == RedisValue::Type::text && (text[size] != '\r' || text[size + 1] != '\n')) {
            return nullptr;
        }
        return parser(task).add(type, 0, text, size);
    }
    static void* array(const redisReadTask* task, int size) {
        if (size > static_cast<int>(value_limit)) return nullptr;  // would wait for ever
        return parser(task).add(RedisValue::Type::array, size, nullptr, 0);
    }
    static void* integer(const redisReadTask* task, long long value) {
        return parser(task).add(RedisValue::Type::integer, value, nullptr, 0);
    }
    static void* nil(const redisReadTask* task) {
        return parser(task).add(RedisValue::Type::nil, 0, nullptr, 0);
    }
    static void free(void*) {}

    static inline redisReplyObjectFunctions table{string, array, integer, nil, free};
};

RedisReplyParser::RedisReplyParser() { reset(); }

RedisReplyParser::~RedisReplyParser() { redisReaderFree(reader_); }

void RedisReplyParser::reset() {
    if (reader_) redisReaderFree(reader_);
    reader_ = redisReaderCreateWithFunctions(&Callbacks::table);
    if (!reader_) throw std::bad_alloc{};
    reader_->maxbuf = 0;  // keep the buffer: no allocation per reply
    reader_->privdata = this;
    values_.clear();
    offsets_.clear();
    text_.clear();
    fed_ = 0;
}

RedisValue* RedisReplyParser::add(RedisValue::Type type, std::int64_t integer, const char* text,
                                  std::size_t size) {
    if (values_.size() >= value_limit) return nullptr;
    offsets_.push_back(text_.size());
    if (size > 0) text_.append(text, size);
    // The text may still move: for now only its length is right (see next()).
    values_.push_back({type, integer, {text, size}});
    return values_.data();  // any address but null
}

void RedisReplyParser::feed(const char* data, std::size_t size) {
    fed_ += size;
    redisReaderFeed(reader_, data, size);
}

ReplyStatus RedisReplyParser::next() {
    if (reader_->ridx == -1) {  // between replies: forget the last one
        values_.clear();
        offsets_.clear();
        text_.clear();
    }
    void* reply = nullptr;
    if (redisReaderGetReply(reader_, &reply) != REDIS_OK) return ReplyStatus::malformed;
    if (!reply) {
        return fed_ > reply_limit || line_too_long() || bulk_too_long() ? ReplyStatus::malformed
                                                                        : ReplyStatus::incomplete;
    }
    fed_ = reader_->len - reader_->pos;  // of the next one
    for (std::size_t i = 0; i < values_.size(); ++i) {
        values_[i].text = {text_.data() + offsets_[i], values_[i].text.size()};
    }
    return ReplyStatus::complete;
}

/// The reader looks for the end of an unfinished line from its start, each time bytes come:
/// a line without end would take quadratic time.
bool RedisReplyParser::line_too_long() const {
    const auto unread = reader_->len - reader_->pos;
    return unread > line_limit &&
           std::memchr(reader_->buf + reader_->pos, '\n', line_limit) == nullptr;
}

/// The reader waits in silence for the whole of a bulk string, however long. Its length
/// stands at the start of what is unread: judge it before the bytes come.
bool RedisReplyParser::bulk_too_long() const {
    if (reader_->ridx < 0 || reader_->rstack[reader_->ridx].type != REDIS_REPLY_STRING) {
        return false;
    }
    const auto* line = reader_->buf + reader_->pos;
    const auto unread = reader_->len - reader_->pos;
    const auto* end = unread > 0 ? std::memchr(line, '\n', unread) : nullptr;
    if (!end) return false;  // the length is not whole yet
    std::int64_t size = 0;
    std::from_chars(line, line + unread, size);
    const auto before =
        fed_ - unread + static_cast<std::size_t>(static_cast<const char*>(end) - line) + 1;
    const auto most =
        static_cast<std::int64_t>(reply_limit) - static_cast<std::int64_t>(before) - 2;
    return size > most;
}

bool RedisReplyParser::has_more() const { return reader_->pos < reader_->len; }

}  // namespace loadline

#include "net/redis_reply.hpp"

#include <gtest/gtest.h>

#include <string>

#include "net/redis_greeting.hpp"

namespace loadline {
namespace {

/// The reply as text: "[1 'two' nil]".
std::string shown(std::span<const RedisValue>& values) {
    const auto value = values.front();
    values = values.subspan(1);
    switch (value.type) {
        case RedisValue::Type::nil:
            return "nil";
        case RedisValue::Type::integer:
            return std::to_string(value.integer);
        case RedisValue::Type::text:
            return "'" + std::string{value.text} + "'";
        case RedisValue::Type::status:
            return "+" + std::string{value.text};
        case RedisValue::Type::error:
            return "-" + std::string{value.text};
        case RedisValue::Type::array:
            break;
    }
    std::string text = "[";
    for (std::int64_t i = 0; i < value.integer; ++i) text += (i ? " " : "") + shown(values);
    return text + "]";
}

std::string read(const std::string& text, std::size_t piece) {
    RedisReplyParser parser;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        const auto part = text.substr(at, piece);
        parser.feed(part.data(), part.size());
        const auto status = parser.next();
        if (status == ReplyStatus::malformed) return "malformed";
        if (status == ReplyStatus::complete) {
            auto reply = parser.view().reply;
            return shown(reply);
        }
    }
    return "incomplete";
}

TEST(RedisReply, IsTheSameHoweverItIsSplit) {
    const struct {
        const char *text, *want;
    } rows[] = {
        {"+OK\r\n", "+OK"},
        {"-ERR no\r\n", "-ERR no"},
        {":-42\r\n", "-42"},
        {"$5\r\nhe\r\no\r\n", "'he\r\no'"},
        {"$0\r\n\r\n", "''"},
        {"$-1\r\n", "nil"},
        {"*-1\r\n", "nil"},
        {"*0\r\n", "[]"},
        {"*3\r\n:1\r\n$3\r\ntwo\r\n$-1\r\n", "[1 'two' nil]"},
        {"*2\r\n*2\r\n:1\r\n:2\r\n*1\r\n+x\r\n", "[[1 2] [+x]]"},
    };
    for (const auto& row : rows) {
        const std::string text{row.text};
        for (std::size_t piece = 1; piece <= text.size(); ++piece) {
            EXPECT_EQ(read(text, piece), row.want) << text << " in pieces of " << piece;
        }
    }
}

TEST(RedisReply, RefusesWhatIsNotRespOrBeyondItsLimits) {
    std::string deep;
    for (int i = 0; i < 20; ++i) deep += "*1\r\n";
    for (const std::string& text :
         {std::string{"HTTP/1.1 400 Bad Request\r\n"}, std::string{"$3\r\nabcXY"}, deep}) {
        EXPECT_EQ(read(text, text.size()), "malformed") << text.substr(0, 40);
    }
}

TEST(RedisReply, RefusesALengthBeyondItsLimitsWhenItIsRead) {
    for (const char* text :
         {"$16777204\r\n", "$99999999999\r\n", "$9223372036854775807\r\n", "*1000001\r\n",
          "*1000000000\r\n", "*2147483647\r\n", "*1\r\n*1000000000\r\n",
          "*2\r\n$1\r\na\r\n$99999999\r\n", "*2\r\n$1\r\na\r\n$16777193\r\n"}) {
        for (const std::size_t piece : {1, 3, 100})
            EXPECT_EQ(read(text, piece), "malformed") << text;
    }
    for (const char* text :
         {"$16777203\r\n", "*1000000\r\n", "*2\r\n$1\r\na\r\n$16777192\r\n", "$1677721", "$"}) {
        for (const std::size_t piece : {1, 3, 100})
            EXPECT_EQ(read(text, piece), "incomplete") << text;
    }
}

TEST(RedisReply, TakesAReplyOfExactly16MiB) {
    const std::string text = "$16777203\r\n" + std::string(16'777'203, 'x') + "\r\n";
    ASSERT_EQ(text.size(), 16u << 20);
    for (const std::size_t piece : {65'536, 65'535}) {
        RedisReplyParser parser;
        auto status = ReplyStatus::incomplete;
        for (std::size_t at = 0; at < text.size(); at += piece) {
            ASSERT_EQ(status, ReplyStatus::incomplete);
            parser.feed(text.data() + at, std::min(piece, text.size() - at));
            status = parser.next();
        }
        ASSERT_EQ(status, ReplyStatus::complete);
        EXPECT_EQ(parser.view().reply[0].text.size(), 16'777'203u);
    }
}

TEST(RedisReply, RefusesManySmallTextsBeyond16MiB) {
    const std::string text = "$65000\r\n" + std::string(65'000, 'x') + "\r\n";
    RedisReplyParser parser;
    const std::string head = "*1000\r\n";
    parser.feed(head.data(), head.size());
    auto status = parser.next();
    int texts = 0;
    for (; texts < 1000 && status == ReplyStatus::incomplete; ++texts) {
        parser.feed(text.data(), text.size());
        status = parser.next();
    }
    EXPECT_EQ(status, ReplyStatus::malformed);
    EXPECT_EQ(texts, (16 << 20) / 65'010 + 1);
}

TEST(RedisReply, GivesPipelinedRepliesOneAfterTheOther) {
    RedisReplyParser parser;
    const std::string text = "+OK\r\n:7\r\n";
    parser.feed(text.data(), text.size());
    ASSERT_EQ(parser.next(), ReplyStatus::complete);
    EXPECT_EQ(parser.view().reply[0].text, "OK");
    EXPECT_TRUE(parser.has_more());
    ASSERT_EQ(parser.next(), ReplyStatus::complete);
    EXPECT_EQ(parser.view().reply[0].integer, 7);
    EXPECT_FALSE(parser.has_more());
    EXPECT_EQ(parser.next(), ReplyStatus::incomplete);
}

TEST(RedisGreeting, SaysWhatTheUrlAsksFor) {
    const struct {
        const char *url, *bytes;
        int replies;
    } rows[] = {
        {"redis://h", "", 0},
        {"redis://h/0", "", 0},
        {"redis://h/3", "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n", 1},
        {"redis://:pw@h/3", "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n", 2},
        {"redis://me:pw@h", "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$2\r\npw\r\n", 1},
    };
    for (const auto& row : rows) {
        const auto greeting = redis_greeting(*parse_url(row.url));
        EXPECT_EQ(greeting.bytes, row.bytes) << row.url;
        EXPECT_EQ(greeting.replies, row.replies) << row.url;
    }
}

}  // namespace
}  // namespace loadline

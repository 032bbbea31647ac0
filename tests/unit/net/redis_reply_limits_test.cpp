#include "net/redis_reply.hpp"

#include <gtest/gtest.h>

#include <string>

namespace loadline {
namespace {

ReplyStatus status_after(RedisReplyParser& parser, const std::string& bytes) {
    parser.feed(bytes.data(), bytes.size());
    return parser.next();
}

TEST(RedisReplyParser, ALineWithoutEndIsMalformedAfter64KiB) {
    for (const char* type : {"+", "-", ":", "$", "*"}) {
        SCOPED_TRACE(type);
        RedisReplyParser parser;
        EXPECT_EQ(status_after(parser, type + std::string(60'000, '1')), ReplyStatus::incomplete);
        EXPECT_EQ(status_after(parser, std::string(60'000, '1')), ReplyStatus::malformed);
    }
}

TEST(RedisReplyParser, ALongBulkStringIsNoLongLine) {
    RedisReplyParser parser;
    EXPECT_EQ(status_after(parser, "$200000\r\n" + std::string(150'000, 'x')),
              ReplyStatus::incomplete);
    EXPECT_EQ(status_after(parser, std::string(50'000, 'x') + "\r\n"), ReplyStatus::complete);
    EXPECT_EQ(parser.view().reply[0].text, std::string(200'000, 'x'));
}

}  // namespace
}  // namespace loadline

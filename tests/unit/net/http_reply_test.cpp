#include "net/http_reply.hpp"

#include <gtest/gtest.h>

#include <string>

namespace loadline {
namespace {

struct Read {
    ReplyStatus status = ReplyStatus::incomplete;
    std::string body;
    int code = 0;
    bool keep_alive = false;
    std::size_t used = 0;
};

/// Offers `text` in pieces of `piece` bytes, as a socket would, and then the end of stream.
Read read(const std::string& text, std::size_t piece, bool head = false, bool eof = false) {
    HttpReplyParser parser;
    parser.expect(head, true);
    Read read;
    std::string pending;
    for (std::size_t at = 0; at < text.size() && read.status == ReplyStatus::incomplete;
         at += piece) {
        pending += text.substr(at, piece);
        std::size_t used = 0;
        read.status = parser.feed(pending.data(), pending.size(), used);
        pending.erase(0, used);
        read.used += used;
    }
    if (read.status == ReplyStatus::incomplete && eof) read.status = parser.end_of_stream();
    read.body = parser.view().body;
    read.code = parser.view().status;
    read.keep_alive = read.status == ReplyStatus::complete && parser.keep_alive();
    return read;
}

TEST(HttpReply, IsTheSameHoweverItIsSplit) {
    const struct {
        const char* text;
        bool head, eof;
        int code;
        const char* body;
        bool keep_alive;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, false, 200, "hello", true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
         "chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
         false, false, 200, "hello", true},
        {"HTTP/1.1 200 OK\r\n\r\nuntil the end", false, true, 200, "until the end", false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, false, 200, "", true},
        {"HTTP/1.1 204 No Content\r\n\r\n", false, false, 204, "", true},
        {"HTTP/1.1 304 Not Modified\r\n\r\n", false, false, 304, "", true},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false, false, 204, "", true},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, false, 304, "", true},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 201 "
         "Created\r\nContent-Length: 2\r\n\r\nok",
         false, false, 201, "ok", true},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false, false, 200,
         "ok", false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, false, 200, "ok", false},
    };
    for (const auto& row : rows) {
        const std::string text{row.text};
        for (std::size_t piece = 1; piece <= text.size(); ++piece) {
            SCOPED_TRACE(text + " in pieces of " + std::to_string(piece));
            const auto got = read(text, piece, row.head, row.eof);
            ASSERT_EQ(got.status, ReplyStatus::complete);
            EXPECT_EQ(got.code, row.code);
            EXPECT_EQ(got.body, row.body);
            EXPECT_EQ(got.keep_alive, row.keep_alive);
        }
    }
}

TEST(HttpReply, LeavesBytesBehindTheReplyUnused) {
    const std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const auto got = read(reply + "HTTP/1.1 200", 1000);
    EXPECT_EQ(got.status, ReplyStatus::complete);
    EXPECT_EQ(got.used, reply.size());
}

TEST(HttpReply, CallsWhatIsNotHttpMalformed) {
    std::string interim;
    for (int i = 0; i < 17; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
    const std::string rows[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n",
        interim,
    };
    for (const auto& text : rows) {
        EXPECT_EQ(read(text, text.size()).status, ReplyStatus::malformed) << text.substr(0, 60);
    }
}

TEST(HttpReply, RefusesAKeptBodyBeyond16MiBWhenItsLengthIsRead) {
    const std::string ok = "HTTP/1.1 200 OK\r\n",
                      chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
    for (const auto& text :
         {ok + "Content-Length: 16777217\r\n\r\nx", chunked + "1000001\r\nx",
          ok + "Content-Length: 18446744073709551615\r\n\r\nx", chunked + "1\r\nx\r\n1000000\r\nx",
          chunked + "FFFFFFFFFFFFFFFF\r\nx"}) {
        EXPECT_EQ(read(text, 10).status, ReplyStatus::malformed) << text;
    }
    for (const auto& text : {ok + "Content-Length: 16777216\r\n\r\nx", chunked + "1000000\r\nx"}) {
        EXPECT_EQ(read(text, 10).status, ReplyStatus::incomplete) << text;
    }
}

TEST(HttpReply, AChangeOfProtocolEndsTheConnection) {
    const auto got = read("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 1000);
    EXPECT_EQ(got.status, ReplyStatus::complete);
    EXPECT_EQ(got.code, 101);
    EXPECT_FALSE(got.keep_alive);
}

TEST(HttpReply, CutShortIsNotComplete) {
    for (const char* text :
         {"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n"}) {
        EXPECT_EQ(read(text, 1000, false, true).status, ReplyStatus::incomplete) << text;
    }
}

TEST(HttpReply, KeepsOnlyAnExampleOfABodyThatNobodyReads) {
    HttpReplyParser parser;
    for (const auto& [code, kept] : {std::pair{200, 0U}, std::pair{500, 256U}}) {
        parser.expect(false, false);
        const auto text = "HTTP/1.1 " + std::to_string(code) +
                          " x\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'b');
        std::size_t used = 0;
        ASSERT_EQ(parser.feed(text.data(), text.size(), used), ReplyStatus::complete);
        EXPECT_EQ(parser.view().body.size(), kept);
    }
}

}  // namespace
}  // namespace loadline

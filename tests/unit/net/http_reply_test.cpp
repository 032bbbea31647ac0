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

TEST(HttpReply, MayBeReadAlong) {
    const std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n";
    const std::string head = "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 9\r\n\r\n";
    const auto text = interim + head + "nine byte";
    for (const std::size_t piece : {1UL, 7UL, text.size()}) {
        SCOPED_TRACE(piece);
        HttpReplyParser parser;
        parser.expect_head();
        std::string pending;
        std::size_t offered = 0;
        auto status = ReplyStatus::incomplete;
        while (status == ReplyStatus::incomplete) {
            pending += text.substr(offered, piece);
            offered = std::min(offered + piece, text.size());
            std::size_t used = 0;
            status = parser.feed(pending.data(), pending.size(), used);
            pending.erase(0, used);
            const auto of_head = interim.size() + head.size();
            EXPECT_EQ(parser.head_complete(), offered >= of_head) << offered;
            if (!parser.head_complete()) continue;
            EXPECT_EQ(parser.view().status, 302);
            EXPECT_EQ(parser.view().header("Location"), "/there");
            EXPECT_EQ(parser.body_size(), offered - of_head);
        }
        EXPECT_EQ(status, ReplyStatus::complete);
    }
}

TEST(HttpReply, ThatIsReadAlongMayBeOfAnySize) {
    const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nbegin";
    std::size_t used = 0;
    HttpReplyParser parser;
    parser.expect_head();
    EXPECT_EQ(parser.feed(text.data(), text.size(), used), ReplyStatus::incomplete);
    EXPECT_TRUE(parser.head_complete());
    EXPECT_EQ(parser.body_size(), 5u);
    parser.expect(false, true);
    EXPECT_EQ(parser.feed(text.data(), text.size(), used), ReplyStatus::malformed) << "to be kept";
    parser.expect_head();
    const std::string plain = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nhello";
    EXPECT_EQ(parser.feed(plain.data(), plain.size(), used), ReplyStatus::complete);
    EXPECT_TRUE(parser.head_complete());
    EXPECT_EQ(parser.body_size(), 5u);
    EXPECT_EQ(parser.view().header("a"), "b");
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

TEST(HttpReply, KeepsTheHeadersThatTellAProxyFromTheApplicationThoughNobodyAskedForTheReply) {
    for (const std::string framing : {"Content-Length: 2\r\n\r\nok",
                                      "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"}) {
        SCOPED_TRACE(framing);
        const std::string text =
            "HTTP/1.1 200 OK\r\nserver: nginx\r\nX-Upstream-Response-Time: 0.2\r\n" + framing;
        HttpReplyParser parser;
        parser.expect(false, false);
        std::size_t used = 0;
        ASSERT_EQ(parser.feed(text.data(), text.size(), used), ReplyStatus::complete);
        EXPECT_EQ(parser.view().header("Server"), "nginx");
        EXPECT_EQ(parser.view().header("x-upstream-response-time"), "0.2");
        EXPECT_EQ(parser.view().body, "");
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

#include "net/http_plain_reply.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/rng.hpp"
#include "net/http_reply.hpp"

namespace loadline {
namespace {

const std::string nginx =
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\n"
    "Content-Type: text/plain\r\nContent-Length: 5\r\nConnection: keep-alive\r\n"
    "X-Empty:\r\nETag:  \"a-1\" \r\n\r\nhello";

TEST(PlainReply, IsReadInOnePass) {
    const std::string data = nginx + "HTTP/1.1 404 the next one";
    const auto reply = read_plain_reply(data);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, "hello");
    EXPECT_EQ(reply->size, nginx.size());
    const ResponseView view{reply->status, reply->fields, reply->body, {}};
    EXPECT_EQ(view.header("etag"), "\"a-1\"");
    EXPECT_EQ(view.header("x-empty"), "");
    EXPECT_EQ(view.header("content-length"), "5");
    EXPECT_EQ(view.header("absent").data(), nullptr);
}

TEST(PlainReply, TakesEveryFinalStatusThatHasABody) {
    for (const char* line : {"200 OK", "201 ", "206 Partial Content", "404 Not Found", "599 x"}) {
        const std::string text = std::string{"HTTP/1.1 "} + line + "\r\ncontent-length: 0\r\n\r\n";
        EXPECT_TRUE(read_plain_reply(text)) << text;
    }
}

/// Whatever is not plain is left to Beast, the well-formed as well as the malformed.
TEST(PlainReply, LeavesEverythingElseToBeast) {
    const std::string ok = "HTTP/1.1 200 OK\r\n", five = "Content-Length: 5\r\n";
    const std::string rows[] = {
        "",
        "HTTP/1.1 ",
        ok + five + "\r\nhell",
        ok + "\r\n",
        ok + "Transfer-Encoding: chunked\r\n" + five + "\r\nhello",
        ok + "Connection: close\r\n" + five + "\r\nhello",
        ok + "Connection: keep-alive, close\r\n" + five + "\r\nhello",
        ok + "Proxy-Connection: close\r\n" + five + "\r\nhello",
        ok + "Upgrade: h2c\r\n" + five + "\r\nhello",
        ok + five + five + "\r\nhello",
        ok + five + "Content-Length: 4\r\n\r\nhello",
        ok + "Content-Length: 5, 5\r\n\r\nhello",
        ok + "Content-Length: +5\r\n\r\nhello",
        ok + "Content-Length: 0x5\r\n\r\nhello",
        ok + "Content-Length:\r\n\r\nhello",
        ok + "Content-Length: 18446744073709551621\r\n\r\nhello",
        ok + "Folded: a\r\n b\r\n" + five + "\r\nhello",
        ok + "Name : a\r\n" + five + "\r\nhello",
        ok + ": a\r\n" + five + "\r\nhello",
        ok + "Tab: a\tb\r\n" + five + "\r\nhello",
        ok + std::string("Zero: a\0b\r\n", 11) + five + "\r\nhello",
        ok + "Bare: a\n" + five + "\r\nhello",
        ok + "Half: a\r" + five + "\r\nhello",
        ok + "Long: " + std::string(5000, 'x') + "\r\n" + five + "\r\nhello",
        "HTTP/1.0 200 OK\r\n" + five + "\r\nhello",
        "HTTP/1.1 100 Continue\r\n" + five + "\r\nhello",
        "HTTP/1.1 204 No Content\r\n" + five + "\r\nhello",
        "HTTP/1.1 304 Not Modified\r\n" + five + "\r\nhello",
        "HTTP/1.1 20 OK\r\n" + five + "\r\nhello",
        "HTTP/1.1 200\r\n" + five + "\r\nhello",
        "http/1.1 200 OK\r\n" + five + "\r\nhello",
    };
    for (const auto& text : rows) EXPECT_FALSE(read_plain_reply(text)) << text.substr(0, 80);
}

std::size_t below(Rng& rng, std::size_t n) {
    return static_cast<std::size_t>(rng.between(0, static_cast<std::int64_t>(n) - 1));
}

/// Breaks a response somewhere, or only changes it.
std::string mutated(std::string text, Rng& rng) {
    static constexpr std::string_view pieces[] = {"\r\n",
                                                  "\n",
                                                  "\r",
                                                  ":",
                                                  " ",
                                                  "\t",
                                                  "0",
                                                  "9",
                                                  "-",
                                                  ",",
                                                  "\x7f",
                                                  "\xff",
                                                  "A",
                                                  "close",
                                                  "Connection: close\r\n",
                                                  "Content-Length: 3\r\n",
                                                  "Transfer-Encoding: chunked\r\n",
                                                  "\r\n\r\n",
                                                  "keep-alive",
                                                  "X: y\r\n"};
    for (auto changes = below(rng, 3) + 1; changes > 0 && !text.empty(); --changes) {
        const auto at = below(rng, text.size());
        switch (below(rng, 4)) {
            case 0:
                text[at] = static_cast<char>(below(rng, 256));
                break;
            case 1:
                text.erase(at, below(rng, 4) + 1);
                break;
            case 2:
                text.insert(at, pieces[below(rng, std::size(pieces))]);
                break;
            default:
                text.resize(at);
                break;
        }
    }
    return text;
}

/// The second opinion: one byte first, so that the response is not whole when it is looked at.
struct Beast {
    HttpReplyParser parser;
    ReplyStatus status = ReplyStatus::incomplete;
    std::size_t used = 0;

    explicit Beast(const std::string& text) {
        parser.expect(false, true);
        std::size_t first = 0;
        status = parser.feed(text.data(), 1, first);
        if (status == ReplyStatus::incomplete) {
            status = parser.feed(text.data() + first, text.size() - first, used);
        }
        used += first;
    }
};

TEST(PlainReply, AgreesWithBeastOnMutatedResponses) {
    const std::string seeds[] = {
        nginx, "HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\nA: b\r\n\r\n0123456789",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nKeep-Alive: timeout=5\r\n\r\n"};
    Rng rng{20261121, 0};
    int plain = 0;
    for (int i = 0; i < 200'000; ++i) {
        const auto text = mutated(seeds[below(rng, std::size(seeds))], rng);
        const auto reply = read_plain_reply(text);
        if (!reply) continue;
        ++plain;
        const Beast beast{text};
        ASSERT_EQ(beast.status, ReplyStatus::complete) << testing::PrintToString(text);
        const auto view = beast.parser.view();
        ASSERT_EQ(reply->status, view.status) << testing::PrintToString(text);
        ASSERT_EQ(reply->body, view.body) << testing::PrintToString(text);
        ASSERT_EQ(reply->size, beast.used) << testing::PrintToString(text);
        ASSERT_TRUE(beast.parser.keep_alive()) << testing::PrintToString(text);
        const ResponseView ours{reply->status, reply->fields, reply->body, {}};
        for (const auto* name : {"server", "etag", "a", "content-type", "keep-alive"}) {
            ASSERT_EQ(ours.header(name), view.header(name)) << testing::PrintToString(text);
        }
    }
    EXPECT_GT(plain, 10'000);  // or the mutations break everything, and nothing is compared
}

}  // namespace
}  // namespace loadline

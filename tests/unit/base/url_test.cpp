#include "base/url.hpp"

#include <gtest/gtest.h>

namespace loadline {
namespace {

TEST(ParseUrl, AcceptsEveryKindOfTarget) {
    const struct {
        const char *text, *scheme, *host;
        int port;
        const char *path, *authority, *origin;
        bool redis, tls;
    } rows[] = {
        {"http://h", "http", "h", 80, "", "h", "http://h:80", false, false},
        {"HTTPS://h:8443/a?b#c", "https", "h", 8443, "/a?b", "h:8443", "https://h:8443", false,
         true},
        {"http://[::1]:81/x", "http", "::1", 81, "/x", "[::1]:81", "http://[::1]:81", false, false},
        {"redis://h/2", "redis", "h", 6379, "/2", "h", "redis://h:6379", true, false},
        {"rediss://u:p%40@h", "rediss", "h", 6379, "", "h", "rediss://h:6379", true, true},
        {"unix:/run/a.sock", "unix", "/run/a.sock", 0, "", "localhost", "unix:/run/a.sock", false,
         false},
        {"unix:/run/a.sock:/x?y", "unix", "/run/a.sock", 0, "/x?y", "localhost", "unix:/run/a.sock",
         false, false},
        {"redis+unix:/run/r.sock:/3", "redis+unix", "/run/r.sock", 0, "/3", "localhost",
         "redis+unix:/run/r.sock", true, false},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.text);
        const auto url = parse_url(row.text);
        ASSERT_TRUE(url.has_value()) << url.error().message;
        EXPECT_EQ(url->scheme, row.scheme);
        EXPECT_EQ(url->host, row.host);
        EXPECT_EQ(url->port, row.port);
        EXPECT_EQ(url->path, row.path);
        EXPECT_EQ(url->authority(), row.authority);
        EXPECT_EQ(url->origin(), row.origin);
        EXPECT_EQ(url->is_redis(), row.redis);
        EXPECT_EQ(url->is_tls(), row.tls);
        EXPECT_TRUE(looks_like_url(row.text));
    }
}

TEST(ParseUrl, SaysWhatIsWrong) {
    const std::string long_path(108, 'x');
    const struct {
        std::string text, want;
    } rows[] = {
        {"unix:run/a",
         "\"unix:run/a\" is not a target URL: behind unix: stands the absolute path of "
         "a socket"},
        {"unix:/" + long_path, "\"unix:/" + long_path +
                                   "\" is not a target URL: the path of a socket has at most 107 "
                                   "characters"},
        {"http://a b",
         "\"http://a b\" is not a target URL: it contains a blank or a control "
         "character"},
        {"ftp://h", "\"ftp://h\" is not a target URL: \"ftp\" is not http, https, redis or rediss"},
    };
    for (const auto& [text, want] : rows) {
        SCOPED_TRACE(text);
        const auto url = parse_url(text);
        ASSERT_FALSE(url.has_value());
        EXPECT_EQ(url.error().message, want);
    }
}

TEST(LoopbackAddress, IsALiteralOneOrLocalhost) {
    for (const auto* host : {"localhost", "::1", "127.0.0.1", "127.9.8.7", "127.1"}) {
        EXPECT_TRUE(is_loopback_address(host)) << host;
    }
    for (const auto* host :
         {"127.example.com", "128.0.0.1", "10.0.0.1", "::2", "", "/run/127.0.0.1"}) {
        EXPECT_FALSE(is_loopback_address(host)) << host;
    }
}

}  // namespace
}  // namespace loadline

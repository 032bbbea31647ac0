#include "engine/upstream_time.hpp"

#include <gtest/gtest.h>

namespace loadline {
namespace {

std::optional<Duration> told_by(const char* head) {
    ResponseView reply;
    reply.status = 200;
    reply.head = head;
    return upstream_time(reply);
}

TEST(UpstreamTime, ReadsWhatProxiesAndApplicationsTell) {
    const struct {
        const char* head;
        double ms;
    } rows[] = {
        {"x-upstream-response-time: 0.812\r\n", 812},
        {"X-Upstream-Response-Time: 0.003, 0.120 : 0.004\r\n", 127},
        {"X-Upstream-Response-Time: -, 0.120\r\n", 120},
        {"X-Envoy-Upstream-Service-Time: 47\r\n", 47},
        {"Server-Timing: app;dur=9\r\nX-Upstream-Response-Time: 0.010\r\n", 10},
    };
    for (const auto& [head, ms] : rows) {
        SCOPED_TRACE(head);
        const auto told = told_by(head);
        ASSERT_TRUE(told);
        EXPECT_NEAR(to_ms(*told), ms, 1e-3);
    }
}

TEST(UpstreamTime, KnowsNothingWithoutAHeaderThatHoldsANumber) {
    for (const char* head :
         {"", "Content-Type: text/plain\r\n", "X-Upstream-Response-Time: -\r\n",
          "X-Upstream-Response-Time: \r\n", "X-Upstream-Response-Time: nan\r\n",
          "X-Envoy-Upstream-Service-Time: -5\r\n", "X-Envoy-Upstream-Service-Time: 1e300\r\n",
          "Server-Timing: db;dur=93\r\n"}) {
        SCOPED_TRACE(head);
        EXPECT_FALSE(told_by(head));
    }
}

}  // namespace
}  // namespace loadline

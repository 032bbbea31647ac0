#include "plan/one_liner.hpp"

#include <gtest/gtest.h>

#include "plan_support.hpp"

namespace loadline {
namespace {

OneLiner line(const std::string& url) {
    OneLiner one_liner;
    one_liner.url = *parse_url(url);
    return one_liner;
}

std::string error_of(const OneLiner& one_liner) {
    const auto plan = plan_for_url(one_liner);
    return plan ? "valid" : plan.error().message;
}

TEST(PlanForUrl, IsOneJourneyOfOneStep) {
    auto one_liner = line("http://joe:pw@127.0.0.1:81/a/${counter}?q=1");
    one_liner.method = "POST";
    one_liner.headers = {"X-Id:  ${user.index} ", "Host: other"};
    one_liner.body = "n=${counter}";
    one_liner.load.users = 3;
    const auto result = plan_for_url(one_liner);
    ASSERT_TRUE(result) << result.error().message;
    const auto& plan = **result;
    Rendering rendering{{}};
    std::string scratch, out;
    render_request(plan.steps[0], rendering.context, scratch, out);
    EXPECT_EQ(
        out,
        "POST /a/0?q=1 HTTP/1.1\r\nUser-Agent: loadline/0.1\r\nAuthorization: Basic am9lOnB3\r\n"
        "X-Id: 0\r\nHost: other\r\nContent-Length: 3\r\n\r\nn=1");
    EXPECT_EQ(plan.name, "127.0.0.1-81");
    EXPECT_EQ(plan.find_step("request"), 0u);
    EXPECT_TRUE(plan.steps[0].transaction);
    EXPECT_EQ(plan.load.users, 3u);
    EXPECT_EQ(plan.slos.size(), 2u);
    EXPECT_EQ(plan.secrets, std::vector<std::string>{"pw"});
    EXPECT_EQ(plan.journeys.size(), 1u);
}

TEST(PlanForUrl, HeadHasNoBodyToRead) {
    auto one_liner = line("http://h");
    one_liner.method = "HEAD";
    EXPECT_TRUE((*plan_for_url(one_liner))->steps[0].head_request);
}

TEST(PlanForUrl, ResolvesSloNames) {
    auto one_liner = line("http://h");
    one_liner.slos = {"p99(request) < 1s"};
    EXPECT_EQ((*plan_for_url(one_liner))->slos[0].index, 0u);
    one_liner.slos = {"p99(bet) < 1s"};
    EXPECT_EQ(
        error_of(one_liner),
        "--slo: slo \"p99(bet) < 1s\": there is no \"bet\"\n   hint: the only step and journey is "
        "called request");
}

TEST(PlanForUrl, NamesTheFlagThatIsWrong) {
    const struct {
        const char* name;
        void (*change)(OneLiner&);
        const char* want;
    } rows[] = {
        {"redis without a command", [](OneLiner& o) { o.url = *parse_url("redis://h"); },
         "a redis:// URL wants a command\n   hint: put it behind --: loadline redis://host -c50 -- "
         "GET 'key:${counter}'"},
        {"http with a command",
         [](OneLiner& o) {
             o.command = {"GET", "x"};
         },
         "\"GET\" is one word too many: commands belong to redis:// URLs"},
        {"redis with a header",
         [](OneLiner& o) {
             o.url = *parse_url("redis://h");
             o.command = {"PING"};
             o.headers = {"A: b"};
         },
         "--method, --header and --body belong to http:// URLs"},
        {"half a client certificate", [](OneLiner& o) { o.transport.tls_cert = "c.pem"; },
         "--tls-cert and --tls-key belong together"},
        {"method", [](OneLiner& o) { o.method = "post"; },
         "--method: \"post\" is not a method; did you mean POST?"},
        {"header", [](OneLiner& o) { o.headers = {"X"}; },
         "--header 'X' is not like 'Name: value'"},
        {"header name", [](OneLiner& o) { o.headers = {"A b: c"}; },
         "--header 'A b: c': \"A b\" is not the name of a header"},
        {"our header", [](OneLiner& o) { o.headers = {"content-length: 1"}; },
         "--header 'content-length: 1': loadline sets Content-Length itself"},
        {"variable", [](OneLiner& o) { o.body = "${token}"; },
         "--body uses ${token}, but nothing sets it\n   hint: variables need a scenario; here are "
         "counter, "
         "random(1, 100), uuid, now, iso_time, user.index and env.NAME"},
        {"path", [](OneLiner& o) { o.url = *parse_url("http://h/${random(1)}"); },
         "the URL has ${random(1)}, but random takes two whole numbers\n   hint: write ${random(1, "
         "100)}"},
    };
    for (const auto& [name, change, want] : rows) {
        SCOPED_TRACE(name);
        auto one_liner = line("http://h");
        change(one_liner);
        EXPECT_EQ(error_of(one_liner), want);
    }
}

}  // namespace
}  // namespace loadline

#include "report/html.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "report/chart_data.hpp"
#include "report/markup.hpp"
#include "sample_results.hpp"

namespace loadline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string page_of(const RunResult& result) {
    std::ostringstream out;
    write_html(out, result);
    return out.str();
}

std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
}

/// The page without the scripts and styles that were embedded when the program was built.
std::string markup_of(std::string page) {
    for (const char* tag : {"style", "script nonce"}) {
        for (std::size_t from; (from = page.find(std::string{"<"} + tag)) != std::string::npos;) {
            const auto close = std::string{tag} == "style" ? "</style>" : "</script>";
            page.erase(from, page.find(close, from) + std::string{close}.size() - from);
        }
    }
    return page;
}

TEST(EscapeHtml, LeavesNothingThatMarkupCouldBeMadeOf) {
    EXPECT_EQ(escape_html("<a href=\"x\" title='y'>&amp;\x1b\n"),
              "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;\xEF\xBF\xBD ");
}

TEST(EscapeScript, StaysTheSameJson) {
    const auto text = escape_script(nlohmann::json{"</script><!--"}.dump());
    EXPECT_EQ(text, "[\"\\u003c/script>\\u003c!--\"]");
    EXPECT_EQ(nlohmann::json::parse(text)[0], "</script><!--");
}

TEST(Fill, LooksAtNoValueAgain) {
    EXPECT_EQ(fill("{{a}}-{{b}}-{{c}}-{{", {{"a", "{{b}}"}, {"b", "2"}}), "{{b}}-2-{{c}}-{{");
}

TEST(ShownArguments, CarryNoCredentials) {
    const struct {
        std::vector<std::string> arguments;
        const char* want;
    } rows[] = {
        {{"loadline", "run", "my bet.json"}, "loadline run 'my bet.json'"},
        {{"-H", "Authorization: Bearer abc"}, "-H 'Authorization: ***'"},
        {{"--header=X-Api-Key: abc"}, "'--header=X-Api-Key: ***'"},
        {{"-HCookie: abc"}, "'-HCookie: ***'"},
        {{"--header", "Accept: text/html"}, "--header 'Accept: text/html'"},
        {{"redis://:hunter2@127.0.0.1:6379/0"}, "redis://***@127.0.0.1:6379/0"},
        {{"http://127.0.0.1/a@b"}, "http://127.0.0.1/a@b"},
        {{"--target", "service=http://u:p@127.0.0.1"}, "--target service=http://***@127.0.0.1"},
        {{"--body", "pass=s3cret&x"}, "--body 'pass=***&x'"},
        {{"it's"}, "'it'\\''s'"},
        {{""}, "''"},
    };
    for (const auto& [arguments, want] : rows) {
        SCOPED_TRACE(want);
        EXPECT_EQ(shown_arguments(arguments, {"s3cret", ""}), want);
    }
}

TEST(Html, HostileTextStaysText) {
    const auto page = page_of(samples::hostile_run());
    EXPECT_THAT(page, Not(HasSubstr("<img")));
    EXPECT_THAT(page, Not(HasSubstr("<!--</script")));
    EXPECT_THAT(page, HasSubstr("&lt;/script&gt;&lt;img src=x onerror=&quot;"));
    EXPECT_EQ(count_of(page, "</script"), 3u);  // data, dygraphs, the page's own
    EXPECT_EQ(page.find('\x1b'), std::string::npos);
}

TEST(Html, AsksTheNetworkForNothing) {
    for (const auto result :
         {samples::passing_run, samples::confirmed_search, samples::leaking_run}) {
        const auto page = page_of(result());
        EXPECT_THAT(page, HasSubstr("content=\"default-src 'none'; script-src 'nonce-"));
        EXPECT_THAT(page, Not(HasSubstr("sourceMappingURL")));
        const auto markup = markup_of(page);
        for (const char* request : {"http://", "https://", " src=", "url(", "@import"}) {
            EXPECT_THAT(markup, Not(HasSubstr(request)));
        }
        EXPECT_EQ(count_of(markup, "<link"), 1u);
        EXPECT_THAT(markup, HasSubstr("<link rel=\"icon\" href=\"data:,\">"));
    }
}

TEST(Html, TellsTheLimitOfDescriptorsAlsoWhereTheChartDoesNotReachIt) {
    auto result = samples::leaking_run();
    for (auto& sample : result.socket_samples) sample.fd_limit = 1'048'576;
    EXPECT_THAT(page_of(result), HasSubstr("at most 261 open, of 1 048 576"));
    result.socket_samples[3].fds = 98;  // of another worker, which is nearer to its limit
    result.socket_samples[3].fd_limit = 100;
    EXPECT_THAT(page_of(result), HasSubstr("at most 98 open, of 100"));
    for (auto& sample : result.socket_samples) sample.fds.reset();
    EXPECT_THAT(page_of(result), Not(HasSubstr("Open file descriptors</")));
}

TEST(Html, SaysTheVerdictFirst) {
    const auto page = page_of(samples::confirmed_search());
    EXPECT_THAT(page, HasSubstr("<title>CONFIRMED · bet-day · loadline</title>"));
    EXPECT_THAT(
        page, HasSubstr("<section class=\"verdict pass\"><h1><span class=\"word\">CONFIRMED</span>"
                        "374 journeys/s (598.4 transactions/s) keep the SLO, held for 1m30s</h1>"));
    EXPECT_LT(page.find("<h1>"), page.find("<h2>"));
}

TEST(Html, HasOneFrameForEachChartThatHasData) {
    const struct {
        RunResult (*result)();
        std::vector<std::string> charts, missing;
    } rows[] = {
        {samples::passing_run, {"latency", "throughput", "spectrum"}, {"curve", "sockets"}},
        {samples::confirmed_search, {"latency", "throughput", "spectrum", "curve", "sockets"}, {}},
        {samples::unreachable_run, {}, {"latency", "throughput", "spectrum", "curve", "sockets"}},
    };
    for (const auto& [result, charts, missing] : rows) {
        const auto page = page_of(result());
        for (const auto& id : charts)
            EXPECT_EQ(count_of(page, "<figure id=\"" + id + "\""), 1u) << id;
        for (const auto& id : missing)
            EXPECT_EQ(count_of(page, "<figure id=\"" + id + "\""), 0u) << id;
    }
}

TEST(Html, SaysWhatTheKubeletWouldHaveDoneWhereItWasAsked) {
    const auto page = page_of(samples::failing_run());
    EXPECT_THAT(page, testing::HasSubstr("the kubelet would have restarted this pod between"));
    EXPECT_THAT(page, testing::HasSubstr("; the load asked for 100 journeys/s then"));
    EXPECT_THAT(page, testing::HasSubstr("GET http://127.0.0.1:8080/healthz/ready every 2 s"));
    EXPECT_THAT(page_of(samples::passing_run()), testing::Not(testing::HasSubstr("Kubelet")));
}

TEST(Html, TablesHaveHeadsForRowsAndColumns) {
    const auto page = page_of(samples::failing_run());
    EXPECT_THAT(
        page, HasSubstr("<tr><th scope=\"row\" class=\"text\">p99 &lt; 100ms</th>"
                        "<td class=\"text fail\">✗ FAIL</td><td>&gt; 10 s</td><td>1050</td></tr>"));
    EXPECT_THAT(page, HasSubstr("<th scope=\"col\">Count</th>"));
}

TEST(ChartData, UnansweredPercentilesAreGapsNeverAnHour) {
    const auto data = chart_data(samples::failing_run());
    EXPECT_EQ(data.dump().find("3600"), std::string::npos);
    const auto& p99 = data["timeline"]["p99"];
    for (int second : {5, 6, 7}) EXPECT_TRUE(p99[second].is_null()) << second;
    EXPECT_FALSE(p99[4].is_null());
    EXPECT_TRUE(data["timeline"]["p90"][6].is_null());
    EXPECT_EQ(data["unanswered"].dump(), "[[5.5,8.5]]");
    EXPECT_EQ(data["phases"].dump(), "[[0.0,2.0]]");
    EXPECT_TRUE(data["spectrum"]["response"].back().is_null());
    EXPECT_EQ(data["limit_ms"], 100.0);
    EXPECT_EQ(data["limit_text"], "SLO 100 ms");
}

TEST(ChartData, TheCurveHasEveryProbeOverWhatItAskedFor) {
    const auto result = samples::confirmed_search();
    const auto curve = chart_data(result)["curve"];
    EXPECT_EQ(curve["percentile"], "p99");
    EXPECT_EQ(curve["limit_ms"], 100.0);
    EXPECT_EQ(curve["limit_text"], "SLO p99 100 ms");
    EXPECT_THAT(curve["estimate"].get<std::vector<double>>(),
                testing::Pointwise(testing::DoubleNear(1e-6), {593.6, 606.4, 620.8}));
    EXPECT_EQ(curve["confirmed"].dump(), "598.4");
    EXPECT_EQ(curve["knee"].dump(), "452.8");
    ASSERT_EQ(curve["probes"].size(), result.capacity->probes.size());
    EXPECT_EQ(curve["probes"].back().dump(),
              R"({"load":640.0,"rate":400.0,"tps":640.0,"n":768,"length_s":1.2,"p50":41.0,)"
              R"("shown":262.0,"word":"FAIL","kind":"bracket"})");
    EXPECT_FALSE(chart_data(samples::passing_run()).contains("curve"));
}

TEST(ChartData, TheCurveShowsThePercentileOfTheBindingClause) {
    auto result = samples::confirmed_search();
    auto p90 = result.clauses[0];
    p90.clause.text = "p90 < 50ms";
    p90.clause.quantile = 0.9;
    p90.clause.limit = std::chrono::milliseconds{50};
    result.clauses.push_back(p90);
    EXPECT_EQ(chart_data(result)["curve"]["percentile"], "p99");
    result.capacity->binding_clause = p90.clause.text;
    const auto curve = chart_data(result)["curve"];
    EXPECT_EQ(curve["percentile"], "p90");
    EXPECT_EQ(curve["limit_text"], "SLO p90 50 ms");
    EXPECT_EQ(curve["probes"].back()["shown"].dump(), "151.5");
}

TEST(ChartData, AProbeWhosePercentileIsUnansweredHasNoneNeverAnHour) {
    const auto curve = chart_data(samples::estimated_search())["curve"];
    EXPECT_TRUE(curve["probes"].back()["shown"].is_null());
    EXPECT_FALSE(curve.contains("confirmed"));
    EXPECT_FALSE(chart_data(samples::limited_search())["curve"].contains("estimate"));
}

TEST(ChartData, AStretchOfMillisecondsMakesNoRate) {
    auto result = samples::passing_run();
    auto last = result.measurement.timeline.back();
    last.length = std::chrono::milliseconds{3};
    last.since_start += last.length;
    result.measurement.timeline.push_back(last);
    const auto timeline = chart_data(result)["timeline"];
    for (const char* name : {"intended", "started", "transactions", "errors"}) {
        EXPECT_TRUE(timeline[name].back().is_null()) << name;
        EXPECT_FALSE(timeline[name][11].is_null()) << name;
    }
}

TEST(ChartData, SamplesOfSocketsStandAtTheTimeOfTheirSecond) {
    const auto data = chart_data(samples::leaking_run());
    const auto& t = data["sockets"]["t"];
    EXPECT_EQ(t.size(), 4u * 126);
    EXPECT_NEAR(t[0].get<double>(), 0.25, 1e-9);
    EXPECT_NEAR(t[3].get<double>(), 1.0, 1e-9);
    EXPECT_EQ(data["sockets"]["close_wait"].back(), 242);
}

TEST(ChartData, DescriptorsRunFromTheEndOfTheLoadToTheirLimit) {
    auto result = samples::leaking_run();
    const TimelinePoint* last = nullptr;
    for (const auto& point : result.measurement.timeline) {
        if (point.phase != Phase::drain) last = &point;
    }
    const auto sockets = chart_data(result)["sockets"];
    EXPECT_EQ(sockets["fd_limit"], 1024);
    EXPECT_EQ(sockets["backlog"], 128);
    EXPECT_EQ(sockets["fd_eta"], "6m25s");
    const auto& course = sockets["fd_course"];
    EXPECT_NEAR(course[0][0].get<double>(), to_seconds(last->since_start), 1e-9);
    EXPECT_EQ(course[0][1], last->sockets->fds.value());
    EXPECT_NEAR(course[1][0].get<double>(), to_seconds(last->since_start) + 385, 1e-9);
    EXPECT_EQ(course[1][1], 1024);

    result.sockets->fd_eta.reset();
    const auto steady = chart_data(result)["sockets"];
    EXPECT_FALSE(steady.contains("fd_course"));
    EXPECT_EQ(steady["fd_limit"], 1024);
}

TEST(ChartData, AnHourFitsIntoAPageThatLoadsAtOnce) {
    EXPECT_LT(page_of(samples::long_run()).size(), 1'000'000u);
}

}  // namespace
}  // namespace loadline

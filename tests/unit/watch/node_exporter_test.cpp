#include "watch/node_exporter.hpp"

#include <gmock/gmock.h>

#include "watch/count_watcher.hpp"
#include "watch/detector.hpp"
#include "watch/sock_diag.hpp"

namespace loadline {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

std::uint32_t in_state(const NodeScrape& scrape, TcpState state) {
    return scrape.states[static_cast<std::size_t>(state)];
}

constexpr const char* scrape_of_1_5 =
    "# HELP node_netstat_TcpExt_ListenOverflows Statistic TcpExtListenOverflows.\n"
    "# TYPE node_netstat_TcpExt_ListenOverflows untyped\n"
    "node_netstat_TcpExt_ListenOverflows 7\n"
    "node_netstat_TcpExt_SyncookiesSent 3\n"
    "node_netstat_TcpExt_SyncookiesFailed 4\n"
    "node_netstat_Tcp_OutSegs 1.23456789e+08\n"
    "node_netstat_Tcp_RetransSegs 12\n"
    "node_netstat_TcpExt_TCPSynRetrans 2\n"
    "node_netstat_Udp_OutDatagrams 99\n"
    "node_tcp_connection_states{state=\"close_wait\"} 41\n"
    "node_tcp_connection_states{state=\"established\"} 2\n"
    "node_tcp_connection_states{state=\"rx_queued_bytes\"} 5000\n"
    "node_tcp_connection_states{state=\"time_wait\"} 1e+06\n";

TEST(NodeScrape, HasStatesAndCounters) {
    const auto scrape = parse_node_scrape(scrape_of_1_5);
    ASSERT_TRUE(scrape);
    EXPECT_EQ(in_state(*scrape, TcpState::close_wait), 41U);
    EXPECT_EQ(in_state(*scrape, TcpState::established), 2U);
    EXPECT_EQ(in_state(*scrape, TcpState::time_wait), 1'000'000U);
    EXPECT_EQ(in_state(*scrape, TcpState::listen), 0U) << "a state without sockets is not told";
    ASSERT_TRUE(scrape->kernel);
    EXPECT_EQ(scrape->kernel->listen_overflows, 7U);
    EXPECT_EQ(scrape->kernel->syncookies_sent, 3U);
    EXPECT_EQ(scrape->kernel->segments, 123'456'789U);
    EXPECT_EQ(scrape->kernel->retransmits, 12U);
    EXPECT_EQ(scrape->kernel->listen_drops, 0U);
}

TEST(NodeScrape, TakesTheTotalsAndNotTheStatesOfOnePort) {
    const auto scrape = parse_node_scrape(
        "node_tcp_connection_states{port=\"22\",state=\"close_wait\",type=\"source\"} 3\n"
        "node_tcp_connection_states{port=\"0\",state=\"close_wait\",type=\"total\"} 8 1700000000\n"
        "node_tcp_connection_states{port=\"22\",state=\"close_wait\",type=\"dest\"} 4\n");
    ASSERT_TRUE(scrape);
    EXPECT_EQ(in_state(*scrape, TcpState::close_wait), 8U);
    EXPECT_FALSE(scrape->kernel) << "without its netstat collector nothing is known of them";
}

TEST(NodeScrape, HasNoCountersWhereItIsToldToLeaveSomeOut) {
    std::string text{scrape_of_1_5};
    const std::string syns = "node_netstat_TcpExt_TCPSynRetrans 2\n";
    text.erase(text.find(syns), syns.size());
    const auto scrape = parse_node_scrape(text);
    ASSERT_TRUE(scrape);
    EXPECT_FALSE(scrape->kernel) << "SYNs would be taken for lost segments";
}

TEST(NodeScrape, IsNoneWithoutStates) {
    for (const auto* text :
         {"", "\n\n", "<html>", "node_netstat_Tcp_OutSegs 5\n", "node_tcp_connection_states",
          "node_tcp_connection_states{", "node_tcp_connection_states{state=\"close_wait\"}",
          "node_tcp_connection_states{state=\"close_wait\"} many",
          "node_tcp_connection_states{state=\"close_wait\"} NaN",
          "node_tcp_connection_states{state=\"close_wait\"} -1",
          "node_tcp_connection_states{other_state=\"close_wait\"} 1",
          "node_tcp_connection_states{state=\"close_wait} 1"}) {
        EXPECT_FALSE(parse_node_scrape(text)) << text;
    }
}

TEST(NodeExporter, IsAskedForItsMetrics) {
    const auto path = [](const char* text) { return parse_node_exporter("--x", text)->path; };
    EXPECT_EQ(path("http://app:9100"), "/metrics");
    EXPECT_EQ(path("http://app:9100/"), "/metrics");
    EXPECT_EQ(path("http://app:9100/node/metrics"), "/node/metrics");
    EXPECT_EQ(path("http://app:9100/probe?target=a"), "/probe?target=a");
    EXPECT_EQ(parse_node_exporter("--x", "https://app:9100").error().message,
              "--x: a node_exporter is asked over http:// without a password, not over https");
}

/// One count a second, the first two before the load begins.
struct Counted {
    TimePoint start{};
    std::vector<SocketSample> samples;
    LoadFacts load;

    void count(std::uint32_t close_wait, int times = 1) {
        for (int i = 0; i < times; ++i) {
            auto& sample = samples.emplace_back();
            sample.at = start + seconds(samples.size());
            sample.close_wait = close_wait;
        }
    }
    void begin() { load.begin = samples.back().at + milliseconds(1); }
    void end(std::uint64_t closes = 1000) {
        load.end = samples.back().at + milliseconds(1);
        load.closed_at = load.end;
        load.closes = closes;
        load.settled = true;
    }
    /// So many in each second before the load, during it and in the 12 s after it.
    static Counted course(std::uint32_t before, std::uint32_t during, int length,
                          std::uint32_t after, std::uint64_t closes = 1000) {
        Counted c;
        c.count(before, 2);
        c.begin();
        c.count(during, length);
        c.end(closes);
        c.count(after, 12);
        return c;
    }
    SocketReport judge(Duration later = {}) const {
        const auto now = samples.empty() ? start : samples.back().at + later;
        return judge_counts({samples, seconds(5), now, "somebody", {}}, load);
    }
    std::string word() const { return to_string(judge().word); }
};

TEST(JudgeCounts, SaysOkWhereThereAreNoMoreThanBefore) {
    Counted c;
    c.count(4, 2);
    c.begin();
    for (int i = 0; i < 30; ++i) c.count(4 + i % 3);
    c.end();
    c.count(5, 12);
    const auto report = c.judge();
    EXPECT_STREQ(to_string(report.word), "OK");
    EXPECT_EQ(
        report.text,
        "no more sockets in CLOSE_WAIT on the whole machine than come and go by themselves: 4 "
        "before the load, at most 6 since, 5 at the end");
    EXPECT_TRUE(report.counts_only);
    EXPECT_EQ(report.before, 4U);
    EXPECT_EQ(report.leaked, 1U);
    EXPECT_EQ(report.close_wait_max, 6U);
    EXPECT_EQ(report.source, "somebody");
    EXPECT_FALSE(warns(report) || fails(report));
}

TEST(JudgeCounts, SuspectsWhatRoseAndStaysAndNeverMore) {
    Counted c;
    c.count(2, 2);
    c.begin();
    for (int i = 1; i <= 30; ++i) c.count(2 + 4 * i);
    c.end();
    c.count(122, 12);
    auto report = c.judge();
    EXPECT_STREQ(to_string(report.word), "SUSPECT");
    EXPECT_THAT(
        report.text,
        HasSubstr("122 sockets in CLOSE_WAIT on the whole machine 12.0 s after we closed our "
                  "connections: 120 more than the 2 there before, of 1000 closes; during "
                  "the load it rose by 4/s (95 % 4 to 4)"));
    EXPECT_EQ(report.leaked, 120U);
    EXPECT_TRUE(warns(report));
    EXPECT_FALSE(fails(report));
    report.strict = true;
    EXPECT_TRUE(fails(report));

    c.load.settled = false;
    EXPECT_EQ(c.word(), "INCONCLUSIVE");
}

TEST(JudgeCounts, SuspectsNobodyOfWhatMayStillBeWorkedOn) {
    auto c = Counted::course(0, 20, 20, 20);
    EXPECT_EQ(c.word(), "SUSPECT");
    c.load.closed = {{c.load.end, 1000, 18}};
    c.load.handler_limit = seconds(60);
    EXPECT_EQ(c.word(), "INCONCLUSIVE");
    EXPECT_THAT(c.judge().text, HasSubstr("As many requests that nobody awaits may still be"));
    c.load.handler_limit = seconds(10);
    EXPECT_EQ(c.word(), "SUSPECT") << "they are over";
    c.load.handler_limit = seconds(60);
    c.load.closed = {{c.load.end, 1000, 17}};
    EXPECT_EQ(c.word(), "SUSPECT") << "3 are not theirs";
    c.load.closes = c.load.closed[0].closes = 19;
    EXPECT_EQ(c.word(), "INCONCLUSIVE") << "no more than 19 of the 20 can be ours";
}

TEST(JudgeCounts, IsInconclusiveWhereItDidNotCount) {
    auto c = Counted::course(0, 0, 10, 0);
    EXPECT_EQ(c.word(), "OK");
    c.samples.erase(c.samples.begin() + 5, c.samples.begin() + 9);
    EXPECT_EQ(c.word(), "OK") << "5 s from one to the next";
    c.samples.erase(c.samples.begin() + 5);
    EXPECT_EQ(c.word(), "INCONCLUSIVE");
    EXPECT_THAT(c.judge().text, HasSubstr("were not counted for 6.00 s"));
}

TEST(JudgeCounts, TellsWhatWentFromWhatStayed) {
    auto c = Counted::course(0, 300, 20, 40);
    EXPECT_EQ(c.word(), "SUSPECT");
    c.count(2);
    EXPECT_EQ(c.word(), "TRANSIENT") << "the lowest of the last 3 s counts";
    EXPECT_THAT(c.judge().text, HasSubstr("at most 300 sockets in CLOSE_WAIT"));
}

TEST(JudgeCounts, WantsMoreWhereManyComeAndGoByThemselves) {
    for (const auto& [before, more] : {std::pair{0U, 3U}, {8U, 9U}, {99U, 30U}, {9999U, 300U}}) {
        EXPECT_EQ(outstanding_from(before), more);
        auto c = Counted::course(before, before, 5, before + more - 1);
        EXPECT_EQ(c.word(), "OK") << before;
        c.count(before + more, 4);
        EXPECT_EQ(c.word(), "SUSPECT") << before;
    }
}

TEST(JudgeCounts, IsNotExercisedByFewCloses) {
    auto c = Counted::course(0, 0, 5, 0, 19);
    EXPECT_EQ(c.word(), "NOT_EXERCISED");
    c.count(3, 4);
    EXPECT_EQ(c.word(), "SUSPECT") << "what stays is no mere note";
    c.load.closes = 2;
    EXPECT_EQ(c.word(), "NOT_EXERCISED") << "more than we closed cannot all be of the load";
    c.load.closes = 20;
    c.count(0, 4);
    EXPECT_EQ(c.word(), "TRANSIENT") << "enough closes, and nothing is left";
}

TEST(JudgeCounts, KnowsNothingWithoutCountsBeforeAndAfter) {
    Counted c;
    EXPECT_EQ(c.word(), "UNKNOWN");
    c.load.begin = c.start;
    c.count(0, 5);
    c.end();
    c.count(0, 12);
    EXPECT_EQ(c.judge().text, "the sockets were not counted before the load began");

    Counted d;
    d.count(0, 2);
    d.begin();
    d.count(0, 5);
    d.end();
    EXPECT_EQ(d.judge().text, "the sockets were not counted after the load");
    d.count(0, 12);
    EXPECT_EQ(d.word(), "OK");
    EXPECT_STREQ(to_string(d.judge(milliseconds(5001)).word), "UNKNOWN") << "silent at the end";
    const auto told = judge_counts({d.samples, seconds(5), d.samples.back().at + seconds(6), "s",
                                    "no answer: Connection refused"},
                                   d.load);
    EXPECT_EQ(told.text, "no answer: Connection refused");
}

}  // namespace
}  // namespace loadline

#include "report/certificate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "golden_text.hpp"
#include "report/figures.hpp"
#include "report/markdown.hpp"
#include "report/markup.hpp"
#include "sample_results.hpp"

namespace loadline {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// "name | value | text" of every line.
std::vector<std::string> lines_of(const RunResult& result) {
    std::vector<std::string> texts;
    for (const auto& line : certificate_lines(*result.capacity, timeout_of(result))) {
        texts.push_back(line.name + " | " + line.value + " | " + line.text);
    }
    return texts;
}

std::string line_of(const RunResult& result, const std::string& name) {
    for (const auto& text : lines_of(result)) {
        if (text.starts_with(name + " | ")) return text;
    }
    return {};
}

std::string markdown_of(const RunResult& result) {
    std::ostringstream out;
    write_markdown_certificate(out, result);
    return out.str();
}

TEST(Certificate, OfAConfirmedSearch) {
    EXPECT_THAT(
        lines_of(samples::confirmed_search()),
        ElementsAre(
            "confirmed | 598.4 TPS | 374 journeys/s, held for 1m30s",
            "estimate | 606.4 TPS | 379 journeys/s; 90 % interval 593.6 to 620.8 TPS (−2.1 %, +2.4 "
            "%)",
            "safe | 593.6 TPS | 371 journeys/s; the load line lies below it with a probability of "
            "5 %",
            "headroom | 34 % | of the estimate is left above the current 250 journeys/s",
            "per pod | 299.2 TPS | from each of 2 pods, confirmed",
            "binding |  | p99 < 100ms, the clause that breaks first",
            "failed first |  | p99 < 100ms: 118 ms, at 378 journeys/s",
            "hold | 36 % | of the bad requests that p99 < 100ms allows were used; 48 % in the "
            "worst 60 s (from 20 s on); the same hold would pass again with a chance of 97 %",
            "knee | 452.8 TPS | p50 4.30 ms, p99 23.5 ms; above it latency grows faster than "
            "throughput",
            "topology |  | generator and target shared the cores of one machine: a figure over "
            "loopback on shared cores is not a figure of production",
            "search |  | 12 probes in 58 s of a budget of 1m, 1 hold of 1m30s",
            "note |  | the hold of 1m30s is shorter than 3m20s, which is 20 times limit / allowed "
            "share: it may pass by luck"));
}

TEST(Certificate, OfAGeneratorAtItsLimitNamesNoEstimateAndNoInterval) {
    EXPECT_THAT(
        lines_of(samples::limited_search()),
        ElementsAre("at least | 5120 TPS | 3200 journeys/s; no upper bound was found",
                    "safe | 4992 TPS | 3120 journeys/s; the load line lies below it with a "
                    "probability of 5 %",
                    "knee |  | not reached: up to 5120 TPS throughput grew faster than latency",
                    "topology |  | generator and target shared the cores of one machine: a "
                    "figure over loopback on shared cores is not a figure of production",
                    "search |  | 6 probes in 24 s of a budget of 3m",
                    "note |  | no rate failed: the load line may lie higher"));
}

TEST(Certificate, OfNothingButAnEstimate) {
    EXPECT_THAT(
        lines_of(samples::estimated_search()),
        ElementsAre(
            "estimate | 606.4 TPS | 379 journeys/s; 90 % interval 568 to 648 TPS (−6.3 %, "
            "+6.9 %)",
            "safe | 568 TPS | 355 journeys/s; the load line lies below it with a "
            "probability of 5 %",
            "headroom | none | the current 424.5 journeys/s are 12 % more than the estimate",
            "binding |  | p99 < 100ms, the clause that breaks first",
            "failed first |  | p99 < 100ms: > 10 s, at 400 journeys/s",
            "topology |  | the target is another machine",
            "search |  | 3 probes in 1m of a budget of 1m"));
}

TEST(Certificate, AHoldThatFailedSaysSo) {
    auto result = samples::confirmed_search();
    auto& c = *result.capacity;
    c.confirmed_rate.reset();
    c.confirmed_tps.reset();
    c.hold = HoldFacts{376, 90s, false, "p99 < 100ms", 1.31, {}, {}, {}};
    EXPECT_EQ(line_of(result, "confirmed"), "");
    EXPECT_EQ(
        line_of(result, "hold"),
        "hold | 131 % | of the bad requests that p99 < 100ms allows were used: the last hold, "
        "1m30s at 376 journeys/s, failed");
}

TEST(Certificate, SafeIsNeverAdvisedAboveWhatWasConfirmed) {
    auto result = samples::confirmed_search();
    result.capacity->confirmed_rate = 365;
    EXPECT_THAT(line_of(result, "safe"),
                testing::EndsWith("; more than was confirmed, so plan with that"));
}

TEST(Certificate, ChancesNearOneAndNoneClaimNoCertainty) {
    auto result = samples::confirmed_search();
    const struct {
        double chance;
        const char* want;
    } rows[] = {{0.9999, "again with a chance of over 99 %"},
                {0.93, "again with a chance of 93 %"},
                {0.041, "again with a chance of 4.1 %"},
                {0.0001, "again with a chance of under 1 %"}};
    for (const auto& [chance, want] : rows) {
        result.capacity->hold->chance_to_repeat = chance;
        EXPECT_THAT(line_of(result, "hold"), HasSubstr(want));
    }
}

TEST(Certificate, AWeakStatementIsToldInColour) {
    const auto result = samples::confirmed_search();
    for (const auto& line : certificate_lines(*result.capacity, timeout_of(result))) {
        const bool doubtful = line.tone == VerdictWord::invalid;
        EXPECT_EQ(doubtful, line.name == "topology" || line.name == "note") << line.name;
    }
}

TEST(WorstClause, IsTheOneOfWhichMostWasUsed) {
    const auto result = samples::confirmed_search();
    ProbeResult probe;
    EXPECT_FALSE(worst_clause(probe, result.clauses));
    probe.clauses = {{1000, 9, {}, {}, {}}, {1000, 2, {}, {}, {}}};  // 0.9 of 1 %, 0.2 of 0.1 %
    const auto worst = worst_clause(probe, result.clauses);
    ASSERT_TRUE(worst.has_value());
    EXPECT_EQ(worst->clause, 1u);
    EXPECT_NEAR(worst->used, 2, 1e-9);
    probe.clauses[1].requests = 0;
    EXPECT_NEAR(worst_clause(probe, result.clauses)->used, 0.9, 1e-9);
    EXPECT_EQ(bad_share_text(probe, 0), "0.9 %");
    EXPECT_EQ(bad_share_text(probe, 1), "–");
    EXPECT_EQ(bad_share_text(probe, 7), "–");
}

TEST(ShortShare, KeepsTheDigitsThatMeanSomething) {
    const struct {
        double share;
        const char* want;
    } rows[] = {{0, "0 %"},        {0.00004, "0.004 %"}, {0.00123, "0.12 %"},
                {0.0368, "3.7 %"}, {0.2149, "21 %"},     {1, "100 %"}};
    for (const auto& [share, want] : rows) EXPECT_EQ(short_share(share), want);
}

TEST(WorstClause, LeavesOutWhatIsJudgedInHoldsAlone) {
    auto result = samples::confirmed_search();
    ProbeResult probe;
    probe.clauses = {{1000, 900, {}, {}, {}}, {1000, 0, {}, {}, {}}};
    result.clauses[0].clause.over_every = 10s;
    EXPECT_EQ(worst_clause(probe, result.clauses)->clause, 1u);
}

TEST(ActualText, OfAClauseOverWindowsIsTheWorst) {
    auto clause = samples::confirmed_search().clauses[0];
    clause.clause.over_every = 10s;
    clause.windows = 9;
    clause.windows_broken = 2;
    EXPECT_EQ(actual_text(clause), "58.1 ms in the worst of 9 windows, 2 broken");
}

TEST(InvalidProbes, AreNamedOnceForEachReason) {
    EXPECT_THAT(invalid_probes(*samples::limited_search().capacity),
                ElementsAre("at 6400 journeys/s: requests left late: send lag p99 above 5.00 ms in "
                            "2 of 4 seconds: fewer requests, or more threads and cores"));
}

TEST(LengthText, SaysWhatWasPlannedOfAProbeThatEndedEarly) {
    ProbeResult probe;
    probe.length = probe.planned = 6s;
    EXPECT_EQ(length_text(probe), "6 s");
    probe.length = 3100ms;
    EXPECT_EQ(length_text(probe), "3.1 s of 6 s");
}

TEST(Markdown, WholeCertificates) {
    const struct {
        const char* file;
        RunResult (*result)();
    } rows[] = {{"certificate_search.md", samples::confirmed_search},
                {"certificate_limited.md", samples::limited_search},
                {"certificate_estimate.md", samples::estimated_search}};
    for (const auto& [file, result] : rows) {
        SCOPED_TRACE(file);
        EXPECT_EQ(markdown_of(result()), text_of_file(file));
    }
}

TEST(Markdown, HostileTextStaysText) {
    auto result = samples::confirmed_search();
    result.scenario_name = "a|b<img src=x>`c`\n# d";
    result.capacity->failed_first = "[x](http://y) *z* &lt;";
    const auto text = markdown_of(result);
    EXPECT_THAT(text, HasSubstr("a\\|b\\<img src=x\\>\\`c\\` \\# d"));
    EXPECT_THAT(text, HasSubstr("\\[x\\](http://y) \\*z\\* \\&lt;"));
    EXPECT_THAT(text, Not(HasSubstr("b<img")));
}

}  // namespace
}  // namespace loadline

#include "result/comparison_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "comparison_parts.hpp"
#include "schema_check.hpp"

namespace loadline {
namespace {

using Json = nlohmann::json;

nlohmann::json schema() {
    std::ifstream in{TEST_DATA "/../../../docs/compare.schema.json"};
    return Json::parse(in);
}

Comparison sample_gate() {
    auto c = samples::gate_of("settle", "late", 0);
    c.base.source = "./old";
    c.candidate.source = "./new \xff";
    return c;
}

TEST(ComparisonJson, KeepsTheSchema) {
    SchemaCheck check{schema()};
    EXPECT_THAT(check(Json(comparison_json(sample_gate()))), testing::IsEmpty());
    Comparison capacity;
    capacity.kind = Comparison::Kind::capacity;
    auto& figure = capacity.figures.emplace_back();
    figure.metric = "capacity";
    figure.unit = ComparedFigure::Unit::per_second;
    figure.base = 1000;
    figure.candidate = 950;
    figure.change = -0.05;
    figure.z = 2;
    figure.limit = -0.03;
    figure.word = CompareWord::warn;
    EXPECT_THAT(check(Json(comparison_json(capacity))), testing::IsEmpty());
}

TEST(ComparisonJson, SaysWhatTheGateFound) {
    const Json json = comparison_json(sample_gate());
    EXPECT_EQ(json["verdict"]["word"], "FAIL");
    EXPECT_EQ(json["verdict"]["exit_code"], 1);
    EXPECT_EQ(json["verdict"]["reasons"][0]["code"], "regression");
    EXPECT_EQ(json["config"]["restarts"], true);
    EXPECT_EQ(json["config"]["candidate"]["source"], "./new \xef\xbf\xbd") << "valid UTF-8";
    EXPECT_EQ(json["results"]["kept_pairs"], 9);
    const auto& p50 = json["results"]["figures"][0];
    EXPECT_EQ(p50["metric"], "p50");
    EXPECT_EQ(p50["base_ms"], 10);
    EXPECT_EQ(p50["candidate_ms"], 20);
    EXPECT_NEAR(p50["change_share"].get<double>(), 1, 1e-6);
    EXPECT_EQ(p50["limit_share"], 0.03);
    const auto& p999 = json["results"]["figures"][2];
    EXPECT_EQ(p999["base_ms"], nullptr) << "unanswered exchanges reach it";
    EXPECT_EQ(p999["word"], "PASS");
    EXPECT_EQ(json["results"]["figures"][4]["step"], "settle");
    EXPECT_FALSE(json["results"]["figures"][4].contains("word")) << "shown, not judged";
    const auto& segment = json["results"]["segments"][5];
    EXPECT_EQ(segment["pair"], 3);
    EXPECT_EQ(segment["side"], "candidate");
    EXPECT_EQ(segment["invalid"][0]["code"], "send_lag");
    EXPECT_EQ(segment["steps"]["settle"]["requests"], 4500);
}

TEST(ComparisonExitCode, FollowsTheWord) {
    const struct {
        CompareWord word;
        bool strict;
        int signal, want;
    } rows[] = {{CompareWord::pass, true, 0, 0},          {CompareWord::warn, false, 0, 0},
                {CompareWord::warn, true, 0, 1},          {CompareWord::fail, false, 0, 1},
                {CompareWord::inconclusive, false, 0, 4}, {CompareWord::fail, false, 2, 130},
                {CompareWord::pass, false, 15, 143}};
    for (const auto& [word, strict, signal, want] : rows) {
        Comparison c;
        c.word = word;
        c.strict = strict;
        c.signal = signal;
        EXPECT_EQ(exit_code(c), want) << to_string(word);
    }
}

TEST(ChangeText, IsForPeople) {
    const struct {
        double change;
        const char* text;
    } rows[] = {{0.034, "+3.4 %"}, {-0.12, "-12 %"},  {0, "0 %"},       {-0.0001, "0 %"},
                {1, "+100 %"},     {0.0995, "+10 %"}, {0.05, "+5.0 %"}, {11, "×12"}};
    for (const auto& [change, text] : rows) EXPECT_EQ(change_text(change), text) << change;
    EXPECT_EQ(slower_text(0.034), "3.4 % slower");
    EXPECT_EQ(slower_text(11), "12 times as slow");
}

}  // namespace
}  // namespace loadline

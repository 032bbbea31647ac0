#include "result/gate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "sample_plan.hpp"

namespace loadline {
namespace {

using testing::HasSubstr;

/// A segment of `requests` whose percentiles are p50 = `p50`, p99 = 10 times and p99.9 = 20
/// times as long.
Segment segment(Side side, std::size_t pair, double p50_ms, std::uint64_t requests = 2000,
                std::uint64_t errors = 0) {
    Segment s;
    s.side = side;
    s.pair = pair;
    s.length = seconds(15);
    auto& all = s.scopes.emplace_back();
    all.requests = requests;
    all.errors = errors;
    all.percentiles = {milliseconds(p50_ms), milliseconds(10 * p50_ms), milliseconds(20 * p50_ms)};
    return s;
}

/// Pairs in which the base takes 10 ms and the candidate 10 ms times 1 + each change.
std::vector<Segment> pairs_of(const std::vector<double>& changes) {
    std::vector<Segment> segments;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        segments.push_back(segment(Side::base, i, 10));
        segments.push_back(segment(Side::candidate, i, 10 * (1 + changes[i])));
    }
    return segments;
}

const ComparedFigure& figure(const GateJudgement& judgement, const std::string& metric) {
    for (const auto& f : judgement.figures) {
        if (f.metric == metric && f.scope.empty()) return f;
    }
    throw std::logic_error("no figure " + metric);
}

TEST(JudgeGate, FailsOnlyWhatIsBothSignificantAndLarge) {
    const struct {
        const char* what;
        std::vector<double> changes;
        CompareWord p50, p99, p999, word;
    } rows[] = {
        // Ten times the same sign: p = 2^-10.
        {"equal", std::vector<double>(10, 0.0), CompareWord::pass, CompareWord::pass,
         CompareWord::pass, CompareWord::pass},
        {"2 % slower each time", std::vector<double>(10, 0.02), CompareWord::warn,
         CompareWord::warn, CompareWord::warn, CompareWord::warn},
        {"4 %: above the limit of p50 alone", std::vector<double>(10, 0.04), CompareWord::fail,
         CompareWord::warn, CompareWord::warn, CompareWord::fail},
        {"7 %: above those of p50 and p99", std::vector<double>(10, 0.07), CompareWord::fail,
         CompareWord::fail, CompareWord::warn, CompareWord::fail},
        {"12 %: above all", std::vector<double>(10, 0.12), CompareWord::fail, CompareWord::fail,
         CompareWord::fail, CompareWord::fail},
        {"20 % quicker", std::vector<double>(10, -0.2), CompareWord::pass, CompareWord::pass,
         CompareWord::pass, CompareWord::pass},
        {"large, but as often quicker",
         {0.5, -0.1, 0.5, -0.1, 0.5, -0.1, 0.5, -0.1, 0.5, -0.1},
         CompareWord::warn,
         CompareWord::warn,
         CompareWord::warn,
         CompareWord::warn},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        const auto judged = judge_gate(pairs_of(row.changes), 0.001);
        EXPECT_EQ(judged.kept_pairs, 10u);
        EXPECT_EQ(figure(judged, "p50").word, row.p50);
        EXPECT_EQ(figure(judged, "p99").word, row.p99);
        EXPECT_EQ(figure(judged, "p99.9").word, row.p999);
        EXPECT_EQ(judged.word, row.word);
    }
}

TEST(JudgeGate, GivesTheShiftWithItsIntervalAndItsPValue) {
    const auto judged =
        judge_gate(pairs_of({.06, .08, .09, .10, .10, .10, .11, .11, .12, .14}), 0.001);
    const auto& p99 = figure(judged, "p99");
    EXPECT_DOUBLE_EQ(*p99.base, 100);
    EXPECT_NEAR(*p99.candidate, 110, 1e-6);
    EXPECT_NEAR(*p99.change, 0.10, 0.005);
    EXPECT_LT((*p99.change_interval)[0], 0.10);
    EXPECT_GT((*p99.change_interval)[1], 0.10);
    EXPECT_DOUBLE_EQ(*p99.p_value, std::ldexp(1.0, -10));
    ASSERT_FALSE(judged.reasons.empty());
    EXPECT_EQ(judged.reasons[0].code, "regression");
    EXPECT_EQ(judged.reasons[0].text,
              "p50 is 10 % slower than the base (p < 0.001; more than 3 % fails)");
}

TEST(JudgeGate, DropsInvalidAndCutOffSegmentsWithTheirPair) {
    auto segments = pairs_of(std::vector<double>(10, 0.2));
    segments[0].invalid.push_back({"send_lag", "the generator was late"});
    segments[3].invalid.push_back({"send_lag", "the generator was late"});
    EXPECT_EQ(judge_gate(segments, 0.001).kept_pairs, 8u);
    EXPECT_EQ(judge_gate(segments, 0.001).word, CompareWord::fail);
    EXPECT_THAT(
        judge_gate(segments, 0.001).notes,
        testing::ElementsAre("2 segments were dropped with their pair: the generator was late"));

    segments.back().interrupted = true;
    const auto seven = judge_gate(segments, 0.001);
    EXPECT_EQ(seven.kept_pairs, 7u);
    EXPECT_EQ(seven.word, CompareWord::inconclusive);
    EXPECT_EQ(seven.reasons[0].code, "too_few_pairs");
    EXPECT_EQ(seven.reasons[0].text, "7 whole, valid pairs, and it takes 8 to judge");
}

TEST(JudgeGate, SaysNothingWithoutSegments) {
    const auto judged = judge_gate({}, 0.001);
    EXPECT_EQ(judged.word, CompareWord::inconclusive);
    EXPECT_FALSE(figure(judged, "p50").change);
}

TEST(JudgeGate, FailsAnErrorRateAboveTheSloHoweverQuickTheAnswers) {
    const struct {
        std::uint64_t errors;  // of 2000 in one of ten segments
        double limit;
        CompareWord word;
    } rows[] = {{0, 0, CompareWord::pass},
                {1, 0, CompareWord::fail},
                {20, 0.001, CompareWord::pass},  // exactly what is allowed
                {21, 0.001, CompareWord::fail}};
    for (const auto& [errors, limit, word] : rows) {
        SCOPED_TRACE(errors);
        auto segments = pairs_of(std::vector<double>(10, -0.5));
        segments[1].scopes[0].errors = errors;
        const auto judged = judge_gate(segments, limit);
        EXPECT_EQ(judged.word, word);
        EXPECT_EQ(figure(judged, "errors").word, word);
    }
    auto few = pairs_of(std::vector<double>(3, 0));
    few[1].scopes[0].errors = 500;
    EXPECT_EQ(judge_gate(few, 0.001).word, CompareWord::fail) << "also where pairs are too few";
}

TEST(JudgeGate, NeedsTheSamplesOfP99AndLeavesP999OutWithoutThem) {
    auto segments = pairs_of(std::vector<double>(10, 0.0));
    for (auto& s : segments) s.scopes[0].percentiles[2].reset();
    const auto without_p999 = judge_gate(segments, 0.001);
    EXPECT_EQ(without_p999.word, CompareWord::pass);
    EXPECT_FALSE(figure(without_p999, "p99.9").word) << "not judged, and not passed either";
    for (auto& s : segments) s.scopes[0].percentiles[1].reset();
    const auto without_p99 = judge_gate(segments, 0.001);
    EXPECT_EQ(without_p99.word, CompareWord::inconclusive);
    EXPECT_EQ(without_p99.reasons[0].text,
              "p99: 0 pairs have the 100 requests on both sides that it takes");
}

TEST(JudgeGate, NotesAStepThatIsSlowerAndDoesNotJudgeIt) {
    auto segments = pairs_of(std::vector<double>(10, 0.0));
    for (auto& s : segments) {
        auto step = s.scopes[0];
        step.name = "settle";
        if (s.side == Side::candidate) {
            for (auto& p : step.percentiles) p = *p * 2;
        }
        s.scopes.push_back(step);
    }
    const auto judged = judge_gate(segments, 0.001);
    EXPECT_EQ(judged.word, CompareWord::pass);
    ASSERT_EQ(judged.figures.size(), 8u);
    EXPECT_EQ(judged.figures[4].scope, "settle");
    EXPECT_NEAR(*judged.figures[4].change, 1, 1e-9);
    EXPECT_FALSE(judged.figures[4].word);
    ASSERT_EQ(judged.notes.size(), 3u);
    EXPECT_THAT(judged.notes[0], HasSubstr("p50 of step settle is 100 % slower"));
}

TEST(SegmentOf, PoolsTransactionsAndListsTheSteps) {
    const auto plan = sample_plan();
    auto m = sample_measurement();
    add(m.total.steps[0], 1000, milliseconds(1));
    add(m.total.steps[1], 100, milliseconds(3));
    add(m.total.steps[1], 1, Histogram::unanswered);
    add(m.total.steps[2], 5000, milliseconds(50));  // no transaction
    const auto s = segment_of(Side::candidate, 4, plan, m);
    EXPECT_EQ(s.pair, 4u);
    EXPECT_TRUE(s.invalid.empty());
    ASSERT_EQ(s.scopes.size(), 3u);
    EXPECT_EQ(s.scopes[0].requests, 1101u);
    EXPECT_EQ(s.scopes[0].errors, 1u);
    EXPECT_NEAR(to_ms(*s.scopes[0].percentiles[0]), 1, 0.01);
    EXPECT_NEAR(to_ms(*s.scopes[0].percentiles[1]), 3, 0.01);
    EXPECT_EQ(s.scopes[2].name, "settle");
    EXPECT_EQ(*s.scopes[2].percentiles[1], Duration{3'000'319}) << "the upper edge of its bucket";
    EXPECT_FALSE(s.scopes[2].percentiles[2]) << "101 requests have no p99.9";
}

TEST(SegmentOf, OneStepIsAllThereIs) {
    const auto plan = sample_plan();
    auto m = sample_measurement();
    add(m.total.steps[0], 1000, milliseconds(1));
    EXPECT_EQ(segment_of(Side::base, 0, plan, m).scopes.size(), 1u);
}

TEST(SegmentOf, IsInvalidWhereTheServiceIsNotToBlame) {
    const auto plan = sample_plan();
    auto m = sample_measurement();
    EXPECT_EQ(segment_of(Side::candidate, 0, plan, m).invalid[0].text, "nothing was measured");
    add(m.total.steps[0], 1000, Histogram::unanswered);
    m.never_answered = true;
    m.unreachable = "127.0.0.1:80";
    EXPECT_TRUE(segment_of(Side::candidate, 0, plan, m).invalid.empty()) << "its errors count";
    EXPECT_EQ(segment_of(Side::base, 0, plan, m).invalid[0].text, "127.0.0.1:80 never answered");
    m.generator.limits.push_back({"send_lag", "late"});
    EXPECT_EQ(segment_of(Side::candidate, 0, plan, m).invalid[0].code, "send_lag");
}

TEST(ErrorLimitOf, IsThatOfTheClauseOnAllTransactions) {
    auto plan = sample_plan();
    EXPECT_DOUBLE_EQ(error_limit_of(plan), 0.001) << "without a clause";
    auto of_a_step = errors(0.5);
    of_a_step.scope = SloClause::Scope::step;
    plan.slos = {of_a_step, percentile(0.99, milliseconds(100)), errors(0.02)};
    EXPECT_DOUBLE_EQ(error_limit_of(plan), 0.02);
}

}  // namespace
}  // namespace loadline

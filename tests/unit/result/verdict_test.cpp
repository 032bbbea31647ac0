#include "result/verdict.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "sample_plan.hpp"
#include "stats/hlog.hpp"

namespace loadline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto pass = VerdictWord::pass, fail = VerdictWord::fail, invalid = VerdictWord::invalid;

ClauseResult judge_one(const SloClause& clause, const TrialMeasurement& measurement) {
    Plan plan = sample_plan();
    plan.slos = {clause};
    return judge_clauses(plan, measurement).at(0);
}

std::string codes(const Verdict& verdict) {
    std::string text = to_string(verdict.word);
    for (const auto& reason : verdict.reasons) text += " " + reason.code;
    return text;
}

TEST(JudgeClauses, PoolsTheTransactionsAndLeavesOtherStepsOut) {
    auto measurement = sample_measurement();
    add(measurement.total.steps[0], 60, milliseconds{20});
    add(measurement.total.steps[1], 40, milliseconds{40});
    add(measurement.total.steps[2], 9000, seconds{1});  // "ping" is no transaction
    const auto result = judge_one(percentile(0.99, milliseconds{100}), measurement);
    EXPECT_EQ(result.word, pass);
    EXPECT_EQ(result.samples, 100u);
    EXPECT_NEAR(to_ms(*result.actual), 40, 0.04);
    EXPECT_FALSE(result.actual_over);
}

TEST(JudgeClauses, ANamedClauseJudgesItsStepOrJourneyAlone) {
    auto measurement = sample_measurement();
    add(measurement.total.steps[0], 100, milliseconds{20});
    add(measurement.total.steps[1], 100, milliseconds{300});
    add(measurement.total.journeys[0], 200, milliseconds{90});
    const struct {
        SloClause::Scope scope;
        std::uint32_t index;
        VerdictWord word;
        std::uint64_t samples;
    } rows[] = {{SloClause::Scope::step, 0, pass, 100},
                {SloClause::Scope::step, 1, fail, 100},
                {SloClause::Scope::journey, 0, pass, 200}};
    for (const auto& row : rows) {
        auto clause = percentile(0.9, milliseconds{100});
        clause.scope = row.scope;
        clause.index = row.index;
        const auto result = judge_one(clause, measurement);
        EXPECT_EQ(result.word, row.word);
        EXPECT_EQ(result.samples, row.samples);
    }
}

TEST(JudgeClauses, APercentileThatUnansweredOnesReachIsAboveTheLargestTimeout) {
    auto measurement = sample_measurement();
    add(measurement.total.steps[0], 98, milliseconds{1});
    add(measurement.total.steps[1], 2, Histogram::unanswered);
    const auto p99 = judge_one(percentile(0.99, std::chrono::hours{2}), measurement);
    EXPECT_EQ(p99.word, fail) << "infinity is above every limit";
    EXPECT_FALSE(p99.actual);
    EXPECT_EQ(p99.actual_over, Duration{seconds{10}});

    const auto p98 = judge_one(percentile(0.98, milliseconds{100}), measurement);
    EXPECT_EQ(p98.word, pass);
    EXPECT_TRUE(p98.actual);
}

TEST(JudgeClauses, AJourneysTimeoutIsTheLargestOfItsSteps) {
    auto measurement = sample_measurement();
    add(measurement.total.journeys[0], 10, Histogram::unanswered);
    auto clause = percentile(0.5, seconds{1});
    clause.scope = SloClause::Scope::journey;
    clause.index = 0;
    EXPECT_EQ(judge_one(clause, measurement).actual_over, Duration{seconds{60}});
    clause.scope = SloClause::Scope::step;
    clause.index = 1;
    add(measurement.total.steps[1], 10, Histogram::unanswered);
    EXPECT_EQ(judge_one(clause, measurement).actual_over, Duration{seconds{4}});
}

TEST(JudgeClauses, TooFewSamplesNeverPass) {
    const struct {
        double q;
        std::uint64_t samples;
        VerdictWord word;
    } rows[] = {{0.99, 0, invalid},      {0.99, 99, invalid},
                {0.99, 100, pass},       {0.5, 1, invalid},
                {0.5, 2, pass},          {0.999, 999, invalid},
                {0.999, 1000, pass},     {0.99999, 99'999, invalid},
                {0.99999, 100'000, pass}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.samples);
        auto measurement = sample_measurement();
        if (row.samples > 0) add(measurement.total.steps[0], row.samples, milliseconds{1});
        const auto result = judge_one(percentile(row.q, milliseconds{100}), measurement);
        EXPECT_EQ(result.word, row.word);
        EXPECT_EQ(result.actual.has_value(), row.word == pass);
    }
    EXPECT_EQ(judge_one(errors(0.5), sample_measurement()).word, invalid);
    EXPECT_EQ(judge_one(errors(0), sample_measurement()).word, invalid);
    EXPECT_EQ(judge_one(errors(0.5), TrialMeasurement{}).word, invalid);
}

TEST(JudgeClauses, ComparesAsWritten) {
    auto measurement = sample_measurement();
    add(measurement.total.steps[0], 99, milliseconds{1});
    add(measurement.total.steps[0], 1, Histogram::unanswered);
    const Duration exact = measurement.total.steps[0].response_time.quantile(0.5);
    const struct {
        SloClause clause;
        VerdictWord word;
    } rows[] = {
        {percentile(0.5, exact), fail},
        {percentile(0.5, exact, true), pass},
        {percentile(0.5, exact + Duration{1}), pass},
        {percentile(0.5, exact - Duration{1}, true), fail},
        {errors(0.01), fail},
        {errors(0.01, true), pass},
        {errors(0.0101), pass},
        {errors(0, true), fail},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(judge_one(row.clause, measurement).word, row.word) << &row - rows;
    }
    EXPECT_DOUBLE_EQ(judge_one(errors(0.5), measurement).actual_share, 0.01);
}

TEST(JudgeClauses, ErrorsBelowZeroPercentMeansNone) {
    auto measurement = sample_measurement();
    add(measurement.total.steps[0], 5, milliseconds{1});
    EXPECT_EQ(judge_one(errors(0), measurement).word, pass);
}

/// One row of the order of verdicts: what is true of the trial, and the whole answer.
TEST(Judge, TheStrongestReasonWins) {
    const struct {
        bool leak, limited, unreachable, interrupted;
        std::vector<VerdictWord> clauses;
        const char* want;
    } rows[] = {
        {false, false, false, false, {pass, pass}, "PASS"},
        {false, false, false, false, {pass, fail}, "FAIL slo"},
        {false, false, false, false, {invalid, pass}, "INVALID too_few_samples"},
        {false, false, false, false, {invalid, fail}, "FAIL slo too_few_samples"},
        {false, true, false, false, {pass}, "INVALID send_lag"},
        {false, true, false, false, {fail}, "INVALID send_lag slo"},
        {false, false, true, false, {invalid}, "INVALID unreachable too_few_samples"},
        {true, false, false, false, {pass}, "FAIL leak"},
        {true, true, false, false, {fail}, "FAIL leak send_lag slo"},
        {false, false, false, true, {pass}, "PASS interrupted"},
        {true,
         true,
         true,
         true,
         {invalid, fail},
         "FAIL leak send_lag unreachable slo too_few_samples interrupted"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.want);
        auto measurement = sample_measurement();
        measurement.interrupted = row.interrupted;
        measurement.never_answered = row.unreachable;
        if (row.limited) measurement.generator.limits.push_back({"send_lag", "late"});
        std::optional<SocketReport> sockets{std::in_place};
        sockets->word = row.leak ? SocketWord::leak_confirmed : SocketWord::inconclusive;
        std::vector<ClauseResult> clauses;
        for (const auto word : row.clauses) {
            auto& clause = clauses.emplace_back();
            clause.clause = percentile(0.99, milliseconds{100});
            clause.word = word;
            clause.actual = milliseconds{1};
        }
        EXPECT_EQ(codes(judge(measurement, clauses, sockets)), row.want);
    }
}

TEST(Judge, WithoutAnSloAnythingMeasuredPassesAndNothingDoesNot) {
    auto measurement = sample_measurement();
    EXPECT_EQ(codes(judge(measurement, {}, {})), "INVALID too_few_samples");
    add(measurement.total.steps[2], 1, milliseconds{1});
    EXPECT_EQ(codes(judge(measurement, {}, {})), "PASS");
}

TEST(Judge, SaysWhyInWholeSentences) {
    auto measurement = sample_measurement();
    add(measurement.total.steps[0], 150, milliseconds{312});
    add(measurement.total.steps[0], 50, Histogram::unanswered);
    measurement.never_answered = true;
    measurement.unreachable = "127.0.0.1:6379";
    Plan plan = sample_plan();
    plan.slos = {percentile(0.5, milliseconds{100}), percentile(0.99, milliseconds{100}),
                 errors(0.01), percentile(0.999, milliseconds{100})};
    plan.slos[0].text = "p50 < 100ms";
    plan.slos[3].text = "p99.9 < 100ms";
    const auto verdict = judge(measurement, judge_clauses(plan, measurement), {});
    std::vector<std::string> texts;
    for (const auto& reason : verdict.reasons) texts.push_back(reason.text);
    const std::vector<std::string> want{
        "127.0.0.1:6379 never answered",
        "p50 < 100ms: 312 ms",
        "p99 < 100ms: > 10.0 s",
        "errors < 1%: 25 % of 200 failed",
        "p99.9 < 100ms: 200 samples, and it takes 1000 to judge it",
    };
    EXPECT_EQ(texts, want);
}

TEST(JudgeClauses, AClauseOverWindowsFailsWithItsWorstWindow) {
    auto plan = sample_plan();
    auto clause = parse_slo("p90 < 100ms over every 2s").value();
    plan.slos = {clause};
    auto m = sample_measurement();
    m.measured = std::chrono::seconds{5};  // two windows, and a second that fills none
    const auto second = [&](int t, int ms) {
        Histogram histogram;
        histogram.record(std::chrono::milliseconds{ms}, 10);
        const auto step =
            static_cast<StepIndex>(std::find_if(plan.steps.begin(), plan.steps.end(),
                                                [](const auto& s) { return s.transaction; }) -
                                   plan.steps.begin());
        m.step_seconds.push_back({step, std::chrono::seconds{t}, std::chrono::seconds{1},
                                  histogram.max(), encode_histogram(histogram)});
    };
    m.step_seconds.clear();
    for (const auto& [t, ms] : {std::pair{7, 20}, {8, 30}, {9, 40}, {10, 50}, {11, 900}}) {
        second(t, ms);
    }
    auto judged = judge_clauses(plan, m).at(0);
    EXPECT_EQ(judged.word, pass);
    EXPECT_EQ(judged.windows, 2u);
    EXPECT_NEAR(to_ms(*judged.actual), 50, .1);
    m.step_seconds.clear();
    for (const auto& [t, ms] : {std::pair{7, 20}, {8, 30}, {9, 40}, {10, 150}, {11, 20}}) {
        second(t, ms);
    }
    judged = judge_clauses(plan, m).at(0);
    EXPECT_EQ(judged.word, fail);
    EXPECT_EQ(judged.windows_broken, 1u);
    EXPECT_NEAR(to_ms(*judged.actual), 150, .2);
    m.step_seconds.clear();
    EXPECT_EQ(judge_clauses(plan, m).at(0).word, invalid);
}

TEST(CountClause, CountsWhatIsSlowUnansweredOrNotOk) {
    const auto plan = sample_plan();
    Interval interval{plan.steps.size(), plan.journeys.size()};
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
        add(interval.steps[i], 90, std::chrono::milliseconds{10});
        add(interval.steps[i], 10, std::chrono::milliseconds{200});
    }
    const auto transactions = static_cast<std::uint64_t>(std::count_if(
        plan.steps.begin(), plan.steps.end(), [](const auto& step) { return step.transaction; }));
    const auto slow = count_clause(plan, parse_slo("p99 < 100ms").value(), interval);
    EXPECT_EQ(slow.requests, 100 * transactions);
    EXPECT_EQ(slow.bad, 10 * transactions);
    auto step = parse_slo("p99(x) < 100ms").value();
    step.index = 0;
    EXPECT_EQ(count_clause(plan, step, interval).bad, 10u);
    EXPECT_EQ(count_clause(plan, parse_slo("errors < 1%").value(), interval).bad, 0u);
}

TEST(JudgeSearch, FollowsTheWordOfTheSearchUnlessTheServerLeaks) {
    const struct {
        const char* word;
        VerdictWord want;
    } rows[] = {{"CONFIRMED", pass},  {"ESTIMATE-ONLY", pass}, {"NO-RATE", fail},
                {"METASTABLE", fail}, {"WARMING", invalid},    {"GENERATOR-LIMITED", invalid},
                {"UNSTABLE", invalid}};
    std::optional<SocketReport> leak{std::in_place};
    leak->word = SocketWord::leak_confirmed;
    for (const auto& row : rows) {
        CapacityResult capacity;
        capacity.word = row.word;
        EXPECT_EQ(judge_search(capacity, sample_measurement(), {}).word, row.want) << row.word;
        EXPECT_EQ(judge_search(capacity, sample_measurement(), leak).word, fail) << row.word;
    }
    auto silent = sample_measurement();
    silent.never_answered = true;
    CapacityResult limited;
    limited.word = "GENERATOR-LIMITED";
    EXPECT_EQ(codes(judge_search(limited, silent, {})), "INVALID unreachable capacity");
}

TEST(Judge, FailsForDescriptorsAndForWhatBuildsUpWhereStrict) {
    const struct {
        SocketWord word;
        bool exhausted, strict;
        const char* want;
    } rows[] = {
        {SocketWord::ok, true, false, "FAIL fd_exhausted"},
        {SocketWord::leak_confirmed, true, false, "FAIL leak fd_exhausted"},
        {SocketWord::build_up, false, false, "PASS"},
        {SocketWord::suspect, false, false, "PASS"},
        {SocketWord::build_up, false, true, "FAIL sockets"},
        {SocketWord::suspect, false, true, "FAIL sockets"},
        {SocketWord::bounded, false, true, "PASS"},
        {SocketWord::accept_stall, false, true, "PASS"},
        {SocketWord::unknown, false, true, "PASS"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(std::string{to_string(row.word)} + " " + row.want);
        std::optional<SocketReport> sockets{std::in_place};
        sockets->word = row.word;
        sockets->strict = row.strict;
        sockets->fd_exhausted = row.exhausted;
        if (row.exhausted) sockets->flags = {"FD_EXHAUSTED: 97 of 100 file descriptors in use"};
        auto measurement = sample_measurement();
        add(measurement.total.steps[0], 100, std::chrono::milliseconds{1});
        EXPECT_EQ(codes(judge(measurement, {}, sockets)), row.want);
        RunResult result;
        result.sockets = sockets;
        result.verdict.word = pass;
        EXPECT_EQ(exit_code(result), std::string_view{row.want} == "PASS" ? 0 : 1);
    }
}

TEST(ExitCode, IsTheTableOfTheReadme) {
    const struct {
        VerdictWord word;
        bool interrupted;
        int signal;
        bool unreachable, leak;
        int want;
    } rows[] = {
        {pass, false, 0, false, false, 0},       {fail, false, 0, false, false, 1},
        {invalid, false, 0, false, false, 4},    {invalid, false, 0, true, false, 3},
        {fail, false, 0, false, true, 1},        {fail, false, 0, true, true, 1},
        {pass, true, SIGINT, false, false, 130}, {fail, true, SIGTERM, false, true, 143},
        {pass, true, 0, false, false, 130},
    };
    for (const auto& row : rows) {
        RunResult result;
        result.verdict.word = row.word;
        result.measurement.interrupted = row.interrupted;
        result.measurement.signal = row.signal;
        result.measurement.never_answered = row.unreachable;
        result.sockets.emplace().word = row.leak ? SocketWord::leak_confirmed : SocketWord::ok;
        EXPECT_EQ(exit_code(result), row.want) << "row " << &row - rows;
    }
}

}  // namespace
}  // namespace loadline

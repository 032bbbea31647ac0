#include "result/compare_stored.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "comparison_parts.hpp"
#include "result/to_json.hpp"
#include "result/verdict.hpp"
#include "sample_plan.hpp"
#include "stats/hlog.hpp"
#include "temporary_folder.hpp"

namespace loadline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// A run of 2000 requests that took `ms` each, `errors` of which failed.
StoredRun run_of(double ms, std::uint64_t errors = 0) {
    auto run = samples::stored_in("reports/bet/20261121T080247Z");
    run.load = "200 journeys/s, poisson arrivals";
    run.total.requests = 2000;
    run.total.errors = errors;
    run.total.response_time.record(milliseconds(ms), 2000);
    run.steps.emplace("bet", run.total);
    return run;
}

const ComparedFigure& figure(const Comparison& c, const std::string& metric) {
    for (const auto& f : c.figures) {
        if (f.metric == metric) return f;
    }
    throw std::logic_error("no figure " + metric);
}

TEST(CompareStored, WarnsOfWhatIsSlowerThanTheLimitAndNeverFails) {
    const struct {
        double candidate_ms;
        CompareWord p50, p99, p999;
    } rows[] = {{10, CompareWord::pass, CompareWord::pass, CompareWord::pass},
                {10.2, CompareWord::pass, CompareWord::pass, CompareWord::pass},
                {10.4, CompareWord::warn, CompareWord::pass, CompareWord::pass},
                {10.7, CompareWord::warn, CompareWord::warn, CompareWord::pass},
                {11.5, CompareWord::warn, CompareWord::warn, CompareWord::warn},
                {5, CompareWord::pass, CompareWord::pass, CompareWord::pass}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.candidate_ms);
        const auto c = compare_stored(run_of(10), run_of(row.candidate_ms), {});
        ASSERT_TRUE(c.has_value());
        EXPECT_EQ(figure(*c, "p50").word, row.p50);
        EXPECT_EQ(figure(*c, "p99").word, row.p99);
        EXPECT_EQ(figure(*c, "p99.9").word, row.p999);
        EXPECT_NEAR(*figure(*c, "p99").change, row.candidate_ms / 10 - 1, 0.002);
        EXPECT_EQ(c->word, row.p50) << "p50 has the smallest limit";
        EXPECT_EQ(exit_code(*c), 0);
        auto strict = *c;
        strict.strict = true;
        EXPECT_EQ(exit_code(strict), row.p50 == CompareWord::warn ? 1 : 0);
    }
}

TEST(CompareStored, TakesItsLimitFromTheSpreadOfTheBasesRuns) {
    // Logarithms 0, +d and -d about the base: a standard deviation of d, of an A/A
    // comparison sqrt(2) d; twice that is the limit.
    constexpr double d = 0.05;
    const auto base = run_of(10);
    auto up = run_of(10 * std::exp(d)), down = run_of(10 * std::exp(-d));
    up.folder = "up";
    down.folder = "down";
    const auto c = compare_stored(base, run_of(11), {up, down});
    ASSERT_TRUE(c.has_value());
    EXPECT_NEAR(figure(*c, "p99").limit, std::expm1(2 * std::sqrt(2.0) * d), 0.002);
    EXPECT_EQ(c->word, CompareWord::pass) << "10 % is what two runs of the base differ by";
    EXPECT_THAT(c->notes, ElementsAre("limits from 3 runs of the base"));

    auto other = down;
    other.scenario_hash = "xyz";
    const auto few = compare_stored(base, run_of(11), {up, other});
    EXPECT_EQ(few->word, CompareWord::warn);
    EXPECT_DOUBLE_EQ(figure(*few, "p99").limit, 0.05);
    EXPECT_THAT(few->notes, ElementsAre(HasSubstr("1 of the history left out"),
                                        HasSubstr("give 1 more run of the base with --history")));
}

TEST(CompareStored, WidensItsLimitBySpreadWithinTheRunsWhereNothingElseIsKnown) {
    // Four stretches at +-0.2: a variance of 4/3 * 0.04, a standard error of the mean of
    // sqrt(0.04 / 3); of the difference sqrt(2) times that.
    auto base = run_of(10);
    base.total.block_logs[1] = {1.2, 0.8, 1.2, 0.8};
    const double limit = std::expm1(2 * std::sqrt(2 * 0.04 / 3));
    const auto c = compare_stored(base, base, {});
    EXPECT_NEAR(figure(*c, "p99").limit, limit, 1e-9);
    EXPECT_EQ(figure(*c, "p99").note, "limit: spread within the runs");
    EXPECT_DOUBLE_EQ(figure(*c, "p50").limit, 0.03) << "whose stretches are not known";
    auto up = run_of(10), down = run_of(10);
    up.folder = "up";
    down.folder = "down";
    EXPECT_DOUBLE_EQ(figure(*compare_stored(base, base, {up, down}), "p99").limit, 0.05)
        << "runs that do not differ say more";
}

TEST(CompareStored, WarnsOfMoreErrors) {
    const struct {
        std::uint64_t base, candidate;
        CompareWord word;
    } rows[] = {{0, 0, CompareWord::pass},
                {0, 2, CompareWord::pass},    // 0.1 %: allowed, and by chance
                {0, 3, CompareWord::warn},    // above the SLO
                {30, 10, CompareWord::warn},  // fewer, but above the SLO
                {10, 60, CompareWord::warn}};
    for (const auto& [base, candidate, word] : rows) {
        SCOPED_TRACE(candidate);
        const auto c = compare_stored(run_of(10, base), run_of(10, candidate), {});
        EXPECT_EQ(figure(*c, "errors").word, word);
        EXPECT_EQ(c->word, word);
    }
    auto lenient = run_of(10, 60);
    lenient.error_limit = 0.1;
    const auto c = compare_stored(run_of(10, 10), lenient, {});
    EXPECT_EQ(c->word, CompareWord::warn) << "within the SLO, but more than the base's";
    EXPECT_EQ(c->reasons[0].text, "error rate is 3 %, and the base's 0.5 %");
}

TEST(CompareStored, ComparesEachStepWhereThereAreSeveral) {
    auto base = run_of(10), candidate = run_of(10);
    base.steps.emplace("settle", run_of(20).total);
    candidate.steps.emplace("settle", run_of(30).total);
    const auto c = compare_stored(base, candidate, {});
    ASSERT_EQ(c->figures.size(), 12u);
    EXPECT_EQ(c->word, CompareWord::warn);
    EXPECT_THAT(c->reasons[0].text, StartsWith("p50 of step settle is 50 % slower"));
}

TEST(CompareStored, SaysWhenTheMachineOrTheLengthDiffers) {
    auto candidate = run_of(10);
    candidate.cores = 8;
    candidate.duration_s = 60;
    candidate.version = "0.2.0";
    const auto c = compare_stored(run_of(10), candidate, {});
    EXPECT_THAT(c->notes, ElementsAre(HasSubstr("made on different machines: Linux 6.18.0, 2 × "
                                                "Some CPU and Linux 6.18.0, 8 × Some CPU"),
                                      HasSubstr("different versions of loadline: 0.1.0 and 0.2.0"),
                                      HasSubstr("for 0 s after 0 s of warm-up, and for 60 s"),
                                      HasSubstr("how much two runs of one build differ")));
}

TEST(CompareStored, RefusesWhatCannotBeCompared) {
    const auto refusal = [](const StoredRun& candidate) {
        const auto c = compare_stored(run_of(10), candidate, {});
        return c ? std::string{"compared"} : c.error().message;
    };
    auto other = run_of(10);
    other.scenario_hash = "xyz";
    EXPECT_THAT(refusal(other),
                HasSubstr("different scenarios: bet (hash abc) and bet (hash xyz)"));
    other = run_of(10);
    other.steps.emplace("settle", run_of(10).total);
    EXPECT_THAT(refusal(other), HasSubstr("different scenarios"));
    other = run_of(10);
    other.load = "300 journeys/s, poisson arrivals";
    EXPECT_THAT(refusal(other), HasSubstr("their loads differ: 200 journeys/s, poisson arrivals "
                                          "and 300 journeys/s, poisson arrivals"));
    other = run_of(10);
    other.command = "search";
    EXPECT_THAT(refusal(other), HasSubstr("--max-tps"));
}

TEST(CompareStored, IsInconclusiveWithAnInvalidOrInterruptedRun) {
    auto invalid = run_of(10);
    invalid.word = VerdictWord::invalid;
    invalid.reasons = {{"too_few_samples", "p99.9: few"}, {"send_lag", "late"}};
    auto c = compare_stored(run_of(10), invalid, {});
    EXPECT_EQ(c->word, CompareWord::inconclusive);
    EXPECT_EQ(exit_code(*c), 4);
    EXPECT_EQ(c->reasons[0].text, "the candidate run is INVALID: late");
    EXPECT_TRUE(c->figures.empty());

    invalid.reasons.pop_back();  // too few for a clause is too few for that clause alone
    EXPECT_EQ(compare_stored(run_of(10), invalid, {})->word, CompareWord::pass);

    auto interrupted = run_of(10);
    interrupted.reasons = {{"interrupted", "by a signal"}};
    c = compare_stored(interrupted, run_of(10), {});
    EXPECT_EQ(c->reasons[0].text, "the base run was interrupted");
    EXPECT_EQ(c->word, CompareWord::inconclusive);

    auto few = run_of(10);
    few.total = {};
    few.total.requests = 99;
    few.total.response_time.record(milliseconds(10), 99);
    c = compare_stored(run_of(10), few, {});
    EXPECT_EQ(c->word, CompareWord::inconclusive) << "too few samples never pass";
}

StoredRun search_of(double tps, double width, double budget_s, const char* word = "CONFIRMED") {
    auto run = run_of(10);
    run.command = "search";
    run.capacity.emplace();
    run.capacity->word = word;
    run.capacity->estimate_tps = tps;
    run.capacity->log_width = width;
    run.capacity->budget_s = budget_s;
    return run;
}

TEST(CompareCapacity, FailsALargeCertainDropOfTwoThoroughSearches) {
    const struct {
        double tps, width, budget_s;
        const char* word;
        CompareWord want;
    } rows[] = {
        // s = width / 3.29 on both sides; z = -ln(ratio) / (sqrt(2) s).
        {1000, 0.05, 600, "CONFIRMED", CompareWord::pass},
        {1100, 0.05, 600, "CONFIRMED", CompareWord::pass},
        {960, 0.05, 600, "CONFIRMED", CompareWord::fail},  // -4 %, z = 1.90
        {960, 0.05, 180, "CONFIRMED", CompareWord::warn},  // the budget is too small to fail
        {960, 0.10, 600, "CONFIRMED", CompareWord::warn},  // z = 0.95
        {975, 0.02, 600, "CONFIRMED", CompareWord::warn},  // z = 2.9, but only 2.5 %
        {500, 0.05, 600, "UNSTABLE", CompareWord::inconclusive},
        {500, 0.05, 600, "GENERATOR-LIMITED", CompareWord::inconclusive},
        {500, 0.05, 60, "NO-RATE", CompareWord::fail},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(testing::Message() << row.tps << " " << row.width << " " << row.word);
        const auto c = compare_capacity(search_of(1000, 0.05 + (row.width - 0.05), 600),
                                        search_of(row.tps, row.width, row.budget_s, row.word));
        ASSERT_TRUE(c.has_value());
        EXPECT_EQ(c->word, row.want);
    }
    const auto c = compare_capacity(search_of(1000, 0.05, 600), search_of(960, 0.05, 600));
    EXPECT_NEAR(*c->figures[0].z, -std::log(0.96) / (std::sqrt(2) * 0.05 / 3.29), 1e-9);
}

TEST(CompareCapacity, RefusesRuns) {
    const auto c = compare_capacity(run_of(10), search_of(100, 0.1, 600));
    ASSERT_FALSE(c.has_value());
    EXPECT_THAT(c.error().message, HasSubstr("--max-tps compares two searches"));
}

class StoredRunFiles : public testing::Test {
protected:
    std::filesystem::path write(const std::string& name, const std::string& text) {
        folder_.write(name + "/summary.json", text);
        return folder_ / name;
    }

    const TemporaryFolder folder_;
};

std::string sample_summary() {
    RunResult result;
    result.command = "run";
    result.scenario_name = "bet";
    result.scenario_hash = "abc";
    result.version = "0.1.0";
    auto plan = sample_plan();
    plan.slos = {percentile(0.99, milliseconds(100)), errors(0.02)};
    result.plan = std::make_shared<const Plan>(plan);
    result.measurement = sample_measurement();
    add(result.measurement.total.steps[0], 900, milliseconds(2));
    add(result.measurement.total.steps[1], 99, milliseconds(5));
    add(result.measurement.total.steps[1], 1, Histogram::unanswered);
    add(result.measurement.total.steps[2], 77, milliseconds(1));
    result.clauses = judge_clauses(plan, result.measurement);
    result.verdict = judge(result.measurement, result.clauses, {});
    return summary_json(result).dump();
}

TEST_F(StoredRunFiles, ReadsWhatARunWrote) {
    const auto run = read_stored_run(write("a", sample_summary()));
    ASSERT_TRUE(run.has_value()) << run.error().message;
    EXPECT_EQ(run->command, "run");
    EXPECT_EQ(run->scenario_hash, "abc");
    EXPECT_EQ(run->load, "100 journeys/s, poisson arrivals");
    EXPECT_EQ(run->word, VerdictWord::pass);
    EXPECT_EQ(run->error_limit, 0.02);
    EXPECT_EQ(run->total.requests, 1000u);
    EXPECT_EQ(run->total.errors, 1u);
    EXPECT_EQ(run->total.response_time.unanswered_count(), 1u);
    ASSERT_EQ(run->steps.size(), 2u) << "ping is no transaction";
    EXPECT_EQ(run->steps.at("bet").response_time.count(), 900u);
    EXPECT_FALSE(run->capacity);
    EXPECT_EQ(compare_stored(*run, *run, {})->word, CompareWord::pass);
}

TEST_F(StoredRunFiles, AChurnIsPartOfTheLoad) {
    auto summary = nlohmann::json::parse(sample_summary());
    summary["config"]["churn"] = {{"share", 0.05}, {"weights", {{"half", 1}}}};
    const auto run = read_stored_run(write("a", summary.dump()));
    ASSERT_TRUE(run.has_value()) << run.error().message;
    EXPECT_EQ(run->load,
              R"(100 journeys/s, poisson arrivals, churn {"share":0.05,"weights":{"half":1}})");
}

TEST_F(StoredRunFiles, ReadsThePercentilesOfEach10Seconds) {
    const auto folder = write("a", sample_summary());
    std::ofstream out{folder / "latency.hlog"};
    HlogWriter log{out, {}};
    for (int second = 2; second < 37; ++second) {  // the load begins after 2 s of warm-up
        const int block = (second - 2) / 10;       // 0, 1, 2, and half of 3
        Histogram bets, settlements;
        bets.record(milliseconds(block + 1), 90);
        settlements.record(milliseconds(50), 10);
        log.write("bet", seconds(second), seconds(1), bets);
        log.write("settle", seconds(second), seconds(1), settlements);
        log.write("ping", seconds(second), seconds(1), settlements);  // no transaction
    }
    out.close();
    const auto run = read_stored_run(folder);
    ASSERT_TRUE(run.has_value()) << run.error().message;
    const auto ms = [](const std::vector<double>& logs) {
        std::vector<double> values;
        for (const double x : logs) values.push_back(std::round(std::exp(x) / 1e6));
        return values;
    };
    EXPECT_THAT(ms(run->total.block_logs[0]), ElementsAre(1, 2, 3));
    EXPECT_THAT(ms(run->total.block_logs[1]), ElementsAre(50, 50, 50));
    EXPECT_THAT(ms(run->total.block_logs[2]), ElementsAre(50, 50, 50));
    EXPECT_THAT(ms(run->steps.at("bet").block_logs[1]), ElementsAre(1, 2, 3));
    EXPECT_THAT(ms(run->steps.at("settle").block_logs[2]), ElementsAre()) << "100 requests each";

    std::ofstream{folder / "latency.hlog", std::ios::app} << "Tag=bet,nonsense\n";
    EXPECT_THAT(read_stored_run(folder).error().message, HasSubstr("a/latency.hlog: line "));
}

TEST_F(StoredRunFiles, ReadsAFolderOfRunsInTheOrderOfTheirNames) {
    write("b", sample_summary());
    write("a", sample_summary());
    std::filesystem::create_directories(folder_ / "no-run");
    const auto runs = read_stored_runs(folder_.path);
    ASSERT_TRUE(runs.has_value());
    ASSERT_EQ(runs->size(), 2u);
    EXPECT_EQ((*runs)[0].folder, folder_ / "a");
    EXPECT_EQ(read_stored_runs(folder_ / "a")->size(), 1u);
    EXPECT_THAT(read_stored_runs(folder_ / "no-run").error().message,
                HasSubstr("there is no run's folder in it"));
}

TEST_F(StoredRunFiles, RefusalsNameTheFileAndWhy) {
    const auto refusal = [&](const std::filesystem::path& path) {
        const auto run = read_stored_run(path);
        return run ? std::string{"read"} : run.error().message;
    };
    EXPECT_THAT(refusal(folder_ / "nothing"),
                StartsWith((folder_ / "nothing").string() + ": there is no such folder"));
    std::filesystem::create_directories(folder_ / "empty");
    EXPECT_THAT(refusal(folder_ / "empty"), HasSubstr("it has no summary.json"));
    EXPECT_THAT(refusal(write("text", "{")), HasSubstr("text/summary.json: it is no JSON"));
    EXPECT_THAT(refusal(write("other", "{}")), HasSubstr("it is no summary of a run"));
    EXPECT_THAT(refusal(write("tool", R"({"metadata": {"tool": "k6"}, "version": 1})")),
                HasSubstr("it is no summary of loadline"));
    EXPECT_THAT(refusal(write("later", R"({"metadata": {"tool": "loadline"}, "version": 9})")),
                HasSubstr("it is of version 9 of the format, and this loadline reads version 1"));
    auto broken = nlohmann::json::parse(sample_summary());
    broken["results"]["total"]["response_time_hdr"] = "HISTFAAA";
    EXPECT_THAT(refusal(write("broken", broken.dump())), HasSubstr("not a histogram"));
}

}  // namespace
}  // namespace loadline

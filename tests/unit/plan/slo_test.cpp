#include "plan/slo.hpp"

#include <gtest/gtest.h>

namespace loadline {
namespace {

using Metric = SloClause::Metric;
using Scope = SloClause::Scope;

TEST(ParseSlo, ReadsEveryForm) {
    const struct {
        const char* text;
        Metric metric;
        double quantile;
        Duration limit;
        double errors;
        bool inclusive;
        Scope scope;
        const char* name;
    } rows[] = {
        {"p99 < 100ms", Metric::percentile, 0.99, milliseconds(100), 0, false, Scope::transactions,
         ""},
        {"p50<=1m30s", Metric::percentile, 0.5, seconds(90), 0, true, Scope::transactions, ""},
        {"p99.9 < 1s", Metric::percentile, 0.999, seconds(1), 0, false, Scope::transactions, ""},
        {"p999 < 1s", Metric::percentile, 0.999, seconds(1), 0, false, Scope::transactions, ""},
        {"p99.999 < 1s", Metric::percentile, 0.99999, seconds(1), 0, false, Scope::transactions,
         ""},
        {"p99(settle) < 250ms", Metric::percentile, 0.99, milliseconds(250), 0, false, Scope::step,
         "settle"},
        {"p95( journey:bet )<1s", Metric::percentile, 0.95, seconds(1), 0, false, Scope::journey,
         "bet"},
        {"errors < 0.1%", Metric::errors, 0, Duration{}, 0.001, false, Scope::transactions, ""},
        {"errors <= 0.02", Metric::errors, 0, Duration{}, 0.02, true, Scope::transactions, ""},
        {"errors(bet) <= 0%", Metric::errors, 0, Duration{}, 0, true, Scope::step, "bet"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.text);
        const auto clause = parse_slo(row.text);
        ASSERT_TRUE(clause) << clause.error().message;
        EXPECT_EQ(clause->text, row.text);
        EXPECT_EQ(clause->metric, row.metric);
        EXPECT_DOUBLE_EQ(clause->quantile, row.quantile);
        EXPECT_EQ(clause->limit, row.limit);
        EXPECT_DOUBLE_EQ(clause->error_limit, row.errors);
        EXPECT_EQ(clause->inclusive, row.inclusive);
        EXPECT_EQ(clause->scope, row.scope);
        EXPECT_EQ(clause->name, row.name);
        EXPECT_FALSE(clause->index);
    }
}

TEST(ParseSlo, RefusesWhatIsNoPromise) {
    const std::pair<const char*, const char*> rows[] = {
        {"", "it has no \"<\" or \"<=\""},
        {"p99", "it has no \"<\" or \"<=\""},
        {"p99 > 100ms", "only \"<\" and \"<=\" make a promise"},
        {"p99 = 100ms", "only \"<\" and \"<=\" make a promise"},
        {"p99 < 100", "duration \"100\" is not like 250ms, 10s or 1m30s"},
        {"p99 < 0", "the limit must be above zero"},
        {"p49 < 1s", "p49 is not between p50 and p99.999"},
        {"p100 < 1s", "p100 is not between p50 and p99.999"},
        {"p5 < 1s", "p5 is not between p50 and p99.999"},
        {"p99.9999 < 1s", "p99.9999 is not between p50 and p99.999"},
        {"mean < 1s", "\"mean\" is neither a percentile nor errors"},
        {"p < 1s", "\"p\" is neither a percentile nor errors"},
        {"99 < 1s", "\"99\" is neither a percentile nor errors"},
        {"p99(a < 1s", "\"(\" has no \")\""},
        {"p99() < 1s", "the brackets name no step"},
        {"p99(journey:) < 1s", "the brackets name no step"},
        {"errors < 2", "share \"2\" is not like 5% or 0.05"},
        {"errors < 0", "no share is below zero: write <= 0%"},
    };
    for (const auto& [text, why] : rows) {
        SCOPED_TRACE(text);
        const auto clause = parse_slo(text);
        ASSERT_FALSE(clause);
        EXPECT_EQ(clause.error().message,
                  "slo \"" + std::string{text} + "\": " + why +
                      "\n   hint: write p99 < 100ms, p99.9(step) <= 1s, p95(journey:name) < 2s or "
                      "errors < 0.1%");
    }
}

TEST(ParseSlo, ReadsWindows) {
    const auto clause = parse_slo("p99(settle) < 150ms over every 1m30s").value();
    EXPECT_EQ(clause.over_every, std::chrono::seconds{90});
    EXPECT_EQ(clause.limit, std::chrono::milliseconds{150});
    EXPECT_EQ(clause.name, "settle");
    EXPECT_EQ(clause.text, "p99(settle) < 150ms over every 1m30s");
    EXPECT_FALSE(parse_slo("p99 < 150ms").value().over_every);
}

TEST(ParseSlo, RefusesOtherWindows) {
    const struct {
        const char *text, *why;
    } rows[] = {
        {"p99 < 1s over 10s", "\"over\" goes on like \"over every 10s\""},
        {"p99 < 1s over every 10", "10"},
        {"p99 < 1s over every 1500ms", "windows take whole seconds, one at least"},
        {"p99 < 1s over every 0s", "windows take whole seconds, one at least"},
        {"errors < 1% over every 10s",
         "only percentiles of transactions or of a step go over windows"},
        {"p99(journey:a) < 1s over every 10s",
         "only percentiles of transactions or of a step go over windows"},
    };
    for (const auto& [text, why] : rows) {
        SCOPED_TRACE(text);
        const auto clause = parse_slo(text);
        ASSERT_FALSE(clause);
        EXPECT_NE(clause.error().message.find(why), std::string::npos) << clause.error().message;
    }
}

}  // namespace
}  // namespace loadline

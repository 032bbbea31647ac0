#include "plan/feeder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "plan/csv.hpp"

namespace loadline {
namespace {

using testing::ElementsAre;

Feeder numbers(std::int64_t low, std::int64_t high, Pick pick) {
    Feeder feeder;
    feeder.low = low;
    feeder.high = high;
    feeder.pick = pick;
    feeder.variables = {0};
    return feeder;
}

std::vector<std::string> draw(const Feeder& feeder, FeederCursor cursor, int count) {
    Rng rng{1};
    std::vector<Value> variables(1);
    std::vector<std::string> drawn;
    for (int i = 0; i < count; ++i) {
        if (!feed(feeder, cursor, rng, variables)) {
            drawn.emplace_back("used up");
            break;
        }
        EXPECT_TRUE(variables[0].number);
        drawn.push_back(variables[0].text);
    }
    return drawn;
}

TEST(Feeder, SequentialGoesRound) {
    EXPECT_THAT(draw(numbers(-1, 1, Pick::sequential), {}, 5),
                ElementsAre("-1", "0", "1", "-1", "0"));
}

TEST(Feeder, UniqueIsStripedOverSharesAndEnds) {
    const auto feeder = numbers(1, 5, Pick::unique);
    EXPECT_THAT(draw(feeder, {0, 2}, 9), ElementsAre("1", "3", "5", "used up"));
    EXPECT_THAT(draw(feeder, {1, 2}, 9), ElementsAre("2", "4", "used up"));
}

TEST(Feeder, RandomReachesEveryRecord) {
    const auto drawn = draw(numbers(1, 3, Pick::random), {}, 100);
    EXPECT_EQ((std::set<std::string>{drawn.begin(), drawn.end()}),
              (std::set<std::string>{"1", "2", "3"}));
}

TEST(Feeder, ZipfDrawsInProportionToOneOverRank) {
    auto feeder = numbers(1, 4, Pick::zipf);
    feeder.zipf_cumulative = {1, 1.5, 1.8333333, 2.0833333};  // s = 1
    std::map<std::string, int> count;
    for (const auto& record : draw(feeder, {}, 100'000)) ++count[record];
    EXPECT_NEAR(count["1"], 48'000, 800);
    EXPECT_NEAR(count["2"], 24'000, 800);
    EXPECT_NEAR(count["3"], 16'000, 800);
    EXPECT_NEAR(count["4"], 12'000, 800);
}

TEST(Feeder, ARowFillsAVariablePerColumn) {
    Feeder feeder;
    feeder.variables = {2, 0};
    feeder.rows = {{"u1", "p1"}, {"u2", "p2"}};
    FeederCursor cursor;
    Rng rng{1};
    std::vector<Value> variables(3, Value{"old", true});
    ASSERT_TRUE(feed(feeder, cursor, rng, variables));
    ASSERT_TRUE(feed(feeder, cursor, rng, variables));
    EXPECT_EQ(variables[2].text, "u2");
    EXPECT_EQ(variables[0].text, "p2");
    EXPECT_FALSE(variables[0].number);
    EXPECT_EQ(variables[1].text, "old");
}

TEST(Feeder, TheWholeRangeOfNumbersHasASize) {
    EXPECT_EQ(numbers(1, 1000, Pick::random).size(), 1000u);
    EXPECT_EQ(numbers(7, 7, Pick::random).size(), 1u);
    EXPECT_EQ(Feeder{}.size(), 0u);
}

TEST(ParseCsv, ReadsQuotesCrlfAndABom) {
    const auto table =
        parse_csv("\xef\xbb\xbfname,motto\r\nu1,\"a, \"\"b\"\"\nc\"\r\n\r\nu2,\nu3,x");
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_THAT(table->columns, ElementsAre("name", "motto"));
    EXPECT_THAT(table->rows, ElementsAre(ElementsAre("u1", "a, \"b\"\nc"), ElementsAre("u2", ""),
                                         ElementsAre("u3", "x")));
}

TEST(ParseCsv, SaysWhatIsWrongAndWhere) {
    const std::pair<const char*, const char*> rows[] = {
        {"", "the file is empty"},
        {"\n\n", "the file is empty"},
        {"name\n", "the file has a header, but no records"},
        {"a,b,a\n1,2,3\n", "two columns are called \"a\""},
        {"a,b\n1,2\n\n3\n", "line 4 has 1 fields, but the header has 2"},
        {"a\n\"x\n", "line 2 has a quote that does not fit"},
        {"a\n\"x\"y\n", "line 2 has a quote that does not fit"},
        {"a\nx\"y\n", "line 2 has a quote that does not fit"},
    };
    for (const auto& [text, want] : rows) {
        SCOPED_TRACE(text);
        const auto table = parse_csv(text);
        ASSERT_FALSE(table);
        EXPECT_EQ(table.error().message, want);
    }
}

}  // namespace
}  // namespace loadline

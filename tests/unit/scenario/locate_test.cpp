#include "scenario/locate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loadline {
namespace {

using testing::ElementsAre;

std::string_view cut(std::string_view text, TextRange range) {
    return text.substr(range.begin, range.end - range.begin);
}

TEST(LocateValues, FindsEveryValueAndKeyThroughComments) {
    const std::string_view text = R"(// "a": 1
{"a": [1, /* 2, */ "x,]"], "b/c": {"d~": null} // }
})";
    std::vector<std::string> seen;
    for (const auto& value : locate_values(text)) {
        seen.push_back(value.pointer + " " + std::string{value.key ? cut(text, *value.key) : ""} +
                       " " + std::string{cut(text, value.value).substr(0, 5)});
    }
    EXPECT_THAT(seen, ElementsAre("  {\"a\":", "/a \"a\" [1, /", "/a/0  1", "/a/1  \"x,]\"",
                                  "/b~1c \"b/c\" {\"d~\"", "/b~1c/d~0 \"d~\" null"));
}

TEST(LocateValues, GivesADuplicateKeyTwice) {
    const auto values = locate_values(R"({"a": 1, "a": 2})");
    ASSERT_EQ(values.size(), 3u);
    EXPECT_EQ(values[1].pointer, "/a");
    EXPECT_EQ(values[2].pointer, "/a");
    EXPECT_EQ(values[2].value.begin, 14u);
}

TEST(LocateValues, StopsWhereTheTextIsNoJsonAnyMore) {
    for (const std::string_view text :
         {"", "{", "{\"a\"", "{\"a\":", "[1, 2", "{1: 2}", "/*", "\"", "{\"a\": \"\\", "[[[[[["}) {
        SCOPED_TRACE(text);
        for (const auto& value : locate_values(text)) EXPECT_LE(value.value.end, text.size());
    }
}

TEST(LocateValues, SurvivesNestingBeyondAnyScenario) {
    EXPECT_LE(locate_values(std::string(100'000, '[')).size(), 300u);
}

TEST(SplitTokens, KeepsStringsWholeAndSkipsComments) {
    const std::string_view text = R"({"a\"b": -1.5e3,// c
 true})";
    std::vector<std::string_view> tokens;
    for (const auto token : split_tokens(text)) tokens.push_back(cut(text, token));
    EXPECT_THAT(tokens, ElementsAre("{", R"("a\"b")", ":", "-1.5e3", ",", "true", "}"));
}

}  // namespace
}  // namespace loadline

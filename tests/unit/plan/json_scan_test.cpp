#include "plan/json_scan.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "plan/extract.hpp"

namespace loadline {
namespace {

constexpr std::string_view document = R"( {
  "a": {"b": [10, {"c": "deep"}, []], "": "empty key", "x/y": 1, "m~n": 2},
  "text": "q\" \\ \/ \b\f\n\r\t \u00e9 \ud83d\ude00 end",
  "half": "\ud83d!", "low": "\ude00",
  "n": -1.5e+3, "t": true, "f": false, "z": null,
  "quoted": "} ] , \" {", "o": {"k" : [1, 2]} } )";

TEST(ScanJson, FindsWhatAPointerNames) {
    const struct {
        const char* pointer;
        const char* text;
        bool number;
    } rows[] = {
        {"/a/b/0", "10", true},
        {"/a/b/1/c", "deep", false},
        {"/a/b/2", "[]", false},
        {"/a/", "empty key", false},
        {"/a/x~1y", "1", true},
        {"/a/m~0n", "2", true},
        {"/text", "q\" \\ / \b\f\n\r\t é 😀 end", false},
        {"/half", "\xef\xbf\xbd!", false},
        {"/low", "\xef\xbf\xbd", false},
        {"/n", "-1.5e+3", true},
        {"/t", "true", false},
        {"/f", "false", false},
        {"/z", "null", false},
        {"/quoted", "} ] , \" {", false},
        {"/o", R"({"k" : [1, 2]})", false},
        {"/o/k/1", "2", true},
    };
    for (const auto& [pointer, text, number] : rows) {
        SCOPED_TRACE(pointer);
        Value value{"old", !number};
        ASSERT_TRUE(scan_json(document, pointer, value));
        EXPECT_EQ(value.text, text);
        EXPECT_EQ(value.number, number);
    }
}

TEST(ScanJson, FindsNothingWhereNothingIs) {
    for (const char* pointer : {"/b", "/a/b/3", "/a/b/-", "/a/b/01", "/a/b/x", "/n/0", "/text/0",
                                "a", "/A", "/a/b/99999999999999999999"}) {
        SCOPED_TRACE(pointer);
        Value value;
        EXPECT_FALSE(scan_json(document, pointer, value));
    }
}

TEST(ScanJson, TakesAWholeScalar) {
    for (const auto& [json, text] : {std::pair{"12", "12"}, {" \"a\" ", "a"}, {"true", "true"}}) {
        Value value;
        ASSERT_TRUE(scan_json(json, "", value)) << json;
        EXPECT_EQ(value.text, text);
    }
}

TEST(ScanJson, RefusesWhatIsNoJson) {
    const struct {
        const char* json;
        const char* pointer;
    } rows[] = {{"", ""},
                {"", "/a"},
                {"<html>", "/a"},
                {"{\"a\"", "/a"},
                {"{\"a\":", "/a"},
                {"{\"a\":1", "/a"},
                {"{\"a\":\"x", "/a"},
                {"{\"a\":\"x\\", "/a"},
                {"{\"a\":-}", "/a"},
                {"{\"a\":1.}", "/a"},
                {"{\"a\":1e}", "/a"},
                {"{\"a\":tru}", "/a"},
                {"{\"a\":\"\\x\"}", "/a"},
                {"{\"a\":\"\\u12\"}", "/a"},
                {"{\"a\" 1}", "/a"},
                {"{a:1}", "/a"},
                {"[1 2]", "/1"},
                {"[,1]", "/1"},
                {"{\"b\":[}", "/a"},
                {"{\"a\":{\"b\":1}", "/a/c"}};
    for (const auto& [json, pointer] : rows) {
        SCOPED_TRACE(json);
        Value value;
        EXPECT_FALSE(scan_json(json, pointer, value));
    }
}

TEST(ScanJson, ANumberAtTheEndOfACutOffBodyIsNotTaken) {
    Value value;
    EXPECT_FALSE(scan_json(R"({"cash": 12)", "/cash", value));  // was 123?
}

TEST(ScanJson, FallsBackToTheParserOnEscapedKeys) {
    const struct {
        const char* json;
        const char* pointer;
        const char* text;
    } rows[] = {{R"({"\u0061": "x\ny"})", "/a", "x\ny"},
                {R"({"k\"": 1, "b": [true]})", "/b/0", "true"},
                {R"({"k\"": {"c": 7}})", "/k\"/c", "7"}};
    for (const auto& [json, pointer, text] : rows) {
        SCOPED_TRACE(json);
        Value value;
        ASSERT_TRUE(scan_json(json, pointer, value));
        EXPECT_EQ(value.text, text);
    }
    Value value;
    EXPECT_FALSE(scan_json(R"({"\u0061": 1)", "/a", value));
    EXPECT_FALSE(scan_json(R"({"\u0061": [1]})", "/a/x", value));
}

/// Every value of a document with many kinds of them, against the full parser.
TEST(ScanJson, AgreesWithTheFullParser) {
    const auto json = nlohmann::json::parse(R"({"users": [{"id": 1, "tags": ["a", "b\\c"], "e": {}},
        {"id": -0.25, "tags": [], "e": {"": [[], [[null]]]}}], "s": "\"", "last": 1e-7})");
    const auto flat = json.flatten();
    for (const int indent : {-1, 3}) {
        const auto text = json.dump(indent);
        for (const auto& [pointer, ignored] : flat.items()) {
            const auto& wanted = json.at(nlohmann::json::json_pointer{pointer});
            SCOPED_TRACE(pointer);
            Value value;
            ASSERT_TRUE(scan_json(text, pointer, value));
            if (wanted.is_string()) {
                EXPECT_EQ(value.text, wanted.get<std::string>());
            } else {
                EXPECT_EQ(nlohmann::json::parse(value.text), wanted);
            }
            EXPECT_EQ(value.number, wanted.is_number());
        }
    }
}

/// Cut anywhere, or with any byte changed: an answer or none, but never a crash.
TEST(ScanJson, SurvivesEveryDamage) {
    for (std::size_t length = 0; length <= document.size(); ++length) {
        const std::string cut{document.substr(0, length)};
        for (const char* pointer : {"/a/b/1/c", "/text", "/o/k/1", "/none"}) {
            Value value;
            scan_json(cut, pointer, value);
            if (length == document.size()) continue;
            for (const char c : {'"', '\\', '{', ']', '\0', '\xff'}) {
                std::string damaged{document};
                damaged[length] = c;
                scan_json(damaged, pointer, value);
            }
        }
    }
}

}  // namespace
}  // namespace loadline

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "scenario/scenario.hpp"
#include "temporary_folder.hpp"

namespace loadline {
namespace {

std::string diagnose(const std::string& text) {
    const auto parsed = parse_scenario(text, "s.json");
    const auto* problems = std::get_if<std::vector<Diagnostic>>(&parsed);
    return problems == nullptr ? "valid" : format_diagnostics(text, "s.json", *problems);
}

std::string nested(std::size_t depth) {
    return "{\"x\": " + std::string(depth, '[') + std::string(depth, ']') + "}";
}

constexpr const char* smallest = R"({"loadline": 1, "targets": {"web": "http://127.0.0.1"},
 "journeys": {"home": {"steps": [{"name": "home", "http": "GET web/"}]}}})";

TEST(ParseScenario, TakesTheSmallestScenario) { EXPECT_EQ(diagnose(smallest), "valid"); }

TEST(ParseScenario, TakesCommentsAByteOrderMarkAndCrlf) {
    EXPECT_EQ(diagnose("\xef\xbb\xbf// why\r\n/* and\r\n how */" + std::string{smallest}), "valid");
}

TEST(ParseScenario, KeepsTheOrderOfKeys) {
    const auto parsed = parse_scenario(smallest, "s.json");
    const auto& json = std::get<Scenario>(parsed).json;
    EXPECT_EQ(json.begin().key(), "loadline");
    EXPECT_EQ((++json.begin()).key(), "targets");
}

/// What is not JSON has one error, and it says in plain words what to mend.
TEST(ParseScenario, SaysWhereAndWhyATextIsNotJson) {
    const struct {
        const char* name;
        std::string text;
        const char* want;
    } rows[] = {
        {"empty", "", R"(s.json:1:1: error: the file is empty
    1 | 
      | ^
   hint: a scenario starts with {"loadline": 1, ...}
1 error; nothing was sent
)"},
        {"binary", std::string{"{\"a\": \x01}"},
         R"(s.json:1:7: error: the file is not text: it contains the byte 0x01
    1 | {"a": ?}
      |       ^
   hint: a scenario is JSON in UTF-8
1 error; nothing was sent
)"},
        {"UTF-16", std::string{"\xff\xfe{\0", 4}, R"(s.json:1:1: error: the file is UTF-16
    1 | ??{?
      | ^~
   hint: save it as UTF-8
1 error; nothing was sent
)"},
        {"truncated", "{\n  \"load\": {\n    \"rate\": \"5/s\",\n",
         R"(s.json:3:18: error: the file ends before the "{" of line 2 is closed
    3 |     "rate": "5/s",
      |                  ^
   hint: was the file cut off?
1 error; nothing was sent
)"},
        {"open text", "{\n  \"name\": \"bet,\n  \"loadline\": 1\n}",
         R"(s.json:2:11: error: this text has no closing quote on its line
    2 |   "name": "bet,
      |           ^~~~~
   hint: a line break inside a text is written \n
1 error; nothing was sent
)"},
        {"trailing comma", "{\n  \"slo\": [\"p99 < 1s\",]\n}",
         R"(s.json:2:21: error: a comma before "]"
    2 |   "slo": ["p99 < 1s",]
      |                     ^
   hint: remove the comma
1 error; nothing was sent
)"},
        {"missing comma", "{\n  \"loadline\": 1\n  \"name\": \"x\"\n}",
         R"(s.json:3:3: error: a comma is missing before this
    3 |   "name": "x"
      |   ^~~~~~
1 error; nothing was sent
)"},
        {"missing colon", "{\"loadline\" 1}", R"(s.json:1:13: error: a colon is missing before this
    1 | {"loadline" 1}
      |             ^
   hint: members are "name": value
1 error; nothing was sent
)"},
        {"single quotes", "{'loadline': 1}", R"(s.json:1:2: error: "'loadline'" is not JSON
    1 | {'loadline': 1}
      |  ^~~~~~~~~~
   hint: names and texts stand in double quotes
1 error; nothing was sent
)"},
        {"open comment", "{} /* and", R"(s.json:1:9: error: this comment is not closed
    1 | {} /* and
      |         ^
   hint: comments are // ... and /* ... */
1 error; nothing was sent
)"},
        {"wrong escape", R"({"name": "C:\data"})",
         R"(s.json:1:10: error: this text has a "\" that JSON does not know
    1 | {"name": "C:\data"}
      |          ^~~~~~~~~
   hint: a single "\" is written "\\"
1 error; nothing was sent
)"},
        {"two values", "{}\n{}", R"(s.json:2:1: error: the scenario has ended before this
    2 | {}
      | ^
   hint: one file holds one scenario: one { ... }
1 error; nothing was sent
)"},
        {"huge number", "{\"a\": 1e999}", R"(s.json:1:7: error: this number is too large
    1 | {"a": 1e999}
      |       ^~~~~
1 error; nothing was sent
)"},
        {"deep nesting", nested(64), R"(s.json:1:70: error: nested deeper than 64 levels
    1 | ...[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]...
      |                                                                ^
   hint: a scenario needs about ten
1 error; nothing was sent
)"},
    };
    for (const auto& [name, text, want] : rows) {
        SCOPED_TRACE(name);
        EXPECT_EQ(diagnose(text), want);
    }
}

TEST(ParseScenario, NestingOfAHundredThousandIsRefusedAndNothingElseHappens) {
    EXPECT_THAT(diagnose(nested(100'000)), testing::HasSubstr("nested deeper than 64 levels"));
}

TEST(ParseScenario, IllFormedUtf8IsRefused) {
    EXPECT_EQ(diagnose("{\"name\": \"a\xc3(\"}"), R"(s.json:1:13: error: this is not UTF-8
    1 | {"name": "a?("}
      |             ^~
   hint: save the file as UTF-8
1 error; nothing was sent
)");
}

/// The structure: all errors at once, in the order of the text.
TEST(ParseScenario, ReportsEveryStructuralErrorAtOnce) {
    EXPECT_EQ(diagnose(R"({
  "loadline": "1",
  "name": "a", "name": "b",
  "target": {"web": "http://h"},
  "load": {"durtion": "10s", "max-users": 5},
  "invariants": [],
  "journeys": {
    "bet": {"step": []},
    "win": {"steps": [
      {"think": 5}, {"repeat": 3}, {"thnk": "1s"}, 7, {},
      {"name": "a", "http": "GET web/", "redis": ["GET", "k"]},
      {"name": "b", "http": "GET web/", "json": {}, "body": "x", "record": {}},
      {"name": "c", "redis": ["GET", true], "on": "web", "expect": {"status": 200}}
    ]}
  }
})"),
              R"(s.json:1:1: error: "targets" is missing in the scenario
    1 | {
      | ^
   hint: add "targets": an object of names and URLs
s.json:2:15: error: "loadline" must be the number 1, not a text
    2 |   "loadline": "1",
      |               ^~~
s.json:3:16: error: key "name" occurs twice
    3 |   "name": "a", "name": "b",
      |                ^~~~~~
   hint: keep one of the two
s.json:4:3: error: the scenario has no key "target"
    4 |   "target": {"web": "http://h"},
      |   ^~~~~~~~
   hint: did you mean "targets"?
s.json:5:12: error: "load" has no key "durtion"
    5 |   "load": {"durtion": "10s", "max-users": 5},
      |            ^~~~~~~~~
   hint: did you mean "duration"?
s.json:5:30: error: key "max-users" is not served by this version of loadline
    5 |   "load": {"durtion": "10s", "max-users": 5},
      |                              ^~~~~~~~~~~
   hint: leave it out; nothing would be done with it
s.json:6:3: error: key "invariants" is not served by this version of loadline
    6 |   "invariants": [],
      |   ^~~~~~~~~~~~
   hint: leave it out; nothing would be done with it
s.json:8:5: error: "steps" is missing in a journey
    8 |     "bet": {"step": []},
      |     ^~~~~
   hint: add "steps": a list of steps
s.json:8:13: error: a journey has no key "step"
    8 |     "bet": {"step": []},
      |             ^~~~~~
   hint: did you mean "steps"?
s.json:10:17: error: "think" must be "1s" or "100ms..300ms", not a number
   10 |       {"think": 5}, {"repeat": 3}, {"thnk": "1s"}, 7, {},
      |                 ^
s.json:10:22: error: key "repeat" is not served by this version of loadline
   10 |       {"think": 5}, {"repeat": 3}, {"thnk": "1s"}, 7, {},
      |                      ^~~~~~~~
   hint: steps are "http", "redis", "set" and "think"
s.json:10:37: error: a step has no key "thnk"
   10 |       {"think": 5}, {"repeat": 3}, {"thnk": "1s"}, 7, {},
      |                                     ^~~~~~
   hint: did you mean "think"?
s.json:10:52: error: a step must be an object, not a number
   10 |       {"think": 5}, {"repeat": 3}, {"thnk": "1s"}, 7, {},
      |                                                    ^
   hint: such as {"name": "home", "http": "GET service/"}
s.json:10:55: error: this step says nothing to do
   10 |       {"think": 5}, {"repeat": 3}, {"thnk": "1s"}, 7, {},
      |                                                       ^
   hint: a step has one of "http", "redis", "set" and "think"
s.json:11:41: error: a step is either "http" or "redis"
   11 |       {"name": "a", "http": "GET web/", "redis": ["GET", "k"]},
      |                                         ^~~~~~~
   hint: make two steps of it
s.json:12:53: error: a request has one body: "json" or "body"
   12 |       {"name": "b", "http": "GET web/", "json": {}, "body": "x", "record": {}},
      |                                                     ^~~~~~
   hint: keep one of them
s.json:12:66: error: key "record" is not served by this version of loadline
   12 |       {"name": "b", "http": "GET web/", "json": {}, "body": "x", "record": {}},
      |                                                                  ^~~~~~~~
   hint: leave it out; nothing would be done with it
s.json:13:38: error: entry 2 of "redis" must be a text or a number, not true
   13 |       {"name": "c", "redis": ["GET", true], "on": "web", "expect": {"status": 200}}
      |                                      ^~~~
s.json:13:69: error: "expect" has no key "status"
   13 |       {"name": "c", "redis": ["GET", true], "on": "web", "expect": {"status": 200}}
      |                                                                     ^~~~~~~~
   hint: its keys are equals
19 errors; nothing was sent
)");
}

TEST(ParseScenario, ATopLevelListIsNoScenario) {
    EXPECT_EQ(diagnose("[1]"), R"(s.json:1:1: error: the scenario must be an object, not a list
    1 | [1]
      | ^
1 error; nothing was sent
)");
}

TEST(ParseScenario, WhatADuplicateContainsIsNotReportedOnceMore) {
    EXPECT_THAT(diagnose(R"({"load": {"rate": 1}, "load": {"rate": 2}})"),
                testing::AllOf(testing::HasSubstr("key \"load\" occurs twice"),
                               testing::Not(testing::HasSubstr("key \"rate\" occurs twice"))));
}

TEST(FormatDiagnostics, TabsWideAndLongLinesKeepTheCaretRight) {
    const std::string text =
        "{\n\t\"안녕\": 1,\t\"é\": 2, \"" + std::string(120, 'x') + "\": 3, \"z\": 4}";
    Diagnostic tab, wide, far;
    tab.pointer = "/안녕";
    tab.about_key = true;
    wide.pointer = "/é";
    far.pointer = "/z";
    for (auto* d : {&tab, &wide, &far}) d->message = "here";
    EXPECT_EQ(format_diagnostics(text, "s.json", {far, wide, tab}), R"(s.json:2:2: error: here
    2 |     "안녕": 1,    "é": 2, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
      |     ^~~~~~
s.json:2:16: error: here
    2 |     "안녕": 1,    "é": 2, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
      |                        ^
s.json:2:151: error: here
    2 | ...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": 3, "z": 4}
      |                                                                ^
3 errors; nothing was sent
)");
}

TEST(FormatDiagnostics, FlagsComeFirstAndHaveNoPlace) {
    Diagnostic place, flag;
    place.pointer = "/missing/deep";
    place.message = "somewhere";
    flag.message = "--rate: the rate must be above zero";
    flag.of_flag = true;
    flag.hint = "write --rate 5";
    EXPECT_EQ(format_diagnostics("{}", "s.json", {place, flag}),
              R"(error: --rate: the rate must be above zero
   hint: write --rate 5
s.json:1:1: error: somewhere
    1 | {}
      | ^
2 errors; nothing was sent
)");
}

class ReadScenario : public testing::Test {
protected:
    ReadScenario() { folder_.write("bet.json", "{}"); }

    std::string error_of(const std::filesystem::path& file) const {
        const auto text = read_scenario(file);
        return text ? "read" : text.error().message;
    }
    const TemporaryFolder folder_;
};

TEST_F(ReadScenario, GivesTheTextAsItIs) { EXPECT_EQ(*read_scenario(folder_ / "bet.json"), "{}"); }

TEST_F(ReadScenario, NamesTheFileTheReasonAndTheOneThatWasMeant) {
    const auto path = folder_.path.string();
    EXPECT_EQ(error_of(folder_ / "bte.json"), "cannot read " + path +
                                                  "/bte.json: No such file or directory\n"
                                                  "   hint: did you mean " +
                                                  path + "/bet.json?");
    EXPECT_EQ(error_of(folder_ / "bet"), "cannot read " + path +
                                             "/bet: No such file or directory\n"
                                             "   hint: did you mean " +
                                             path + "/bet.json?");
    EXPECT_EQ(error_of(folder_ / "settle.json"),
              "cannot read " + path + "/settle.json: No such file or directory");
    EXPECT_EQ(error_of(folder_.path), "cannot read " + path + ": it is a folder");
}

}  // namespace
}  // namespace loadline

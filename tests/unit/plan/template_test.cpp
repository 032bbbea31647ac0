#include "plan/template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "plan_support.hpp"

namespace loadline {
namespace {

using Escape = Template::Escape;

std::string render(std::string_view text, Escape escape, std::vector<Value> values) {
    Rendering rendering{std::move(values)};
    std::string out;
    make_template(text, escape).render(rendering.context, out);
    return out;
}

TEST(Template, MakesValuesSafeForTheirPlace) {
    const struct {
        const char* name;
        const char* text;
        Escape escape;
        Value value;
        const char* want;
    } rows[] = {
        {"raw", "<${a}>", Escape::none, {"a\"\n%", false}, "<a\"\n%>"},
        {"JSON string",
         "x${a}y",
         Escape::json_string,
         {"\"\\\n\t\r\x01é", false},
         "x\\\"\\\\\\n\\t\\r\\u0001éy"},
        {"JSON value, text", "${a}", Escape::json_value, {"a\"b", false}, "\"a\\\"b\""},
        {"JSON value, number", "${a}", Escape::json_value, {"12", true}, "12"},
        {"JSON value with text around", "n${a}", Escape::json_value, {"12", true}, "\"n12\""},
        {"JSON value, base64", "${base64(a)}", Escape::json_value, {"any", true}, "\"YW55\""},
        {"JSON literal", "a\"b", Escape::json_value, {}, "\"a\\\"b\""},
        {"header injection",
         "Bearer ${a}",
         Escape::header,
         {std::string{"t\r\nX: 1\0", 8}, false},
         "Bearer tX: 1"},
        {"path",
         "/m/${a}/x",
         Escape::path,
         {"a b/é?q=1&r#%20", false},
         "/m/a%20b/%C3%A9?q=1&r%23%20/x"},
        {"path literal", "/a b", Escape::path, {}, "/a%20b"},
        {"form", "${a}", Escape::form, {"a b&c=é/~", false}, "a+b%26c%3D%C3%A9%2F~"},
        {"form, base64",
         "${base64(a)}",
         Escape::form,
         {"\xfb\xff\xfe!", false},
         "%2B%2F%2F%2BIQ%3D%3D"},
        {"literal ${", "$${a} ${a} $ $$", Escape::none, {"v", false}, "${a} v $ $$"},
        {"blanks inside", "${ a } ${base64( a )}", Escape::none, {"v", false}, "v dg=="},
    };
    for (const auto& [name, text, escape, value, want] : rows) {
        SCOPED_TRACE(name);
        EXPECT_EQ(render(text, escape, {value}), want);
    }
}

TEST(Template, Base64PadsAsTheStandardSays) {
    const std::pair<const char*, const char*> rows[] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
    for (const auto& [text, want] : rows) {
        EXPECT_EQ(render("${base64(a)}", Escape::none, {{text, false}}), want);
    }
}

TEST(Template, RandomStaysWithinItsBoundsAndReachesBoth) {
    Rendering rendering{{}};
    const auto dice = make_template("${random(-1, 1)}");
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        std::string out;
        dice.render(rendering.context, out);
        seen.insert(out);
    }
    EXPECT_EQ(seen, (std::set<std::string>{"-1", "0", "1"}));
}

TEST(Template, CounterStepsByTheNumberOfShares) {
    std::vector<Value> none;
    Rng rng{1};
    std::uint64_t counter = 2;
    const RenderContext context{none, rng, counter, 4, 17};
    std::string out;
    make_template("${counter} ${counter} ${user.index}").render(context, out);
    EXPECT_EQ(out, "2 6 17");
    EXPECT_EQ(counter, 10u);
}

TEST(Template, UuidIsVersionFourAndNeverTheSame) {
    const auto pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        Rendering rendering{{}};  // the same seed each time: a second run's keys are new ones
        std::string out;
        make_template("${uuid}").render(rendering.context, out);
        EXPECT_THAT(out, testing::MatchesRegex(pattern));
        seen.insert(out);
    }
    EXPECT_EQ(seen.size(), 100u);
}

TEST(Template, TimesAreOfNow) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count();
    EXPECT_NEAR(std::stod(render("${now}", Escape::none, {})), static_cast<double>(ms), 60'000);
    EXPECT_THAT(
        render("${iso_time}", Escape::none, {}),
        testing::MatchesRegex(
            "^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$"));
    EXPECT_EQ(render("${iso_time}", Escape::none, {}).substr(0, 10),
              iso_utc(std::chrono::system_clock::now()).substr(0, 10));
    EXPECT_EQ(render("${iso_time}", Escape::json_value, {}).front(), '"');
}

TEST(Template, KnowsWhetherItRendersANumber) {
    const struct {
        const char* text;
        bool number;
    } rows[] = {{"${random(1, 2)}", true}, {"${counter}", true},   {"${now}", true},
                {"${user.index}", true},   {"${a}", true},         {"${b}", false},
                {"${uuid}", false},        {"${iso_time}", false}, {"${base64(a)}", false},
                {"x${a}", false},          {"12", false},          {"", false}};
    Rendering rendering{{{"1", true}, {"1", false}}};
    for (const auto& [text, number] : rows) {
        SCOPED_TRACE(text);
        EXPECT_EQ(make_template(text).renders_number(rendering.context), number);
    }
}

TEST(Template, AppendsAndNeverClears) {
    Rendering rendering{{{"v", false}}};
    std::string out = "before ";
    make_template("${a}").render(rendering.context, out);
    EXPECT_EQ(out, "before v");
}

TEST(ParseTemplate, JoinsLiteralsThatMeet) {
    ::setenv("LOADLINE_TEST_VALUE", "mid\"dle", 1);
    std::vector<std::string> secrets;
    const auto parsed =
        parse_template("a ${env.LOADLINE_TEST_VALUE} b", Escape::json_string, letters(secrets));
    ASSERT_EQ(parsed.segments.size(), 1u);
    EXPECT_EQ(std::get<Template::Literal>(parsed.segments[0]).text, "a mid\\\"dle b");
    EXPECT_EQ(secrets, std::vector<std::string>{"mid\"dle"});
}

TEST(ParseTemplate, SaysWhatIsWrongWithASubstitution) {
    ::unsetenv("LOADLINE_TEST_NONE");
    const struct {
        const char* text;
        const char* message;
        const char* hint;
    } rows[] = {
        {"${}", "has an empty ${}", "name a variable: ${token}"},
        {"${a", "has a \"${\" without its \"}\"", "a literal \"${\" is written \"$${\""},
        {"${random(1)}", "has ${random(1)}, but random takes two whole numbers",
         "write ${random(1, 100)}"},
        {"${random}", "has ${random}, but random takes two whole numbers",
         "write ${random(1, 100)}"},
        {"${random(1, 2x)}", "has ${random(1, 2x)}, but random takes two whole numbers",
         "write ${random(1, 100)}"},
        {"${random(9, 1)}", "has ${random(9, 1)}, but 9 is above 1", "write ${random(1, 9)}"},
        {"${random(1, 2}", "has ${random(1, 2}, but its \"(\" is not closed",
         "write ${random(1, 100)}"},
        {"${base64()}", "has ${base64()}, but base64 takes a variable", "write ${base64(token)}"},
        {"${base64(zz)}", "uses ${zz}, but nothing sets it", ""},
        {"${uuid()}", "gives uuid arguments, but it takes none", "write ${uuid}"},
        {"${rand(1, 2)}", "has ${rand(1, 2)}, which is no variable and no function",
         "a literal \"${\" is written \"$${\""},
        {"${randm(1, 2)}", "has ${randm(1, 2)}, which is no variable and no function",
         "did you mean random?"},
        {"${a b}", "has ${a b}, which is no variable and no function",
         "a literal \"${\" is written \"$${\""},
        {"${env.LOADLINE_TEST_NONE}",
         "uses ${env.LOADLINE_TEST_NONE}, but the environment has no LOADLINE_TEST_NONE",
         "set it first: export LOADLINE_TEST_NONE=..."},
        {"${token}", "uses ${token}, but nothing sets it", ""},
    };
    for (const auto& [text, message, hint] : rows) {
        SCOPED_TRACE(text);
        std::vector<std::string> secrets;
        const auto parsed = parse_template(text, Escape::none, letters(secrets));
        ASSERT_EQ(parsed.problems.size(), 1u);
        EXPECT_EQ(parsed.problems[0].message, message);
        EXPECT_EQ(parsed.problems[0].hint, hint);
        EXPECT_EQ(parsed.problems[0].part, text);
    }
}

TEST(ParseTemplate, FindsEveryProblemOfAText) {
    std::vector<std::string> secrets;
    EXPECT_EQ(parse_template("${xx} ${a} ${yy}", Escape::none, letters(secrets)).problems.size(),
              2u);
}

}  // namespace
}  // namespace loadline

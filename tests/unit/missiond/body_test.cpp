#include "missiond/body.hpp"

#include <gtest/gtest.h>

#include <array>

namespace loadline::missiond {
namespace {

constexpr std::array specs{FieldSpec{"name", FieldSpec::Kind::text, true, 1, 5},
                           FieldSpec{"amount", FieldSpec::Kind::whole, false, -3, 9}};

TEST(ReadBody, TakesTheFieldsInAnyOrder) {
    const auto body = read_body(R"( { "amount" : 9 , "name" : "a\u00e4b" } )", specs);
    ASSERT_TRUE(body) << body.error().message;
    EXPECT_EQ(body->text(0), "aäb");
    EXPECT_EQ(body->whole(1), 9);
}

TEST(ReadBody, LeavesOptionalFieldsOut) {
    const auto body = read_body(R"({"name":"a"})", specs);
    ASSERT_TRUE(body);
    EXPECT_FALSE(body->has(1));
    EXPECT_EQ(body->whole_or(1, 7), 7);
}

TEST(ReadBody, TakesAnEmptyBodyForAnEmptyObject) {
    EXPECT_TRUE(read_body("", {}));
    EXPECT_TRUE(read_body("{}", {}));
}

TEST(ReadBody, SaysWhatIsWrong) {
    const struct {
        const char *body, *code, *message;
    } rows[] = {
        {"", "missing_field", "\"name\" is missing"},
        {"{", "bad_json", "the body is not JSON: byte 2"},
        {R"({"name":"a"} x)", "bad_json", "the body is not JSON: byte 14"},
        {R"({"name":"a",})", "bad_json", "the body is not JSON: byte 13"},
        {"{\"name\":\"\xff\"}", "bad_json", "the body is not JSON: byte 10"},
        {"null", "wrong_type", "the body must be an object, not null"},
        {"3", "wrong_type", "the body must be an object, not a number"},
        {"[]", "wrong_type", "the body must be an object, not an array"},
        {R"("x")", "wrong_type", "the body must be an object, not a string"},
        {R"({"name":1})", "wrong_type", "\"name\" must be a string, not a number"},
        {R"({"name":{}})", "wrong_type", "\"name\" must be a string, not an object"},
        {R"({"name":"a","amount":"1"})", "wrong_type",
         "\"amount\" must be a whole number, not a string"},
        {R"({"name":"a","amount":1.0})", "wrong_type",
         "\"amount\" must be a whole number, not a fraction"},
        {R"({"name":"a","amount":true})", "wrong_type",
         "\"amount\" must be a whole number, not true or false"},
        {R"({"name":""})", "out_of_range", "\"name\" must have 1 to 5 bytes"},
        {R"({"name":"ääää"})", "out_of_range", "\"name\" must have 1 to 5 bytes"},
        {R"({"name":"a\u0000b"})", "out_of_range", "\"name\" must have no control characters"},
        {R"({"name":"a","amount":10})", "out_of_range", "\"amount\" must be between -3 and 9"},
        {R"({"name":"a","amount":-4})", "out_of_range", "\"amount\" must be between -3 and 9"},
        {R"({"name":"a","amount":18446744073709551615})", "out_of_range",
         "\"amount\" must be between -3 and 9"},
        {R"({"name":"a","name":"b"})", "duplicate_field", "\"name\" is there twice"},
        {R"({"name":"a","mount":1})", "unknown_field", "\"mount\" is not a field of this request"},
    };
    for (const auto& [text, code, message] : rows) {
        SCOPED_TRACE(text);
        const auto body = read_body(text, specs);
        ASSERT_FALSE(body);
        EXPECT_EQ(body.error().status, 400);
        EXPECT_EQ(body.error().code, code);
        EXPECT_EQ(body.error().message, message);
    }
}

TEST(ReadBody, SurvivesDeepNesting) {
    EXPECT_FALSE(read_body(std::string(1'000'000, '['), specs));
    EXPECT_FALSE(read_body(R"({"name":)" + std::string(1'000'000, '['), specs));
}

TEST(Problem, IsJsonWhateverItsMessage) {
    EXPECT_EQ(to_json({400, "code", "a \"b\"\n\\"}), R"({"error":"code","message":"a \"b\"\n\\"})");
}

}  // namespace
}  // namespace loadline::missiond

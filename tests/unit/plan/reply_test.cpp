#include <gtest/gtest.h>

#include "plan/plan.hpp"

namespace loadline {
namespace {

using Type = RedisValue::Type;

ResponseView http(int status, std::string_view head, std::string_view body) {
    ResponseView reply;
    reply.status = status;
    reply.head = head;
    reply.body = body;
    return reply;
}

ResponseView redis(const std::vector<RedisValue>& values) {
    ResponseView reply;
    reply.reply = values;
    return reply;
}

RedisValue text(std::string_view value) { return {Type::text, 0, value}; }
RedisValue integer(std::int64_t n) { return {Type::integer, n, {}}; }
RedisValue array(std::int64_t n) { return {Type::array, n, {}}; }
RedisValue nil() { return {}; }
RedisValue error(std::string_view value) { return {Type::error, 0, value}; }

TEST(Passes, JudgesHttpAnswers) {
    const auto reply =
        http(201, "Content-Type: application/json\r\nX-Empty: \r\n",
             R"({"state": "open", "n": 1.50, "e": "\u00e9", "o": {"a": [1, 2]}, "z": null})");
    const struct {
        const char* name;
        Check check;
        bool passes;
    } rows[] = {
        {"status in a range", StatusCheck{{{200, 200}, {201, 204}}}, true},
        {"status outside", StatusCheck{{{200, 200}, {400, 499}}}, false},
        {"body contains", BodyContainsCheck{"open"}, true},
        {"body lacks", BodyContainsCheck{"closed"}, false},
        {"header", HeaderCheck{"content-type", "application/json"}, true},
        {"header differs", HeaderCheck{"content-type", "text/html"}, false},
        {"empty header", HeaderCheck{"X-Empty", ""}, true},
        {"absent header", HeaderCheck{"X-None", ""}, false},
        {"text", JsonCheck{"/state", "\"open\""}, true},
        {"another text", JsonCheck{"/state", "\"closed\""}, false},
        {"number written otherwise", JsonCheck{"/n", "1.5"}, true},
        {"number is no text", JsonCheck{"/n", "\"1.50\""}, false},
        {"escaped text", JsonCheck{"/e", "\"é\""}, true},
        {"object with other blanks", JsonCheck{"/o", R"({"a":[1,2]})"}, true},
        {"object differs", JsonCheck{"/o", R"({"a":[1]})"}, false},
        {"null", JsonCheck{"/z", "null"}, true},
        {"absent", JsonCheck{"/none", "null"}, false},
    };
    for (const auto& [name, check, wanted] : rows) {
        SCOPED_TRACE(name);
        EXPECT_EQ(passes(check, reply), wanted);
    }
}

TEST(Passes, ComparesJsonBehindEscapedKeys) {
    const auto reply = http(200, "", R"({"\u0061": "x", "b": 2})");
    EXPECT_TRUE(passes(JsonCheck{"/a", "\"x\""}, reply));
    EXPECT_TRUE(passes(JsonCheck{"/b", "2"}, reply));
    EXPECT_FALSE(passes(JsonCheck{"/b", "\"2\""}, reply));
}

TEST(Passes, JudgesRedisReplies) {
    const struct {
        const char* name;
        std::vector<RedisValue> reply;
        Check check;
        bool passes;
    } rows[] = {
        {"integer", {integer(1)}, ReplyEqualsCheck{"1"}, true},
        {"another integer", {integer(0)}, ReplyEqualsCheck{"1"}, false},
        {"text", {text("1")}, ReplyEqualsCheck{"1"}, true},
        {"status", {{Type::status, 0, "OK"}}, ReplyEqualsCheck{"OK"}, true},
        {"null is no empty text", {nil()}, ReplyEqualsCheck{""}, false},
        {"array", {array(1), text("1")}, ReplyEqualsCheck{"1"}, false},
        {"null", {nil()}, ReplyNullCheck{true}, true},
        {"not null", {text("")}, ReplyNullCheck{true}, false},
    };
    for (const auto& [name, values, check, wanted] : rows) {
        SCOPED_TRACE(name);
        EXPECT_EQ(passes(check, redis(values)), wanted);
    }
}

TEST(Extract, TakesHeadersAndElementsOfReplies) {
    Value value;
    EXPECT_TRUE(
        extract({0, HeaderSource{"location"}}, http(201, "Location:  /m/7 \r\n", ""), value));
    EXPECT_EQ(value.text, "/m/7");
    EXPECT_FALSE(extract({0, HeaderSource{"ETag"}}, http(201, "Location: x\r\n", ""), value));

    const std::vector<RedisValue> values{array(4), integer(-3), array(2),    text("x"),
                                         array(0), nil(),       text("last")};
    const auto reply = redis(values);
    const struct {
        const char* pointer;
        const char* text;  // nullptr: not there
        bool number;
    } rows[] = {{"/0", "-3", true},     {"/1/0", "x", false},       {"/3", "last", false},
                {"/2", nullptr, false}, {"/1", nullptr, false},     {"", nullptr, false},
                {"/4", nullptr, false}, {"/1/1/0", nullptr, false}, {"/x", nullptr, false}};
    for (const auto& [pointer, wanted, number] : rows) {
        SCOPED_TRACE(pointer);
        ASSERT_EQ(extract({0, ReplySource{pointer}}, reply, value), wanted != nullptr);
        if (wanted == nullptr) continue;
        EXPECT_EQ(value.text, wanted);
        EXPECT_EQ(value.number, number);
    }
    const std::vector<RedisValue> whole{text("v")};
    EXPECT_TRUE(extract({0, ReplySource{""}}, redis(whole), value));
    EXPECT_EQ(value.text, "v");
}

TEST(JudgeReply, NamesTheOutcome) {
    StepPlan plain, strict, lookup;
    strict.checks = {StatusCheck{{{201, 201}}}, BodyContainsCheck{"ok"}};
    strict.captures = {{0, JsonPointerSource{"/id"}}};
    lookup.redis = true;
    lookup.checks = {ReplyEqualsCheck{"1"}};
    const std::vector<RedisValue> one{integer(1)}, none{integer(0)}, wrong{error("ERR no")},
        moved{error("MOVED 3999 127.0.0.1:6381")}, asked{error("ASK 3999 127.0.0.1:6381")};
    const struct {
        const char* name;
        const StepPlan& step;
        ResponseView reply;
        Outcome outcome;
    } rows[] = {
        {"200", plain, http(200, "", ""), Outcome::ok},
        {"302", plain, http(302, "", ""), Outcome::ok},
        {"404", plain, http(404, "", ""), Outcome::http_4xx},
        {"503", plain, http(503, "", ""), Outcome::http_5xx},
        {"999", plain, http(999, "", ""), Outcome::check_failed},
        {"all holds", strict, http(201, "", R"({"id": 5, "s": "ok"})"), Outcome::ok},
        {"status not allowed", strict, http(200, "", R"({"id": 5, "s": "ok"})"),
         Outcome::check_failed},
        {"4xx before the body", strict, http(409, "", ""), Outcome::http_4xx},
        {"5xx before the body", strict, http(500, "", ""), Outcome::http_5xx},
        {"body differs", strict, http(201, "", R"({"id": 5})"), Outcome::check_failed},
        {"value is not there", strict, http(201, "", R"({"s": "ok"})"), Outcome::capture_failed},
        {"Redis holds", lookup, redis(one), Outcome::ok},
        {"Redis differs", lookup, redis(none), Outcome::check_failed},
        {"Redis error", lookup, redis(wrong), Outcome::redis_error},
        {"Redis moved", lookup, redis(moved), Outcome::redis_moved},
        {"Redis asks", lookup, redis(asked), Outcome::redis_moved},
    };
    for (const auto& [name, step, reply, wanted] : rows) {
        SCOPED_TRACE(name);
        std::vector<Value> variables(1);
        EXPECT_EQ(to_string(judge_reply(step, reply, variables)), to_string(wanted));
    }
}

TEST(JudgeReply, A404ThatACheckAllowsIsOk) {
    StepPlan step;
    step.checks = {StatusCheck{{{404, 404}}}};
    std::vector<Value> variables;
    EXPECT_EQ(judge_reply(step, http(404, "", ""), variables), Outcome::ok);
    EXPECT_EQ(judge_reply(step, http(200, "", ""), variables), Outcome::check_failed);
}

}  // namespace
}  // namespace loadline

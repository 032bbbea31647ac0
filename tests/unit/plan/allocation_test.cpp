#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "plan_support.hpp"

namespace {
std::atomic<std::uint64_t> allocations{0};
}

[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc{};
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++allocations;
    return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace loadline {
namespace {

constexpr const char* scenario = R"json({
  "loadline": 1, "targets": {"web": "http://127.0.0.1", "cache": "redis://127.0.0.1"},
  "data": {"hot": {"numbers": [1, 1000], "pick": "zipf(1.2)"}},
  "journeys": {"bet": {"steps": [
    {"set": {"amount": "${random(100, 5000)}", "note": "a longer text than any small string: ${uuid} ${iso_time}"}},
    {"name": "check", "redis": ["EXISTS", "session:${hot}:${note}"], "on": "cache", "expect": {"equals": 1}},
    {"name": "bet", "http": "POST web/missions/${hot}/bet", "headers": {"Idempotency-Key": "${uuid}", "X": "${base64(note)}"},
     "json": {"amount": "${amount}", "note": "${note}", "n": "${counter}"},
     "expect": {"status": 201, "headers": {"Content-Type": "application/json"}, "json": {"/state": "open", "/pot": 12}},
     "capture": {"token": "/accessToken", "place": "header:Location"}}]}}})json";

/// One journey without a network: feed, set, render, judge.
Outcome walk(const Plan& plan, RenderContext& context, FeederCursor& cursor, std::string& scratch,
             std::string& out) {
    ResponseView answer;
    answer.status = 201;
    answer.head =
        "Content-Type: application/json\r\nLocation: /missions/17/bets/a-long-place-indeed\r\n";
    answer.body =
        R"({"state": "open", "pot": 12.0, "accessToken": "a token that is longer \u00e9 than a few characters"})";
    const RedisValue one{RedisValue::Type::integer, 1, {}};
    ResponseView reply;
    reply.reply = {&one, 1};
    Outcome outcome = Outcome::ok;
    for (const auto& action : plan.journeys[0].actions) {
        if (const auto* feeding = std::get_if<FeedAction>(&action)) {
            feed(*plan.feeders[feeding->feeder], cursor, context.rng, context.variables);
        } else if (const auto* set = std::get_if<SetAction>(&action)) {
            apply_set(*set, context, scratch);
        } else if (const auto* exchange = std::get_if<ExchangeAction>(&action)) {
            const auto& step = plan.steps[exchange->step];
            render_request(step, context, scratch, out);
            const auto judged = judge_reply(step, step.redis ? reply : answer, context.variables);
            outcome = outcome == Outcome::ok ? judged : outcome;
        }
    }
    return outcome;
}

TEST(HotPath, AllocatesNothingInTheSteadyState) {
    const auto plan = plan_of(scenario);
    ASSERT_NE(plan, nullptr);
    std::vector<Value> variables(plan->variable_count);
    Rng rng{1};
    std::uint64_t counter = 0;
    RenderContext context{variables, rng, counter};
    FeederCursor cursor;
    std::string scratch, out;
    ASSERT_EQ(to_string(walk(*plan, context, cursor, scratch, out)), "ok");
    counter = 1'000'000;  // the buffers see their longest texts once
    for (int i = 0; i < 100; ++i) walk(*plan, context, cursor, scratch, out);

    const auto before = allocations.load();
    for (int i = 0; i < 1000; ++i) walk(*plan, context, cursor, scratch, out);
    EXPECT_EQ(allocations.load() - before, 0u);
}

TEST(HotPath, TheAllocationCounterCounts) {
    const auto before = allocations.load();
    delete new std::string(100, 'x');
    EXPECT_GE(allocations.load() - before, 2u);
}

}  // namespace
}  // namespace loadline

#include <benchmark/benchmark.h>

#include "plan/extract.hpp"
#include "plan/plan.hpp"
#include "plan/template_parse.hpp"

namespace loadline {
namespace {

/// A request head of about 500 bytes with three substitutions, as a bet sends it: what the
/// generator spends on the text of one exchange.
void render_500_bytes(benchmark::State& state) {
    TemplateNames names;
    std::vector<std::string> secrets;
    names.secrets = &secrets;
    names.variable = [](std::string_view name) -> std::variant<std::uint32_t, TemplateProblem> {
        return static_cast<std::uint32_t>(name[0] - 'a');
    };
    const std::string head =
        "POST /missions/${a}/bet HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
        "User-Agent: loadline/0.1\r\nAuthorization: Bearer ${b}\r\n"
        "Idempotency-Key: ${c}\r\nX-Trace: " +
        std::string(170, 't') + "\r\n";
    const Template compiled{parse_template(head, Template::Escape::none, names).segments};
    std::vector<Value> variables{
        {"4711", true}, {std::string(150, 'j'), false}, {std::string(36, 'u'), false}};
    Rng rng{1};
    std::uint64_t counter = 0;
    const RenderContext context{variables, rng, counter};
    std::string out;
    for (auto _ : state) {
        out.clear();
        compiled.render(context, out);
        benchmark::DoNotOptimize(out.data());
    }
    state.counters["bytes"] = static_cast<double>(out.size());
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(render_500_bytes);

/// The same with functions, which are drawn anew each time: a UUID and a random amount.
void render_uuid_and_random(benchmark::State& state) {
    TemplateNames names;
    std::vector<std::string> secrets;
    names.secrets = &secrets;
    const Template compiled{
        parse_template("${uuid} ${random(100, 5000)}", Template::Escape::none, names).segments};
    std::vector<Value> variables;
    Rng rng{1};
    std::uint64_t counter = 0;
    const RenderContext context{variables, rng, counter};
    std::string out;
    for (auto _ : state) {
        out.clear();
        compiled.render(context, out);
        benchmark::DoNotOptimize(out.data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(render_uuid_and_random);

/// One field of a JSON body of 150 bytes: the first one, then the last one.
void scan_150_bytes(benchmark::State& state, const char* pointer) {
    const std::string json =
        R"({"id":17,"userId":"u-000123","state":"open","title":"a mission of some length","pot":123456,"deadline":"2026-11-21T08:02:47Z","stakes":12,"last":98765})";
    Value value;
    for (auto _ : state) {
        benchmark::DoNotOptimize(scan_json(json, pointer, value));
        benchmark::DoNotOptimize(value.text.data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(scan_150_bytes, first, "/id");
BENCHMARK_CAPTURE(scan_150_bytes, last, "/last");

}  // namespace
}  // namespace loadline

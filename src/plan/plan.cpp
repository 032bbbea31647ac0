#include "plan/plan.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace loadline {
namespace {

void append_count(std::size_t n, std::string& out) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
    out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void render_http(const StepPlan& step, const RenderContext& context, std::string& scratch,
                 std::string& out) {
    step.head.render(context, out);
    if (!step.has_body) {
        out.append("\r\n");
        return;
    }
    scratch.clear();
    step.body.render(context, scratch);
    out.append("Content-Length: ");
    append_count(scratch.size(), out);
    out.append("\r\n\r\n");
    out.append(scratch);
}

/// RESP: an array of bulk strings.
void render_redis(const StepPlan& step, const RenderContext& context, std::string& scratch,
                  std::string& out) {
    out.push_back('*');
    append_count(step.arguments.size(), out);
    out.append("\r\n");
    for (const auto& argument : step.arguments) {
        scratch.clear();
        argument.render(context, scratch);
        out.push_back('$');
        append_count(scratch.size(), out);
        out.append("\r\n");
        out.append(scratch);
        out.append("\r\n");
    }
}

bool is_status_check(const Check& check) { return std::holds_alternative<StatusCheck>(check); }

Outcome judge_status(const StepPlan& step, const ResponseView& reply) {
    const auto check = std::find_if(step.checks.begin(), step.checks.end(), is_status_check);
    const bool allowed = check != step.checks.end() ? passes(*check, reply)
                                                    : reply.status >= 200 && reply.status <= 399;
    if (allowed) return Outcome::ok;
    if (reply.status >= 400 && reply.status <= 499) return Outcome::http_4xx;
    if (reply.status >= 500 && reply.status <= 599) return Outcome::http_5xx;
    return Outcome::check_failed;
}

Outcome judge_redis_error(const ResponseView& reply) {
    if (reply.reply.empty()) return Outcome::protocol_error;
    const auto& value = reply.reply[0];
    if (value.type != RedisValue::Type::error) return Outcome::ok;
    const bool moved = value.text.starts_with("MOVED ") || value.text.starts_with("ASK ");
    return moved ? Outcome::redis_moved : Outcome::redis_error;
}

}  // namespace

void fix_request(StepPlan& step) {
    const auto is_fixed = [](const Template& part) {
        return std::all_of(part.segments().begin(), part.segments().end(), [](const auto& segment) {
            return std::holds_alternative<Template::Literal>(segment);
        });
    };
    if (!is_fixed(step.head) || !is_fixed(step.body) ||
        !std::all_of(step.arguments.begin(), step.arguments.end(), is_fixed)) {
        return;
    }
    std::vector<Value> nothing;
    Rng rng{0, 0};
    std::uint64_t counter = 0;
    std::string scratch, request;
    render_request(step, {nothing, rng, counter}, scratch, request);
    step.fixed_request = std::move(request);
}

const char* to_string(ConnectionMode mode) {
    switch (mode) {
        case ConnectionMode::pool:
            return "pool";
        case ConnectionMode::per_session:
            return "per-session";
        case ConnectionMode::per_request:
            return "per-request";
    }
    return "pool";
}

std::optional<StepIndex> Plan::find_step(std::string_view step_name) const {
    for (StepIndex i = 0; i < steps.size(); ++i) {
        if (steps[i].name == step_name) return i;
    }
    return std::nullopt;
}

void render_request(const StepPlan& step, const RenderContext& context, std::string& scratch,
                    std::string& out) {
    out.clear();
    step.redis ? render_redis(step, context, scratch, out)
               : render_http(step, context, scratch, out);
}

void apply_set(const SetAction& action, const RenderContext& context, std::string& scratch) {
    scratch.clear();
    const bool number = action.value.renders_number(context);
    action.value.render(context, scratch);
    auto& value = context.variables[action.variable];
    value.text.assign(scratch);
    value.number = number;
}

Outcome judge_reply(const StepPlan& step, const ResponseView& reply,
                    std::vector<Value>& variables) {
    const auto first = step.redis ? judge_redis_error(reply) : judge_status(step, reply);
    if (first != Outcome::ok) return first;
    for (const auto& check : step.checks) {
        if (!is_status_check(check) && !passes(check, reply)) return Outcome::check_failed;
    }
    for (const auto& capture : step.captures) {
        if (!extract(capture, reply, variables[capture.variable])) return Outcome::capture_failed;
    }
    return Outcome::ok;
}

}  // namespace loadline

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/units.hpp"
#include "plan/compile_context.hpp"

// Churn: which journeys end their connection, and how.
namespace loadline {
namespace {

/// A slice of 100 ms must fit into the kernel's receive buffer (212 992 bytes by default).
constexpr std::uint64_t fastest_slow_rate = 1'000'000;

void compile_share(CompileContext& context, const Node& node) {
    context.plan.churn.share = 1;
    if (node.text() == nullptr) return;
    const auto share = parse_share(*node.text());
    if (!share) return context.problem(node, share.error().message);
    if (*share == 0) {
        return context.problem(node, "this share must be above zero",
                               "leave \"churn\" out where no journey churns");
    }
    context.plan.churn.share = *share;
}

/// False when no mode has a weight, and that was reported.
bool compile_weights(CompileContext& context, const Node& churn) {
    bool any = false;
    for (std::size_t i = 0; i < churn_mode_count; ++i) {
        const auto node = churn.at(std::string{churn_mode_names[i]});
        any |= static_cast<bool>(node);
        const auto weight = node.number();
        if (!weight) continue;
        if (*weight <= 0) context.problem(node, "a weight must be above zero");
        context.plan.churn.weights[i] = *weight;
    }
    if (any) return true;
    context.problem_about_key(churn, "\"churn\" names no mode",
                              fmt::format("add one with its weight, such as \"fin-idle\": 1; the "
                                          "modes are {}",
                                          fmt::join(churn_mode_names, ", ")));
    return false;
}

/// A setting is for the modes that read it: where none has a weight, it would do nothing.
bool is_of_use(CompileContext& context, const Node& node, std::initializer_list<ChurnMode> modes) {
    if (!node) return false;
    const auto has = [&](ChurnMode mode) { return context.plan.churn.has(mode); };
    if (std::any_of(modes.begin(), modes.end(), has)) return true;
    const auto name = to_string(*modes.begin());
    context.problem_about_key(node, fmt::format("this is for \"{}\", which has no weight", name),
                              fmt::format("leave it out, or add \"{}\": 10", name));
    return false;
}

/// A whole number above zero, also as "1k".
std::optional<std::uint64_t> read_count(CompileContext& context, const Node& node) {
    std::optional<std::uint64_t> count;
    if (const auto* text = node.text()) {
        const auto parsed = parse_count(*text);
        if (!parsed) {
            context.problem(node, parsed.error().message);
            return {};
        }
        count = *parsed;
    } else if (const auto n = node.whole(); n && *n > 0) {
        count = static_cast<std::uint64_t>(*n);
    }
    if (count.value_or(0) > 0) return count;
    context.problem(node, "this must be a whole number above zero");
    return {};
}

void compile_settings(CompileContext& context, const Node& node) {
    using enum ChurnMode;
    auto& churn = context.plan.churn;
    const auto duration = [&](const char* key, std::initializer_list<ChurnMode> modes,
                              bool zero_allowed, Duration& into) {
        const auto at = node.at(key);
        if (!is_of_use(context, at, modes)) return;
        if (const auto d = context.duration(at, zero_allowed)) into = *d;
    };
    duration("inflight-after", {fin_inflight, rst_inflight}, true, churn.inflight_after);
    duration("timeout-after", {timeout}, false, churn.timeout_after);
    duration("idle-timeout", {reuse_race}, false, churn.idle_timeout);
    duration("idle-jitter", {reuse_race}, true, churn.idle_jitter);
    if (const auto at = node.at("slow-rate"); is_of_use(context, at, {slow_read})) {
        const auto n = read_count(context, at);
        if (n && *n > fastest_slow_rate) {
            context.problem(at, "\"slow-read\" keeps at most 1M bytes per second",
                            "give \"slow-rate\" less: faster clients are not slow");
        } else if (n) {
            churn.slow_rate = static_cast<double>(*n);
        }
    }
    if (const auto at = node.at("burst-size"); is_of_use(context, at, {burst_end})) {
        if (const auto n = read_count(context, at)) churn.burst_size = *n;
    }
}

/// The race needs to know when the server closes, and sends the journey's last request again.
void check_race(CompileContext& context, const Node& root) {
    const auto& plan = context.plan;
    const auto node = root.at("churn").at(std::string{to_string(ChurnMode::reuse_race)});
    if (!node || !plan.churn.has(ChurnMode::reuse_race)) return;
    if (!root.at("churn").at("idle-timeout")) {
        return context.problem_about_key(
            node, "\"reuse-race\" needs the time after which the server closes an idle connection",
            "add \"idle-timeout\": \"60s\", as the server has it");
    }
    if (const auto jitter = plan.churn.idle_jitter; jitter > plan.churn.idle_timeout) {
        const auto said = root.at("churn").at("idle-jitter");
        return context.problem(said ? said : root.at("churn").at("idle-timeout"),
                               fmt::format("the jitter of {} is longer than \"idle-timeout\"",
                                           format_duration_exact(jitter)),
                               "give \"idle-jitter\" less");
    }
    for (const auto& journey : plan.journeys) {
        if (!journey.churn) continue;
        const auto& last = std::get<ExchangeAction>(journey.actions[journey.churn->action]);
        const auto& step = plan.steps[last.step];
        if (step.idempotent) continue;
        return context.problem_about_key(
            node,
            fmt::format("\"reuse-race\" sends the last HTTP request of a journey twice, but step "
                        "\"{}\" of journey \"{}\" may not be repeated",
                        step.name, journey.name),
            "end the journey with a GET, or leave \"reuse-race\" out");
    }
}

/// A Unix socket has no reset.
void check_resets(CompileContext& context, const Node& churn) {
    const auto& plan = context.plan;
    for (const auto mode : {ChurnMode::rst_idle, ChurnMode::rst_inflight}) {
        const auto node = churn.at(std::string{to_string(mode)});
        if (!node) continue;
        for (const auto& journey : plan.journeys) {
            if (!journey.churn || !plan.targets[journey.churn->target].url.is_unix()) continue;
            context.problem_about_key(
                node,
                fmt::format("journey \"{}\" ends at a Unix socket, which cannot be reset",
                            journey.name),
                "leave this mode out");
            break;
        }
    }
}

std::optional<ChurnPoint> last_over_http(const Plan& plan, const JourneyPlan& journey) {
    for (auto i = journey.actions.size(); i-- > 0;) {
        const auto* exchange = std::get_if<ExchangeAction>(&journey.actions[i]);
        if (!exchange || plan.steps[exchange->step].redis) continue;
        return ChurnPoint{i, plan.steps[exchange->step].target};
    }
    return {};
}

}  // namespace

void compile_churn(CompileContext& context, const Node& root) {
    const auto node = root.at("churn");
    if (!node.is_object()) return;
    compile_share(context, node.at("share"));
    if (!compile_weights(context, node)) return;
    compile_settings(context, node);
    bool any = false;
    for (auto& journey : context.plan.journeys) {
        journey.churn = last_over_http(context.plan, journey);
        any |= journey.churn.has_value();
    }
    if (!any && !context.plan.journeys.empty()) {
        context.problem_about_key(node, "no journey has an HTTP step, so none can churn",
                                  "leave \"churn\" out");
    }
    check_race(context, root);
    check_resets(context, node);
}

}  // namespace loadline

#include "plan/one_liner.hpp"

#include <fmt/format.h>

#include "plan/http_head.hpp"
#include "plan/template_parse.hpp"

namespace loadline {
namespace {

std::string_view trim(std::string_view text) {
    const auto from = text.find_first_not_of(" \t");
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

Result<std::vector<Template::Segment>> parse(std::string_view flag, std::string_view text,
                                             Template::Escape escape,
                                             std::vector<std::string>& secrets) {
    TemplateNames names;
    names.secrets = &secrets;
    names.variable = [](std::string_view name) {
        return TemplateProblem{"", fmt::format("uses ${{{}}}, but nothing sets it", name),
                               "variables need a scenario; here are counter, random(1, 100), uuid, "
                               "now, iso_time, user.index and env.NAME"};
    };
    auto parsed = parse_template(text, escape, names);
    if (parsed.problems.empty()) return std::move(parsed.segments);
    const auto& first = parsed.problems.front();
    return usage_error(fmt::format("{} {}\n   hint: {}", flag, first.message, first.hint));
}

Result<HttpHead> parse_head(const OneLiner& one_liner, std::vector<std::string>& secrets) {
    HttpHead head;
    head.method = one_liner.method;
    if (const auto problem = method_problem(head.method); !problem.empty()) {
        return usage_error("--method: " + problem);
    }
    auto path = parse("the URL", one_liner.url.path.empty() ? "/" : one_liner.url.path,
                      Template::Escape::path, secrets);
    if (!path) return path.error();
    head.path = std::move(*path);
    for (const auto& header : one_liner.headers) {
        const auto flag = fmt::format("--header '{}'", header);
        const auto colon = header.find(':');
        if (colon == std::string::npos || header.find_first_of("\r\n") != std::string::npos) {
            return usage_error(flag + " is not like 'Name: value'");
        }
        const std::string name{trim(header.substr(0, colon))};
        if (const auto problem = header_problem(name); !problem.empty()) {
            return usage_error(fmt::format("{}: {}", flag, problem));
        }
        auto value = parse(flag, trim(std::string_view{header}.substr(colon + 1)),
                           Template::Escape::header, secrets);
        if (!value) return value.error();
        head.headers.emplace_back(name, std::move(*value));
    }
    return head;
}

Result<StepPlan> parse_command(const OneLiner& one_liner, std::vector<std::string>& secrets) {
    if (one_liner.command.empty()) {
        return usage_error(
            "a redis:// URL wants a command\n   hint: put it behind --: "
            "loadline redis://host -c50 -- GET 'key:${counter}'");
    }
    if (one_liner.method != "GET" || !one_liner.headers.empty() || !one_liner.body.empty()) {
        return usage_error("--method, --header and --body belong to http:// URLs");
    }
    StepPlan step;
    step.redis = true;
    for (const auto& word : one_liner.command) {
        auto parsed =
            parse(fmt::format("the word \"{}\"", word), word, Template::Escape::none, secrets);
        if (!parsed) return parsed.error();
        step.arguments.emplace_back(std::move(*parsed));
    }
    return step;
}

Result<StepPlan> parse_request(const OneLiner& one_liner, std::vector<std::string>& secrets) {
    if (!one_liner.command.empty()) {
        return usage_error(
            fmt::format("\"{}\" is one word too many: commands belong to redis:// "
                        "URLs",
                        one_liner.command.front()));
    }
    auto head = parse_head(one_liner, secrets);
    if (!head) return head.error();
    auto body = parse("--body", one_liner.body, Template::Escape::none, secrets);
    if (!body) return body.error();
    StepPlan step;
    step.head_request = one_liner.method == "HEAD";
    step.idempotent = is_idempotent(one_liner.method);
    step.has_body = !one_liner.body.empty() || always_has_body(one_liner.method);
    step.body = Template{std::move(*body)};
    auto bare = one_liner.url;
    bare.path.clear();  // it is the step's path here
    step.head = build_head(*head, bare);
    return step;
}

/// "127.0.0.1-8080": the name of the reports' folder.
std::string plan_name(const Url& url) {
    auto name = url.endpoint();
    for (char& c : name) {
        if (c == ':' || c == '[' || c == ']' || c == '/') c = '-';
    }
    return name;
}

}  // namespace

Result<std::shared_ptr<const Plan>> plan_for_url(const OneLiner& one_liner) {
    auto plan = std::make_shared<Plan>();
    plan->name = plan_name(one_liner.url);
    plan->load = one_liner.load;
    const bool redis = one_liner.url.is_redis();
    auto step =
        redis ? parse_command(one_liner, plan->secrets) : parse_request(one_liner, plan->secrets);
    if (!step) return step.error();
    step->name = "request";
    step->transaction = true;
    fix_request(*step);
    plan->targets.push_back({"target", one_liner.url});
    if (!redis) plan->targets.back().url.path.clear();
    plan->steps.push_back(std::move(*step));
    JourneyPlan journey;
    journey.name = "request";
    journey.actions.emplace_back(ExchangeAction{0});
    plan->journeys.push_back(std::move(journey));
    if (!one_liner.url.password.empty()) plan->secrets.push_back(one_liner.url.password);
    if (const auto problem = one_liner.transport.apply_to(*plan); !problem.empty()) {
        return usage_error(problem);
    }

    auto slos = one_liner.slos;
    if (slos.empty()) slos = {"p99 <= 100ms", "errors <= 0.1%"};
    for (const auto& text : slos) {
        auto clause = parse_slo(text);
        if (!clause) return usage_error("--slo: " + clause.error().message);
        if (clause->scope != SloClause::Scope::transactions) {
            if (clause->name != "request") {
                return usage_error(
                    fmt::format("--slo: slo \"{}\": there is no \"{}\"\n   hint: the only step and "
                                "journey is called request",
                                text, clause->name));
            }
            clause->index = 0;
        }
        plan->slos.push_back(std::move(*clause));
    }
    return std::shared_ptr<const Plan>{std::move(plan)};
}

}  // namespace loadline

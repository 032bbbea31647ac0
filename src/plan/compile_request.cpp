#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"
#include "plan/compile_context.hpp"
#include "plan/http_head.hpp"

namespace loadline {
namespace {

using Escape = Template::Escape;

/// Commands that change the connection all users share, or never end.
constexpr std::string_view refused_commands[] = {
    "MULTI",   "EXEC",       "DISCARD", "WATCH", "UNWATCH", "SUBSCRIBE", "PSUBSCRIBE",
    "MONITOR", "SSUBSCRIBE", "HELLO",   "RESET", "QUIT",    "SYNC",      "PSYNC"};

std::string upper(std::string_view text) {
    std::string result{text};
    for (char& c : result) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return result;
}

class RequestCompiler {
public:
    RequestCompiler(CompileContext& context, StepScope& scope, const Node& node)
        : context_{context}, scope_{scope}, node_{node} {}

    std::optional<StepIndex> compile() {
        const auto http = node_.at("http"), redis = node_.at("redis");
        step_.redis = !http && redis;
        name();
        if (http) {
            compile_http(http);
        } else if (redis) {
            compile_redis(redis);
        } else {
            return std::nullopt;
        }
        step_.timeout = context_.duration(node_.at("timeout"), false).value_or(Duration{});
        captures();
        const auto mark = transaction();
        fix_request(step_);
        context_.plan.steps.push_back(std::move(step_));
        context_.transaction_marks.push_back(mark);
        return static_cast<StepIndex>(context_.plan.steps.size() - 1);
    }

private:
    void name() {
        const auto at = node_.at("name");
        subject_ = "this step";
        if (at.text() == nullptr) return;
        step_.name = *at.text();
        subject_ = fmt::format("step \"{}\"", step_.name);
        const auto wrong = [](char c) {
            return static_cast<unsigned char>(c) <= ' ' || c == 0x7f ||
                   std::string_view{",\"'()"}.find(c) != std::string_view::npos;
        };
        if (step_.name.empty() || std::any_of(step_.name.begin(), step_.name.end(), wrong)) {
            context_.problem(
                at, fmt::format("a step cannot be called \"{}\"", step_.name),
                "reports are kept by this name: no blanks, commas, quotes or brackets");
            return;
        }
        const auto [place, fresh] = context_.step_places.emplace(step_.name, scope_.title);
        if (fresh) return;
        context_.problem(
            at, fmt::format("step name \"{}\" is taken by a step of {}", step_.name, place->second),
            "reports are kept by step name: choose another one");
    }

    std::vector<Template::Segment> segments(const Node& at, std::string_view text, Escape escape) {
        return compile_template(context_, scope_, at, text, escape, subject_);
    }

    // --- HTTP

    void compile_http(const Node& at) {
        if (at.text() == nullptr) return;
        const std::string_view text = *at.text();
        const auto blank = text.find(' ');
        const auto where = blank == std::string_view::npos ? "" : text.substr(blank + 1);
        if (blank == 0 || where.empty() || where[0] == ' ') {
            context_.problem(at, fmt::format("\"{}\" is not like \"GET service/path\"", text),
                             "write the method, a blank, the target and the path");
            return;
        }
        HttpHead head;
        head.method = text.substr(0, blank);
        if (const auto problem = method_problem(head.method); !problem.empty()) {
            context_.problem(at, problem, "", head.method);
        }
        step_.head_request = head.method == "HEAD";
        step_.idempotent = is_idempotent(head.method);
        if (where.find("://") < where.find_first_of("/?")) {
            context_.problem(at, fmt::format("{} names an address instead of a target", subject_),
                             "name the address under \"targets\", and write \"GET service/path\"",
                             std::string{where});
            return;
        }
        const auto end = std::min(where.find_first_of("/?"), where.size());
        const auto target = context_.target(at, where.substr(0, end), false);
        const auto path = where.substr(end);
        if (path.empty() || path[0] == '?') append_literal(head.path, "/");
        for (auto& segment : segments(at, path, Escape::path))
            append_segment(head.path, std::move(segment));
        headers(head);
        body(head);
        checks();
        if (!target) return;
        step_.target = *target;
        step_.head = build_head(head, context_.plan.targets[*target].url);
    }

    void headers(HttpHead& head) {
        for (const auto& [header, value] : node_.at("headers").members()) {
            if (const auto problem = header_problem(header); !problem.empty()) {
                context_.problem_about_key(value, problem);
            }
            if (value.text() == nullptr) continue;
            if (value.text()->find_first_of("\r\n") != std::string::npos) {
                context_.problem(value, fmt::format("header \"{}\" contains a line break", header));
            }
            head.headers.emplace_back(header, segments(value, *value.text(), Escape::header));
        }
    }

    void body(HttpHead& head) {
        std::vector<Template::Segment> parts;
        step_.has_body = always_has_body(head.method);
        if (const auto json = node_.at("json")) {
            json_body(json, parts);
            head.content_type = "application/json";
            step_.has_body = true;
        } else if (const auto raw = node_.at("body"); raw.text() != nullptr) {
            parts = segments(raw, *raw.text(), Escape::none);
            step_.has_body = true;
        } else if (const auto form = node_.at("form")) {
            form_body(form, parts);
            head.content_type = "application/x-www-form-urlencoded";
            step_.has_body = true;
        }
        step_.body = Template{std::move(parts)};
    }

    /// The JSON text with templates inside its strings.
    void json_body(const Node& at, std::vector<Template::Segment>& out) {
        if (at.text() != nullptr) {
            for (auto& s : segments(at, *at.text(), Escape::json_value))
                append_segment(out, std::move(s));
            return;
        }
        if (at.is_list()) {
            std::string_view before = "[";
            for (const auto& element : at.elements()) {
                append_literal(out, std::exchange(before, ","));
                json_body(element, out);
            }
            append_literal(out, before == "[" ? "[]" : "]");
            return;
        }
        if (!at.is_object()) return append_literal(out, at.json->dump());
        std::string_view before = "{\"";
        for (const auto& [key, member] : at.members()) {
            append_literal(out, std::exchange(before, ",\""));
            for (auto& s : segments(member, key, Escape::json_string))
                append_segment(out, std::move(s));
            append_literal(out, "\":");
            json_body(member, out);
        }
        append_literal(out, before == "{\"" ? "{}" : "}");
    }

    void form_body(const Node& at, std::vector<Template::Segment>& out) {
        std::string_view before;
        for (const auto& [key, value] : at.members()) {
            append_literal(out, std::exchange(before, "&"));
            for (auto& s : segments(value, key, Escape::form)) append_segment(out, std::move(s));
            append_literal(out, "=");
            const auto text = value.text() != nullptr ? *value.text() : value.json->dump();
            for (auto& s : segments(value, text, Escape::form)) append_segment(out, std::move(s));
        }
    }

    // --- checks

    /// A fixed text to compare with; templates are refused there by name.
    std::optional<std::string> fixed(const Node& at) {
        if (at.text() == nullptr) return std::nullopt;
        auto text = *at.text();
        for (auto found = text.find("${"); found != std::string::npos;
             found = text.find("${", found + 1)) {
            if (found > 0 && text[found - 1] == '$') {
                text.erase(found - 1, 1);  // "$${" is a literal "${"
                continue;
            }
            context_.problem(at,
                             "templates in \"expect\" are not served by this version of loadline",
                             "compare with a fixed text; a literal \"${\" is written \"$${\"",
                             text.substr(found, text.find('}', found) + 1 - found));
            return std::nullopt;
        }
        return text;
    }

    void checks() {
        const auto expect = node_.at("expect");
        if (const auto status = expect.at("status")) status_check(status);
        if (const auto text = fixed(expect.at("bodyContains"))) {
            step_.checks.push_back(BodyContainsCheck{*text});
            step_.keeps_body = true;
        }
        for (const auto& [header, value] : expect.at("headers").members()) {
            if (const auto text = fixed(value)) step_.checks.push_back(HeaderCheck{header, *text});
        }
        for (const auto& [pointer, value] : expect.at("json").members()) {
            if (!pointer.empty() && pointer[0] != '/') {
                context_.problem_about_key(value,
                                           fmt::format("\"{}\" is not a JSON pointer", pointer),
                                           fmt::format("did you mean \"/{}\"?", pointer));
            }
            auto wanted = value.json->dump();
            if (value.text() != nullptr) {
                const auto text = fixed(value);
                if (!text) continue;
                wanted = Node::Json(*text).dump();
            }
            step_.checks.push_back(JsonCheck{pointer, wanted});
            step_.keeps_body = true;
        }
        if (step_.head_request && step_.keeps_body) {
            context_.problem(expect, "the answer to HEAD has no body to check");
        }
    }

    void status_check(const Node& at) {
        StatusCheck check;
        const auto add = [&](const Node& one) {
            if (const auto n = one.whole(); n && *n >= 100 && *n <= 599) {
                check.allowed.push_back({static_cast<int>(*n), static_cast<int>(*n)});
                return;
            }
            const auto* text = one.text();
            if (text != nullptr && text->size() == 3 && text->ends_with("xx") &&
                (*text)[0] >= '1' && (*text)[0] <= '5') {
                const int low = ((*text)[0] - '0') * 100;
                check.allowed.push_back({low, low + 99});
                return;
            }
            context_.problem(one, fmt::format("{} is not an HTTP status", one.json->dump()),
                             "write 200, \"2xx\" or [200, 201]");
        };
        if (!at.is_list()) {
            if (at.is_number() || at.text() != nullptr) add(at);
        } else if (at.elements().empty()) {
            context_.problem(at, "no status would be accepted", "write 200, \"2xx\" or [200, 201]");
        } else {
            for (const auto& one : at.elements()) add(one);
        }
        step_.checks.insert(step_.checks.begin(), std::move(check));
    }

    // --- Redis

    void compile_redis(const Node& at) {
        const auto elements = at.elements();
        if (at.is_list() && elements.empty()) {
            context_.problem(at, "an empty command", "write [\"GET\", \"key\"]");
        }
        for (const auto& element : elements) {
            std::vector<Template::Segment> parts;
            if (element.text() != nullptr) {
                parts = segments(element, *element.text(), Escape::none);
            } else if (element.is_number()) {
                append_literal(parts, element.json->dump());
            }
            step_.arguments.emplace_back(std::move(parts));
        }
        if (!elements.empty() && elements[0].text() != nullptr) command(elements[0]);
        if (const auto on = node_.at("on"); on.text() != nullptr) {
            if (const auto target = context_.target(on, *on.text(), true)) step_.target = *target;
        }
        const auto equals = node_.at("expect").at("equals");
        if (!equals) return;
        if (equals.json->is_null()) {
            step_.checks.push_back(ReplyNullCheck{true});
        } else if (const auto n = equals.whole()) {
            step_.checks.push_back(ReplyEqualsCheck{std::to_string(*n)});
        } else if (equals.is_number()) {
            context_.problem(equals, "Redis answers whole numbers",
                             fmt::format("write a text: \"{}\"", equals.json->dump()));
        } else if (const auto text = fixed(equals)) {
            step_.checks.push_back(ReplyEqualsCheck{*text});
        }
    }

    void command(const Node& at) {
        const auto word = upper(*at.text());
        if (word == "AUTH" || word == "SELECT") {
            context_.problem(at, fmt::format("{} belongs to the connection, not to a step", word),
                             "write the target as redis://:password@host:port/database");
        }
        if (std::find(std::begin(refused_commands), std::end(refused_commands), word) !=
            std::end(refused_commands)) {
            context_.problem(
                at, fmt::format("command {} is not served by this version of loadline", word),
                "all users share the connections: a step is one command with one reply");
        }
    }

    // --- captures

    void captures() {
        for (const auto& [variable, place] : node_.at("capture").members()) {
            if (!check_variable_name(context_, place, variable)) continue;
            scope_.known.insert(variable);
            if (place.text() == nullptr) continue;
            Capture capture;
            capture.variable = context_.variable(variable);
            if (step_.redis ? reply_source(place, capture) : http_source(place, capture)) {
                step_.captures.push_back(std::move(capture));
            }
        }
        if (!step_.redis && !step_.name.empty()) scope_.earlier.push_back(step_.name);
    }

    bool http_source(const Node& at, Capture& capture) {
        const std::string_view text = *at.text();
        if (text.empty() || text[0] == '/') {
            if (step_.head_request) {
                context_.problem(at, "the answer to HEAD has no body to capture from",
                                 "capture from \"header:Name\"");
                return false;
            }
            capture.source = JsonPointerSource{std::string{text}};
            step_.keeps_body = true;
            return true;
        }
        if (text.starts_with("header:")) {
            const auto header = text.substr(7);
            if (header.empty() || header.find_first_of(" :\t") != std::string_view::npos) {
                context_.problem(at, fmt::format("\"{}\" names no header", text),
                                 "write \"header:Location\"");
                return false;
            }
            capture.source = HeaderSource{std::string{header}};
            return true;
        }
        for (const std::string_view later : {"cookie:", "regex:"}) {
            if (!text.starts_with(later)) continue;
            context_.problem(
                at,
                fmt::format("capturing from \"{}\" is not served by this version of loadline",
                            later),
                "capture from the JSON body (\"/id\") or from \"header:Name\"");
            return false;
        }
        auto guess = std::string{text.starts_with("$.") ? text.substr(2) : text};
        std::replace(guess.begin(), guess.end(), '.', '/');
        context_.problem(
            at, fmt::format("\"{}\" is no place to capture from", text),
            fmt::format("did you mean \"/{}\"? (a JSON pointer, or \"header:Name\")", guess));
        return false;
    }

    bool reply_source(const Node& at, Capture& capture) {
        const std::string_view text = *at.text();
        const bool digits = text.find_first_not_of("/0123456789") == std::string_view::npos;
        if (!digits || (!text.empty() && (text[0] != '/' || text.back() == '/'))) {
            context_.problem(at, fmt::format("\"{}\" is no place in a Redis reply", text),
                             "\"\" is the whole reply, \"/0\" its first element");
            return false;
        }
        capture.source = ReplySource{std::string{text}};
        return true;
    }

    std::optional<bool> transaction() {
        const auto mark = node_.at("transaction").boolean();
        if (!mark || scope_.journey) return mark;
        context_.problem_about_key(node_.at("transaction"),
                                   fmt::format("a step of {} is never a transaction", scope_.title),
                                   "leave it out: only journeys are measured");
        return mark;
    }

    CompileContext& context_;
    StepScope& scope_;
    const Node& node_;
    StepPlan step_;
    std::string subject_;
};

}  // namespace

std::optional<StepIndex> compile_request(CompileContext& context, StepScope& scope,
                                         const Node& step) {
    return RequestCompiler{context, scope, step}.compile();
}

}  // namespace loadline

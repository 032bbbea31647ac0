#include "plan/http_head.hpp"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>

#include "base/units.hpp"
#include "plan/escape.hpp"
#include "plan/template_parse.hpp"

namespace loadline {
namespace {

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool is_token_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

}  // namespace

Template build_head(const HttpHead& head, const Url& target) {
    std::vector<Template::Segment> segments;
    const auto has = [&](std::string_view name) {
        return std::any_of(head.headers.begin(), head.headers.end(),
                           [&](const auto& header) { return same_name(header.first, name); });
    };
    const auto add = [&](std::string_view name, std::string_view value) {
        if (!has(name)) append_literal(segments, fmt::format("{}: {}\r\n", name, value));
    };

    auto prefix = target.path;
    while (!prefix.empty() && prefix.back() == '/') prefix.pop_back();
    append_literal(segments, head.method + " " + prefix);
    for (const auto& segment : head.path) append_segment(segments, segment);
    append_literal(segments, " HTTP/1.1\r\n");

    add("Host", target.authority());
    add("User-Agent", "loadline/0.1");
    if (!target.user.empty() || !target.password.empty()) {
        std::string credentials = "Basic ";
        append_base64(target.user + ":" + target.password, credentials);
        add("Authorization", credentials);
    }
    if (!head.content_type.empty()) add("Content-Type", head.content_type);
    for (const auto& [name, value] : head.headers) {
        append_literal(segments, name + ": ");
        for (const auto& segment : value) append_segment(segments, segment);
        append_literal(segments, "\r\n");
    }
    return Template{std::move(segments)};
}

std::string header_problem(std::string_view name) {
    if (name.empty() || !std::all_of(name.begin(), name.end(), is_token_character)) {
        return fmt::format("\"{}\" is not the name of a header", name);
    }
    for (const std::string_view ours : {"Content-Length", "Transfer-Encoding"}) {
        if (same_name(name, ours)) return fmt::format("loadline sets {} itself", ours);
    }
    return {};
}

bool is_idempotent(std::string_view method) {
    constexpr std::string_view methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
    return std::find(std::begin(methods), std::end(methods), method) != std::end(methods);
}

bool always_has_body(std::string_view method) {
    return method == "POST" || method == "PUT" || method == "PATCH";
}

std::string method_problem(std::string_view method) {
    constexpr std::string_view common[] = {"GET",   "HEAD",   "POST",    "PUT",
                                           "PATCH", "DELETE", "OPTIONS", "TRACE"};
    const auto wrong = fmt::format("\"{}\" is not a method", method);
    if (std::find(std::begin(common), std::end(common), method) != std::end(common)) return {};
    if (method == "CONNECT") return "method CONNECT is not served by this version of loadline";
    std::string upper{method};
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    for (const auto known : common) {
        if (edit_distance(upper, known) <= 1)
            return fmt::format("{}; did you mean {}?", wrong, known);
    }
    const bool capitals = !method.empty() && std::all_of(method.begin(), method.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || c == '-';
    });
    return capitals ? "" : wrong + "; methods are written in capitals";
}

}  // namespace loadline

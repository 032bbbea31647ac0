#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/url.hpp"
#include "plan/template.hpp"

namespace loadline {

/// What the scenario says about the head of one HTTP request.
struct HttpHead {
    std::string method;
    std::vector<Template::Segment> path;  ///< escaped; starts with '/'
    std::vector<std::pair<std::string, std::vector<Template::Segment>>> headers;
    std::string_view content_type;  ///< where no header says it; empty: none
};

/// The request line and the headers, without Content-Length and the final blank line.
/// Adds Host, User-Agent, Content-Type and the URL's basic authentication unless the
/// headers have them, and puts the path of the URL in front.
Template build_head(const HttpHead& head, const Url& target);

/// Why this cannot be a header that a scenario sets; empty when it can.
std::string header_problem(std::string_view name);

/// Whether a request of this method carries a length even without a body.
bool always_has_body(std::string_view method);

/// Whether sending a request of this method twice does what sending it once does (RFC 9110).
bool is_idempotent(std::string_view method);

/// Why this cannot be a method, such as a lower-case one; empty when it can.
std::string method_problem(std::string_view method);

}  // namespace loadline

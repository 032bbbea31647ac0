#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/url.hpp"
#include "plan/compile.hpp"
#include "plan/plan.hpp"

namespace loadline {

/// The wrk-like command line: one request or Redis command, over and over.
struct OneLiner {
    Url url;                           ///< templates may stand in its path: /users/${counter}
    std::vector<std::string> command;  ///< Redis: its words, templates allowed
    std::string method = "GET";
    std::vector<std::string> headers;  ///< "Name: value"; templates allowed in the value
    std::string body;                  ///< templates allowed; empty: none
    LoadPlan load;
    TransportFlags transport;
    std::vector<std::string> slos;  ///< empty: p99 <= 100ms and errors <= 0.1%
};

/// A plan with one journey of one step, both called "request". Templates know the functions
/// and ${env.X}, but no variables. The usage error names the flag.
Result<std::shared_ptr<const Plan>> plan_for_url(const OneLiner& one_liner);

}  // namespace loadline

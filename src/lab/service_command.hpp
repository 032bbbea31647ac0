#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "base/url.hpp"
#include "lab/child.hpp"

namespace loadline {

/// Those of the addresses at which nobody accepts a connection now.
std::vector<Url> silent_addresses(const std::vector<Url>& addresses);

/// Starts a service by a command for /bin/sh and returns once every one of `addresses` accepts
/// connections; what it prints goes to `log`. It ends with the returned child.
///
/// Nobody may answer there before (an earlier service is given 5 s to be gone): another process
/// would be taken for this service. Usage error then, and when the command ends before the
/// service is there; unreachable error after `limit`; both with the end of the log. A stop
/// signal ends the wait with an error: look at stop_signal() first.
Result<Child> start_service(const std::string& command, const std::vector<Url>& addresses,
                            Duration limit, const std::filesystem::path& log);

}  // namespace loadline

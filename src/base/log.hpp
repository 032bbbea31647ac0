#pragma once
#include <string_view>

namespace loadline {

/// One line on stderr: "warn text". The logger never runs per request. Thread-safe.
void log_info(std::string_view text);
void log_warn(std::string_view text);

/// Turns log_info off (--quiet). Warnings stay.
void set_log_quiet(bool quiet);

}  // namespace loadline

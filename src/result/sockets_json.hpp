#pragma once
#include <nlohmann/json.hpp>

#include "watch/socket_report.hpp"

namespace loadline {

/// `results.sockets` of summary.json, and the verdict of `loadline watch --json`.
nlohmann::ordered_json socket_report_json(const SocketReport& report);

}  // namespace loadline

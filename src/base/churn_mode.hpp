#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace loadline {

/// How a client ends its connection: each mode provokes a fault of its own in the server. FIN
/// where nothing else is said; RST leaves no CLOSE_WAIT behind.
enum class ChurnMode : std::uint8_t {
    fin_idle,      ///< the answer has been read, then close
    fin_inflight,  ///< close while the server works on the request
    timeout,       ///< the same much later: the client's patience ends
    half,          ///< shutdown(WR) behind the request; then read to the end of stream
    rst_idle,      ///< as fin_idle, with RST
    rst_inflight,  ///< as fin_inflight, with RST
    open,          ///< connect, then close without a byte
    partial,       ///< half a request, then close
    slow_read,     ///< reads the answer slowly, then close
    reuse_race,    ///< sends on an idle connection just when the server may close it
    burst_end,     ///< keeps the connection; all of them close at once at the end of the load
};

inline constexpr std::size_t churn_mode_count = static_cast<std::size_t>(ChurnMode::burst_end) + 1;

inline constexpr std::array<std::string_view, churn_mode_count> churn_mode_names{
    "fin-idle", "fin-inflight", "timeout",   "half",       "rst-idle", "rst-inflight",
    "open",     "partial",      "slow-read", "reuse-race", "burst-end"};

/// "fin-idle", ...: as in scenarios, reports and JSON.
constexpr std::string_view to_string(ChurnMode mode) {
    return churn_mode_names[static_cast<std::size_t>(mode)];
}

/// Whether the journey's last exchange is an ordinary one: it waits for its answer, and is
/// measured. In the other modes the client's own doing decides what comes of it, so the
/// exchange is no transaction, no answer and no error, however fast the server was.
constexpr bool is_measured(ChurnMode mode) {
    return mode == ChurnMode::fin_idle || mode == ChurnMode::rst_idle ||
           mode == ChurnMode::reuse_race || mode == ChurnMode::burst_end;
}

/// Whether the connection ends while the server works on the request.
constexpr bool ends_in_flight(ChurnMode mode) {
    return mode == ChurnMode::fin_inflight || mode == ChurnMode::rst_inflight;
}

/// Whether the connection ends with RST.
constexpr bool ends_with_reset(ChurnMode mode) {
    return mode == ChurnMode::rst_idle || mode == ChurnMode::rst_inflight;
}

}  // namespace loadline

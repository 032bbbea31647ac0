#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace loadline {

/// Why an exchange ended: data, not an error. A closed set; every exchange gets
/// exactly one. The client's own limits are never blamed on the server.
enum class Outcome : std::uint8_t {
    ok,
    http_4xx,         ///< status 400..499 that no check allowed
    http_5xx,         ///< status 500..599 that no check allowed
    check_failed,     ///< answered, but a check of the scenario did not hold
    capture_failed,   ///< answered, but a value the scenario captures was not there
    resolve_error,    ///< the name had no address any more, or none in time (see Timeouts::dns_ttl)
    connect_refused,  ///< nobody listens, or the backlog refused
    connect_timeout,  ///< no connection within the connect time-out (5 s)
    timeout,          ///< no whole answer within the step's time-out, counted from `sent`
    reset,            ///< the peer reset the connection
    closed_early,     ///< the peer closed before the answer was whole
    tls_error,        ///< no TLS: handshake refused, too slow, or certificate not trusted
    protocol_error,   ///< the answer was not HTTP or RESP, or beyond our limits
    redis_error,      ///< Redis answered -ERR ...
    redis_moved,      ///< Redis Cluster answered -MOVED or -ASK
    client_limit,     ///< our own fds or ports were exhausted
    dropped,          ///< waited longer than the time-out for a free user or connection
    aborted,          ///< still unanswered when the trial ended
};

inline constexpr std::size_t outcome_count = static_cast<std::size_t>(Outcome::aborted) + 1;

/// "ok", "http_4xx", ...: as in reports and JSON.
constexpr std::string_view to_string(Outcome outcome) {
    constexpr std::array<std::string_view, outcome_count> names{"ok",
                                                                "http_4xx",
                                                                "http_5xx",
                                                                "check_failed",
                                                                "capture_failed",
                                                                "resolve_error",
                                                                "connect_refused",
                                                                "connect_timeout",
                                                                "timeout",
                                                                "reset",
                                                                "closed_early",
                                                                "tls_error",
                                                                "protocol_error",
                                                                "redis_error",
                                                                "redis_moved",
                                                                "client_limit",
                                                                "dropped",
                                                                "aborted"};
    return names[static_cast<std::size_t>(outcome)];
}

/// Whether a whole answer came: its times are real. The others count as +infinity
/// in the percentiles of response time.
constexpr bool answered(Outcome outcome) {
    switch (outcome) {
        case Outcome::ok:
        case Outcome::http_4xx:
        case Outcome::http_5xx:
        case Outcome::check_failed:
        case Outcome::capture_failed:
        case Outcome::redis_error:
        case Outcome::redis_moved:
            return true;
        default:
            return false;
    }
}

}  // namespace loadline

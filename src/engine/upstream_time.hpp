#pragma once
#include <optional>

#include "base/response_view.hpp"
#include "base/time.hpp"

namespace loadline {

/// How long the application behind a proxy took for this reply, as its headers tell:
///   X-Upstream-Response-Time       seconds, as nginx writes them; the sum where it asked several
///                                  servers: "0.003, 0.120 : 0.004"
///   X-Envoy-Upstream-Service-Time  milliseconds
/// Server-Timing is no help: its metrics have names of the application's own, and may be parts.
/// Nothing without such a header, or where it holds no number. Allocates nothing.
std::optional<Duration> upstream_time(const ResponseView& reply);

}  // namespace loadline

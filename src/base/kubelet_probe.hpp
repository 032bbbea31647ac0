#pragma once
#include <cstdint>
#include <string>

#include "base/time.hpp"
#include "base/url.hpp"

namespace loadline {

enum class KubeletProbeKind : std::uint8_t { startup, liveness, readiness };

/// "startup", "liveness", "readiness": as in pod specifications, scenarios and reports.
const char* to_string(KubeletProbeKind kind);

/// A probe as a pod's specification describes it; the defaults are those of Kubernetes.
struct KubeletProbe {
    KubeletProbeKind kind = KubeletProbeKind::liveness;
    bool tcp = false;                            ///< connects only; else an HTTP GET
    Url url;                                     ///< with the path of the GET
    Duration period = std::chrono::seconds{10};  ///< whole seconds, as is the initial delay
    Duration timeout = std::chrono::seconds{1};
    Duration initial_delay{};
    int failure_threshold = 3;
    int success_threshold = 1;  ///< 1 for liveness and startup

    /// "GET http://127.0.0.1:8080/healthz/live", "TCP 127.0.0.1:6379"; no credentials.
    std::string text() const;
};

}  // namespace loadline

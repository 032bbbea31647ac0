#include "base/kubelet_probe.hpp"

namespace loadline {

const char* to_string(KubeletProbeKind kind) {
    switch (kind) {
        case KubeletProbeKind::startup:
            return "startup";
        case KubeletProbeKind::liveness:
            return "liveness";
        case KubeletProbeKind::readiness:
            return "readiness";
    }
    return "";
}

std::string KubeletProbe::text() const {
    return tcp ? "TCP " + url.endpoint() : "GET " + url.origin() + url.path;
}

}  // namespace loadline

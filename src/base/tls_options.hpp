#pragma once
#include <string>

namespace loadline {

/// How TLS is spoken to the targets that use it (https, rediss). Paths of PEM files.
struct TlsOptions {
    bool verify = true;  ///< the chain against the trusted certificates, and the host's name
    std::string ca;      ///< trusted instead of the system's; empty: the system's
    std::string certificate, key;  ///< ours, when the server asks for one; both or none
    bool resume = true;            ///< take up the last session, as browsers do
};

}  // namespace loadline

#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "watch/socket_report.hpp"

namespace loadline {

/// Our own ends of the connections to a server that cannot be watched. One in FIN_WAIT2 is closed
/// by us, and the server has acknowledged that and not closed: it has the other end in CLOSE_WAIT.
/// The kernel forgets such an end after a minute (tcp_fin_timeout), and a proxy in between closes
/// at once whatever the service does: many prove something, none proves nothing. Not thread-safe.
class Mirror {
public:
    /// `addresses` as "10.0.0.2:8080" or "[fd00::2]:8080". Those that are half closed now are not
    /// counted later.
    explicit Mirror(std::vector<std::string> addresses);

    /// How many are in FIN_WAIT2 now; 0, too, where netlink is refused.
    std::uint32_t half_closed() const;

private:
    std::set<std::uint64_t> look() const;  ///< cookies

    std::vector<std::string> addresses_;
    std::set<std::uint64_t> before_;
};

/// What the mirror shows `tau` after the last of `closes` connections was closed: SUSPECT, and
/// never more, since only the number is known. `why_not_watched` ends the sentence.
SocketReport judge_mirror(std::uint32_t half_closed, std::uint64_t closes, Duration tau,
                          std::uint16_t port, std::string_view why_not_watched);

}  // namespace loadline

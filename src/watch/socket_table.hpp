#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "watch/close_wait_ages.hpp"
#include "watch/sock_diag.hpp"

namespace loadline {

/// Reads the sockets of one local port from the kernel: NETLINK_SOCK_DIAG, or
/// /proc/net/tcp{,6} where netlink is refused. A socket belongs to the server when its
/// local port is the watched one; the client's side of a loopback connection has another.
/// Only the families that had a listener are read. Not thread-safe.
///
/// The sockets are those of our network namespace, or with `namespace_of` of that process's:
/// netlink is opened in it (see in_network_namespace), and /proc/PID/net takes the place of
/// /proc/net. Our own sockets never stand for those of another namespace.
class SocketTable {
public:
    enum class Source : std::uint8_t { netlink, proc };

    /// Opens netlink; where that is refused, /proc takes its place.
    explicit SocketTable(std::uint16_t port, Source preferred = Source::netlink,
                         std::optional<int> namespace_of = {});

    /// All sockets of the port but those in TIME_WAIT, listeners first. Not atomic: a
    /// socket may be missing once, or seen in two states. From netlink those in CLOSE_WAIT are
    /// timed, with the instants that were told of them first, but for those that have just gone.
    /// The error names what is missing.
    Result<std::vector<SocketRecord>> read();

    Source source() const { return netlink_ ? Source::netlink : Source::proc; }
    /// Why /proc is read instead of netlink; empty when it is not.
    const std::string& fallback_reason() const { return fallback_reason_; }

private:
    void open_netlink();
    std::optional<DumpError> read_netlink(std::vector<SocketRecord>& into);
    Result<std::vector<SocketRecord>> read_proc();
    void fall_back(std::string reason);

    std::uint16_t port_;
    std::optional<int> namespace_of_;
    std::unique_ptr<SockDiag> netlink_;  ///< null: /proc
    CloseWaitAges ages_;                 ///< of netlink's
    std::string fallback_reason_;
    std::array<bool, 2> had_listener_{};  ///< IPv4, IPv6
};

/// The sockets with this local port in the text of /proc/net/tcp or tcp6. Lines that are
/// not understood are skipped.
std::vector<SocketRecord> parse_proc_net_tcp(std::string_view text, std::uint16_t port);

}  // namespace loadline

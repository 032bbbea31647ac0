#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

namespace loadline {

/// The kernel's TCP states, as sock_diag and /proc/net/tcp number them.
enum class TcpState : std::uint8_t {
    established = 1,
    syn_sent,
    syn_recv,
    fin_wait1,
    fin_wait2,
    time_wait,
    close,
    close_wait,
    last_ack,
    listen,
    closing,
    new_syn_recv
};

/// One socket as the kernel reports it, seen from the side that owns the local port.
struct SocketRecord {
    /// The kernel's name for it, equal to SO_COOKIE; survives accept(), unlike the inode.
    /// Read from /proc, which has no cookies: made of the two addresses.
    std::uint64_t cookie = 0;
    TcpState state = TcpState::established;
    int family = 0;                          ///< AF_INET or AF_INET6
    std::array<std::uint8_t, 16> address{};  ///< of the peer; the first 4 bytes for AF_INET
    std::uint16_t port = 0;                  ///< of the peer
    std::uint32_t inode = 0;                 ///< 0 until accept()
    std::uint32_t receive_queue =
        0;                         ///< LISTEN: accept queue; else unread bytes, a FIN counts as one
    std::uint32_t send_queue = 0;  ///< LISTEN: backlog (0 from /proc); else bytes not acknowledged
    std::optional<Duration> keep_alive;  ///< the keep-alive timer runs, and fires after this time
    bool timed = false;                  ///< the two ages below are known
    Duration since_last_ack{}, since_last_data{};  ///< what the peer sent last
    std::array<std::uint8_t, 16> local_address{};  ///< as `address`; zeros from /proc
    std::uint32_t interface = 0;                   ///< the index of that it is bound to; 0: none

    /// "127.0.0.1:53422", "[::1]:53422"; a v4-mapped peer is shown as v4.
    std::string peer() const;
};

/// A set of TCP states, as the kernel's dumps take it: one bit for each.
using StateSet = std::uint32_t;
constexpr StateSet only(TcpState state) { return 1U << static_cast<unsigned>(state); }

/// What to ask the kernel for: sockets of one family in some states with this local port.
struct DumpRequest {
    int family = 0;
    StateSet states = 0;
    std::uint16_t port = 0;
    bool timed = false;    ///< with TCP_INFO, from which the ages come
    bool of_peer = false;  ///< the port is the peer's instead
};

/// The netlink message that asks for it; the port is filtered in the kernel.
std::vector<char> encode_dump(const DumpRequest& request, std::uint32_t sequence);

/// The message that asks for TCP_INFO of one socket with this local port, by its addresses and
/// cookie. The answer is one message without an end; ENOENT or ESTALE when the socket is gone.
std::vector<char> encode_question(const SocketRecord& socket, std::uint16_t port,
                                  std::uint32_t sequence);

/// What one datagram of the answer said besides its sockets.
struct DumpProgress {
    bool done = false;   ///< the end of the dump was in it
    bool again = false;  ///< interrupted or cut off: the dump must be repeated
    int error = 0;       ///< errno that the kernel answered
};

/// Takes the sockets out of one datagram; messages of other sequences are stale and skipped.
DumpProgress parse_dump(std::span<const char> datagram, std::uint32_t sequence,
                        std::vector<SocketRecord>& into);

/// Why a dump failed.
struct DumpError {
    int code = 0;  ///< errno

    /// Whether asking again cannot help: forbidden, or not in this kernel.
    bool refused() const;
    /// One line that names what is missing.
    std::string text() const;
};

/// A NETLINK_SOCK_DIAG socket of the network namespace in which the calling thread is when it is
/// made; any thread may use it then, one at a time. Needs no privilege.
class SockDiag {
public:
    /// Opens it; `error` is set when that is refused (then every dump fails alike).
    explicit SockDiag(std::optional<DumpError>& error);
    SockDiag(const SockDiag&) = delete;
    SockDiag& operator=(const SockDiag&) = delete;
    ~SockDiag();

    /// Appends what the kernel answers. Interrupted dumps (NLM_F_DUMP_INTR, ENOBUFS) are
    /// repeated a few times.
    std::optional<DumpError> dump(const DumpRequest& request, std::vector<SocketRecord>& into);

    /// Puts the ages into the record of one socket with this local port, which came of a dump.
    /// It stays without when the socket is gone.
    std::optional<DumpError> add_ages(SocketRecord& socket, std::uint16_t port);

private:
    struct Attempt {
        bool again = false;
        int error = 0;
    };
    Attempt dump_once(const DumpRequest& request, std::vector<SocketRecord>& into);

    int fd_ = -1;
    std::uint32_t sequence_ = 0;
    std::vector<char> buffer_ = std::vector<char>(1 << 16);
};

}  // namespace loadline

#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace loadline {

/// TCP states in the kernel's numbering (ESTABLISHED = 1 .. NEW_SYN_RECV = 12).
inline constexpr std::size_t tcp_state_count = 13;
const char* tcp_state_name(std::size_t state);

/// What the watcher saw at one tick (4 Hz) of the watched port, server side only.
struct SocketSample {
    TimePoint at{};
    /// Sockets per state. TIME_WAIT is not sampled (there may be 60 s worth of them, and no
    /// process holds one): it reads 0.
    std::array<std::uint32_t, tcp_state_count> states{};
    std::uint32_t close_wait = 0;  ///< sockets in CLOSE_WAIT
    std::uint32_t stale = 0;       ///< of these, those at least tau (as given, else 5 s) old
    std::uint32_t accept_queue = 0, backlog = 0;  ///< summed over the listeners; backlog 0: unknown
    std::optional<std::uint32_t> fds;             ///< open fds of the process, where visible
    std::optional<std::uint64_t> fd_limit;
    Duration cost{};  ///< CPU time this sample took
};

enum class SocketWord : std::uint8_t { ok, leak_confirmed, not_exercised, inconclusive, unknown };
const char* to_string(SocketWord word);  ///< "OK", "LEAK_CONFIRMED", ...

/// One socket that stayed, for the evidence table.
struct StuckSocket {
    std::string peer;  ///< address:port of the client
    Duration age_at_least{}, age_at_most{};
    std::uint32_t unread = 0;  ///< receive queue: 0 = EOF read and not closed, 1 = EOF never read
    std::uint64_t inode = 0;   ///< 0: never accepted
    std::uint32_t unsent = 0;  ///< send queue: the peer does not take what the server writes
    bool keep_alive = false;   ///< TCP keep-alive will reap it; else the kernel never will
    bool age_bounded =
        true;  ///< false: age_at_most is not known (read from /proc, there at the start)
};

/// What one CLOSE_WAIT socket says about its server: "never accepted", "still sending",
/// "EOF read and not closed", "EOF never read" or "request never read".
const char* stuck_class(const StuckSocket& socket);

/// The verdict on the server's sockets after a load. Words as in the README.
struct SocketReport {
    SocketWord word = SocketWord::unknown;
    std::string text;  ///< one sentence with numbers
    std::vector<std::string> flags;
    std::uint16_t port = 0;
    std::optional<int> pid;  ///< of the process that holds the stuck sockets, else that listens
    std::string command;     ///< its command line, when visible
    Duration tau{};
    std::uint64_t closes = 0;  ///< connections we ended and the server should have
    std::uint64_t leaked = 0;  ///< sockets still in CLOSE_WAIT after the settle time
    std::uint64_t before = 0;  ///< CLOSE_WAIT sockets that were there before the load; excluded
    std::optional<double> leak_fraction;             ///< leaked / closes
    std::array<double, 2> leak_fraction_interval{};  ///< Wilson, 95 %
    std::uint32_t close_wait_max = 0;
    std::vector<StuckSocket> oldest;              ///< at most 20, oldest first
    Duration sampling_period{}, sampling_cost{};  ///< median CPU time of one sample, period for it
};

}  // namespace loadline

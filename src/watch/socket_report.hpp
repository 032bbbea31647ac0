#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "watch/target.hpp"

namespace loadline {

/// TCP states in the kernel's numbering (ESTABLISHED = 1 .. NEW_SYN_RECV = 12).
inline constexpr std::size_t tcp_state_count = 13;
const char* tcp_state_name(std::size_t state);

/// What one socket in CLOSE_WAIT says about its server, read from its inode and its queues.
enum class StuckClass : std::uint8_t {
    never_accepted,      ///< no inode: the client gave up in the accept queue
    eof_not_closed,      ///< the end of the stream was read, and the socket forgotten
    eof_never_read,      ///< receive queue 1: only the FIN, which counts as one byte
    request_never_read,  ///< receive queue above 1
    still_sending,       ///< bytes in the send queue: the peer does not take them
};
inline constexpr std::size_t stuck_class_count = 5;
const char* to_string(StuckClass what);  ///< "never accepted", "EOF read and not closed", ...
StuckClass stuck_class(std::uint64_t inode, std::uint32_t unread, std::uint32_t unsent);
using StuckClassCounts = std::array<std::uint32_t, stuck_class_count>;

/// What the watcher saw at one tick (4 Hz) of the watched port, server side only.
struct SocketSample {
    TimePoint at{};
    /// Sockets per state. TIME_WAIT is not sampled (there may be 60 s worth of them, and no
    /// process holds one): it reads 0.
    std::array<std::uint32_t, tcp_state_count> states{};
    std::uint32_t close_wait = 0;  ///< sockets in CLOSE_WAIT
    std::uint32_t stale = 0;       ///< of these, those at least tau old: as given, else 5 s until
                                   ///< it is known how slow the answers were
    StuckClassCounts classes{};    ///< the stale ones by class
    std::uint64_t seen = 0;        ///< sockets seen in CLOSE_WAIT up to now, also those that went
    std::uint32_t owned = 0;       ///< sockets that a process holds: with an inode, but listeners
    std::uint32_t accept_queue = 0, backlog = 0;  ///< summed over the listeners; backlog 0: unknown
    /// Open fds and their limit, where visible: of a master and its workers those of the one that
    /// has used the largest part of its limit.
    std::optional<std::uint32_t> fds;
    std::optional<std::uint64_t> fd_limit;
    std::uint32_t fds_of_others = 0;  ///< of the others that hold the listening socket, summed
    int fds_pid = 0;                  ///< whose `fds` are; 0: not known
    std::optional<KernelUse> kernel;  ///< counted since the watch's start
    Duration cost{};                  ///< CPU time this sample took
    /// Only `states`, `close_wait` and perhaps `kernel` are known, and of the whole machine.
    bool counts_only = false;
};

/// How many connections waited to be accepted, and how many may.
struct AcceptQueue {
    std::uint32_t length = 0, backlog = 0;  ///< summed over the listeners; backlog 0: unknown

    /// The fuller of the two; the later one, as its backlog is nearer to what holds now.
    void take_fuller(const AcceptQueue& later) {
        if (later.length >= length) *this = later;
    }
};

/// What the detector says; see `judge_load` for what each takes.
enum class SocketWord : std::uint8_t {
    ok,
    transient,
    bounded,
    reclaimed,
    build_up,
    suspect,
    leak_confirmed,
    accept_stall,
    not_exercised,
    inconclusive,
    unknown
};
const char* to_string(SocketWord word);  ///< "OK", "LEAK_CONFIRMED", ...

/// One socket that stayed, for the evidence table.
struct StuckSocket {
    std::string peer;  ///< address:port of the client
    Duration age_at_least{}, age_at_most{};
    std::uint32_t unread = 0;  ///< receive queue: 0 = EOF read and not closed, 1 = EOF never read
    std::uint64_t inode = 0;   ///< 0: never accepted
    std::uint32_t unsent = 0;  ///< send queue: the peer does not take what the server writes
    /// When TCP keep-alive asks the client next, at the earliest: one that is gone answers with a
    /// reset, or not at all, and the kernel reaps the socket. Nothing: it never will, or `unsent`
    /// bytes have another timer run.
    std::optional<Duration> keep_alive{};
    bool age_bounded =
        true;  ///< false: age_at_most is not known (read from /proc, there at the start)

    bool operator==(const StuckSocket&) const = default;
};

StuckClass stuck_class(const StuckSocket& socket);

/// How long sockets stayed in CLOSE_WAIT. The percentiles count every close: one too short
/// to be seen by the sampler stayed for less than its period, and counts as zero.
struct Dwell {
    std::uint64_t seen = 0;  ///< that were seen, and went
    Duration p50{}, p99{}, max{};

    bool operator==(const Dwell&) const = default;
};

/// The stale sockets (those at least tau old) over the load, from tau after its begin.
struct StaleTrend {
    double z = 0;                                    ///< of Mann-Kendall; 3 and above: it rises
    double per_s = 0;                                ///< Theil-Sen: sockets per second
    std::array<double, 2> per_s_interval{};          ///< 95 %
    std::uint32_t first = 0, last = 0, highest = 0;  ///< medians of a second

    bool operator==(const StaleTrend&) const = default;
};

/// The verdict on the server's sockets after a load. Words as in docs/sockets.md.
struct SocketReport {
    SocketWord word = SocketWord::unknown;
    std::string text;  ///< one sentence with numbers
    /// "ACCEPT_STALL: ...", "FD_EXHAUSTED: ...", "FD_LEAK_INVISIBLE: ...".
    std::vector<std::string> flags;
    bool fd_exhausted = false;  ///< the flag of that name is set
    bool strict = false;        ///< --strict-sockets: BUILD_UP and SUSPECT are failures too
    std::string source;         ///< who watched, where it was not this process; then `pid` is there
    std::uint16_t port = 0;
    std::optional<int> pid;  ///< of the process that holds the stuck sockets, else that listens
    std::string command;     ///< its command line, when visible
    Duration tau{};
    std::uint64_t closes = 0;  ///< connections we ended and the server should have
    std::uint64_t leaked = 0;  ///< sockets still in CLOSE_WAIT after the settle time
    std::uint64_t before = 0;  ///< CLOSE_WAIT sockets that were there before the load; excluded
    std::uint64_t stuck =
        0;  ///< of the load: that stayed for tau or longer, whether they went or not
    /// Share of the closes whose socket stayed for tau or longer: of those that had the time
    /// to; of all closes, when nearly all were at the end of the load.
    std::optional<double> leak_fraction;
    std::array<double, 2> leak_fraction_interval{};  ///< Wilson, 95 %
    std::optional<double> leaked_per_1000_requests;
    StuckClassCounts
        classes{};  ///< of `leaked`; where none is left, of the stale at the load's end
    std::optional<Dwell> dwell;            ///< absent: none was seen to go
    std::optional<StaleTrend> trend;       ///< absent: the load was too short for one
    std::uint64_t old_gone = 0;            ///< sockets that went after tau or longer
    std::optional<double> old_gone_per_s;  ///< how often one does, at most (95 %), per stale socket
    std::optional<Duration> fd_eta;  ///< until the process has no descriptor left, at this load
    std::uint32_t accept_queue_max = 0, backlog = 0;  ///< backlog 0: unknown
    std::uint32_t close_wait_max = 0;
    /// Connections the kernel refused room in a full accept queue of that network namespace, over
    /// the watch; absent: it could not be read.
    std::optional<std::uint64_t> listen_overflows;
    std::vector<StuckSocket> oldest;              ///< at most 20, oldest first
    Duration sampling_period{}, sampling_cost{};  ///< median CPU time of one sample, period for it
    /// The sockets of a whole machine were counted: `port` is 0, and nothing is known of single
    /// ones and of accept queues. `leaked`: more than `before` are left.
    bool counts_only = false;

    bool operator==(const SocketReport&) const = default;
};

/// Whether it makes a run FAIL: LEAK_CONFIRMED, FD_EXHAUSTED, and where strict BUILD_UP or SUSPECT.
bool fails(const SocketReport& report);
/// Whether it is a warning: BUILD_UP or SUSPECT.
bool warns(const SocketReport& report);

}  // namespace loadline

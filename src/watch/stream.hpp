#pragma once
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "watch/detector.hpp"
#include "watch/sock_diag.hpp"

namespace loadline {

/// A watch as JSON lines, from which the same verdict can be had again: one line a sample with
/// what changed in CLOSE_WAIT since the one before, and one when the watch ends.
///
///   {"v":1,"sid":"..","n":17,"t_mono_ns":..,"t_wall_ns":..,"boot_id":"..","netns":4026532177,
///    "port":8080,"tau_ns":..,"listener":"kept","ls":[ck],"server":"another","pid":..,"comm":"..",
///    "heir_of":..,"holder":{"pid":..,"comm":".."},"states":{"ESTABLISHED":3},"owned":3,
///    "cw":{"n":2,"stale":1,"cls":[0,1,0,0,0]},"born":[{"ck":..,"peer":"..","age_lb_ms":..,
///    "age_ub_ms":..,"ino":..,"rq":..,"wq":..,"ka":null}],"changed":[..],"missing":[ck],
///    "died":[{"ck":..,"dwell_ms":..}],"lq":[rq,backlog],"fds":..,"lim":..,
///    "fdo":..,"fdp":..,"ns":{"ListenOverflows":0,"OutSegs":812,"RetransSegs":0,"TCPSynRetrans":0},
///    "cost_us":..}
///
/// server: where others listen than in the line before, or it is another machine's: "reopened" by
/// the same process, "another" or "elsewhere"; only from the last two on the server counts as
/// exchanged. Without it whoever reads judges by ls, boot_id and netns. heir_of: the process that
/// kept the listening socket for `pid`, and goes on: no restart.
/// sid: of one watch; n counts its lines from 1, so that a reader sees what is missing or comes
/// twice. t_mono is CLOCK_MONOTONIC of the boot `boot_id`. ls: the sockets that listen. cls: the
/// classes of the stale ones, in the order of StuckClass. An age is what the peer's last
/// acknowledgement (lb) and last data (ub) say; absent where read from /proc. ka: ms until the
/// keep-alive timer fires; null: it is off. A tremor of it alone is not told. `missing` sockets
/// are not in this sample, `died` ones not in the one before either. With "full":true `born` has
/// every socket in CLOSE_WAIT: whoever missed what was before is in step again. ns: what the
/// kernel counted since the watch's start in the network namespace. fds, lim: open descriptors and
/// limit of process fdp, the nearest to its limit of those that hold the listening socket; fdo:
/// what the others of them have open. A sample that failed:
/// {"v":1,..,"failure":"why"}. The last line has "end": who holds the sockets, and what the load
/// did, where there was one, and why nothing could be judged, where that was so.

/// What one sample adds to the recording.
struct RecordedSample {
    const SocketSample& sample;
    const std::vector<SocketRecord>& sockets;
    ListenerFate listener = ListenerFate::kept;
    const std::optional<ProcessInfo>& owner;
    std::optional<ProcessInfo> holder = {};  ///< of the oldest stale socket, where looked for
    ServerChange change = ServerChange::none;
};

/// What the last line adds.
struct RecordedEnd {
    Duration tau{};  ///< that judged
    std::optional<ProcessInfo> holder;
    const LoadFacts* load = nullptr;  ///< null for a watcher that stood alone
    WatchGap gap;
    std::string source;
    std::string unreadable = {};  ///< as it was judged: see DetectorInput
    bool sight_lost = false;      ///< likewise
};

/// The number of a process's network namespace; of our own, where none is named.
std::optional<std::uint64_t> network_namespace_number(std::optional<int> pid = {});
/// The boot of this machine, whose monotonic clock is ours.
std::string own_boot_id();

/// Writes the lines, without their ends of line. Not thread-safe.
class SocketStreamWriter {
public:
    /// `tau`: as given to the watcher; nothing is the default.
    SocketStreamWriter(std::uint16_t port, std::optional<Duration> tau,
                       std::optional<std::uint64_t> netns = network_namespace_number());

    /// Which sockets a line tells. `when_due`: all of them after 4 s where such a line is at most
    /// a fifth of all that is written, else after a minute (more seldom where it would be more than
    /// half), so that a reader may join.
    enum class Tell : std::uint8_t { changes, when_due, all };
    std::string sample(const RecordedSample& recorded, Tell tell = Tell::changes);
    std::string failure(TimePoint at, const std::string& why);
    std::string end(const RecordedEnd& end);

private:
    struct Known {
        TimePoint birth{};
        std::uint32_t inode = 0, unread = 0, unsent = 0;
        KeepAliveTimer keep_alive;
        bool missing = false;
        TimePoint last_seen{};
        std::uint64_t seen_in = 0;  ///< number of the line
    };

    nlohmann::ordered_json head();
    bool all_is_due() const;
    void add_events(nlohmann::ordered_json& out, const RecordedSample& recorded, bool all);
    bool note(const SocketRecord& socket, TimePoint at, bool all, bool& is_new);

    std::uint16_t port_;
    Duration tau_;
    std::string session_;
    std::string boot_id_;
    std::optional<std::uint64_t> netns_;
    std::uint64_t lines_ = 0;
    std::uint64_t lines_since_all_ = 0, bytes_since_all_ = 0, bytes_of_all_ = 0;
    std::unordered_map<std::uint64_t, Known> known_;
};

/// Keeps a recording from growing without limit: passes its lines on until they are `most`
/// bytes; then one line that says so, and nothing more. Such a recording cannot give the verdict
/// again, and says that, too. Not thread-safe.
class CappedRecording {
public:
    using Line = std::function<void(const std::string& line)>;
    CappedRecording(Line to, std::uint64_t most) : to_{std::move(to)}, most_{most} {}

    void operator()(const std::string& line);

private:
    Line to_;
    std::uint64_t most_, written_ = 0;
    bool cut_ = false;
};

/// Judges a recording again: the same report as the watch gave, from the same code. A stream
/// that was cut off is judged up to its last whole line; where lines are missing in its midst,
/// no calm word is given. Lines of other kinds ("type") are skipped. A usage error names the
/// line that is none of ours.
Result<SocketReport> replay_sockets(std::istream& lines);

}  // namespace loadline

#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cgroup.hpp"
#include "watch/target.hpp"

namespace loadline {

/// The fields of /proc/PID/stat that matter here.
struct ProcessStat {
    Duration cpu{};  ///< user and system, of all threads it ever had; in steps of 10 ms
    std::uint64_t threads = 0, resident_bytes = 0;
    int parent = 0;
    std::uint64_t start = 0;  ///< clock ticks after boot: tells two processes with one pid apart
};
/// Nothing for a text that is not one, and for a process that has ended and waits for its parent.
/// The command may hold blanks and parentheses.
std::optional<ProcessStat> parse_process_stat(std::string_view text);

/// The first two numbers of a schedstat file.
struct ScheduleStat {
    Duration cpu{}, waited{};  ///< on a core; ready, but without one
};
std::optional<ScheduleStat> parse_schedstat(std::string_view text);

/// Counts the OOM kills of one cgroup for as long as that exists. Its file stays open, as the path
/// may lead through a process that is killed. Not thread-safe.
class OomKills {
public:
    OomKills() = default;
    OomKills(const OomKills&) = delete;
    OomKills& operator=(const OomKills&) = delete;
    ~OomKills() { close(); }

    /// From now on those that this file counts (memory.events, or v1's memory.oom_control); where
    /// it is the same file as before, by whatever path, the count goes on. Of an empty path: none.
    void follow(const std::string& path);
    /// Since the last call, or since the file is followed.
    std::uint64_t take();

private:
    std::optional<std::uint64_t> read() const;
    void close();

    int fd_ = -1;
    std::optional<std::uint64_t> before_;
};

/// Follows one process and its descendants (the workers of a pre-forking server do the work)
/// through the files of /proc and of its cgroup, all readable without a privilege but the
/// descriptors; at most 64 processes. Not thread-safe.
class ProcessMeter {
public:
    /// What happened since the look before, `length` ago; rates are absent in the first look
    /// at a process. Nothing as long as none was ever seen. `pid`: who is the target now; when
    /// there is none or it has ended, the one before is reported as gone. Another one than before
    /// is a restart, unless that one runs and has started it (systemd, which held its socket).
    std::optional<ProcessUse> look(std::optional<int> pid, Duration length);

    /// What cannot be seen of the process last looked at, and what it would take.
    const std::vector<std::string>& not_seen() const { return not_seen_; }

private:
    struct Seen {
        std::map<int, Duration> cpu;                      ///< by process
        std::map<int, ScheduleStat> threads;              ///< by thread
        std::optional<std::uint64_t> periods, throttled;  ///< of the quota
    };
    void begin(int pid, const ProcessStat& stat);
    bool add_process(int pid, ProcessUse& use, Seen& seen);
    void add_threads(int pid, Seen& seen);
    void add_fds(int pid, ProcessUse& use);
    void add_limits(ProcessUse& use, Seen& seen);
    void add_rates(ProcessUse& use, const Seen& seen, Duration length) const;
    void note(std::string text);

    int pid_ = 0;  ///< 0: none yet
    std::uint64_t start_ = 0;
    bool gone_ = false;
    std::optional<Seen> before_;
    std::optional<CpuQuota> quota_;
    bool cgroup_hidden_ = false;
    OomKills oom_kills_;
    std::vector<std::string> not_seen_;
};

/// The processes below `pid`, itself first; at most so many. Needs CONFIG_PROC_CHILDREN: without
/// it, `pid` alone.
std::vector<int> process_tree(int pid, std::size_t most);

/// Whether a process was started by another one, over any number of steps, as far as those between
/// still run.
bool is_below(int pid, int above);

/// For how long a process has run, to 10 ms; nothing when it is gone.
std::optional<Duration> process_age(int pid);

/// Cores that a process may run on; nothing when it is gone.
std::optional<double> cores_of(int pid);

}  // namespace loadline

#include "watch/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <sstream>
#include <utility>

#include "base/fill.hpp"
#include "base/procfs.hpp"
#include "watch/attribution.hpp"

namespace loadline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_processes_metered = 64;  // each takes several files, each second

std::string proc(int pid, const char* file) { return fmt::format("/proc/{}/{}", pid, file); }

double per_second(Duration part, Duration length) {
    return to_seconds(std::max(part, Duration{})) / to_seconds(length);
}

/// The threads of a process, as /proc names them.
std::vector<int> threads_of(int pid) {
    std::vector<int> threads;
    std::error_code ec;
    for (fs::directory_iterator entry{proc(pid, "task"), ec}, end; !ec && entry != end;
         entry.increment(ec)) {
        const auto name = entry->path().filename().string();
        int tid = 0;
        std::from_chars(name.data(), name.data() + name.size(), tid);
        if (tid > 0) threads.push_back(tid);
    }
    return threads;
}

/// The file of a cgroup that counts OOM kills: of the group itself, as those above count others'.
std::string oom_file_of(const VisibleCgroups& groups) {
    for (const auto& folder : groups.own) {
        for (const char* name : {"/memory.events", "/memory.oom_control"}) {
            if (number_in(read_text(folder + name), "oom_kill")) return folder + name;
        }
    }
    return {};
}

bool same_file(int a, int b) {
    struct stat one {
    }, other{};
    return ::fstat(a, &one) == 0 && ::fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

}  // namespace

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
    const auto close = text.rfind(')');  // "1234 (a command) S 1 ..."
    if (close == text.npos) return {};
    std::istringstream fields{std::string{text.substr(close + 1)}};
    std::string state;
    std::int64_t value[21] = {};  // behind them are numbers that do not fit
    fields >> state;
    for (auto& v : value) fields >> v;  // value[0] is the file's 4th field
    if (!fields || state == "Z" || state == "X") return {};
    static const auto tick = std::chrono::nanoseconds{1'000'000'000 / ::sysconf(_SC_CLK_TCK)};
    static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    ProcessStat stat;
    stat.parent = static_cast<int>(value[0]);
    stat.cpu = (value[10] + value[11]) * tick;  // utime, stime: fields 14 and 15
    stat.threads = static_cast<std::uint64_t>(value[16]);
    stat.start = static_cast<std::uint64_t>(value[18]);
    stat.resident_bytes = static_cast<std::uint64_t>(value[20]) * page;
    return stat;
}

std::optional<ScheduleStat> parse_schedstat(std::string_view text) {
    std::istringstream fields{std::string{text}};
    std::int64_t cpu = 0, waited = 0;
    if (!(fields >> cpu >> waited)) return {};
    return ScheduleStat{Duration{cpu}, Duration{waited}};
}

std::vector<int> process_tree(int pid, std::size_t most) {
    std::vector<int> tree{pid};
    for (std::size_t i = 0; i < tree.size() && tree.size() < most; ++i) {
        for (const int tid : threads_of(tree[i])) {
            std::istringstream children{
                read_text(fmt::format("/proc/{}/task/{}/children", tree[i], tid))};
            for (int child = 0; tree.size() < most && children >> child;) {
                tree.push_back(child);
            }
        }
    }
    return tree;
}

bool is_below(int pid, int above) {
    while (const auto stat = parse_process_stat(read_text(proc(pid, "stat")))) {
        pid = stat->parent;
        if (pid == above) return true;
    }
    return false;
}

std::optional<double> cores_of(int pid) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(pid, sizeof set, &set) != 0) return {};
    return CPU_COUNT(&set);
}

std::optional<ProcessUse> ProcessMeter::look(std::optional<int> pid, Duration length) {
    const auto stat = pid ? parse_process_stat(read_text(proc(*pid, "stat"))) : std::nullopt;
    ProcessUse use;
    use.oom_kills = oom_kills_.take();  // in the group of the one before, if there is another now
    if (stat && (pid_ != *pid || start_ != stat->start)) {
        if (pid_ != 0 && !is_below(*pid, pid_)) use.restarts = 1;
        begin(*pid, *stat);
    }
    if (pid_ == 0) return {};
    use.pid = pid_;
    gone_ = use.gone = !stat;
    if (!stat) {
        before_.reset();
        return use;
    }
    not_seen_.clear();
    Seen seen;
    for (const int each : process_tree(pid_, most_processes_metered)) {
        if (add_process(each, use, seen)) ++use.processes;
    }
    add_limits(use, seen);
    if (cgroup_hidden_) {
        note(
            "its cgroup (CPU quota, throttling, OOM kills): it is not visible from here; needs its "
            "user or CAP_SYS_PTRACE, or loadline outside of containers");
    }
    if (before_ && length > Duration{}) add_rates(use, seen, length);
    before_ = std::move(seen);
    return use;
}

void OomKills::follow(const std::string& path) {
    const int fd = path.empty() ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && same_file(fd, fd_)) {
        ::close(fd);
        return;
    }
    close();
    fd_ = fd;
    before_ = read();
}

std::uint64_t OomKills::take() {
    const auto kills = read();
    if (!kills) return 0;
    const auto before = std::exchange(before_, kills).value_or(*kills);
    return *kills - std::min(*kills, before);
}

/// Nothing of a cgroup that is there no more.
std::optional<std::uint64_t> OomKills::read() const {
    std::array<char, 4096> text;
    const auto length = ::pread(fd_, text.data(), text.size(), 0);
    if (length <= 0) return {};
    return number_in({text.data(), static_cast<std::size_t>(length)}, "oom_kill");
}

void OomKills::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

/// A process that was not known before: another one than last time.
void ProcessMeter::begin(int pid, const ProcessStat& stat) {
    pid_ = pid;
    start_ = stat.start;
    before_.reset();
    const auto with_cpu = visible_cgroups(pid, "cpu"), with_memory = visible_cgroups(pid, "memory");
    cgroup_hidden_ = with_cpu.hidden || with_memory.hidden;
    quota_ = cpu_quota(with_cpu);
    oom_kills_.follow(oom_file_of(with_memory));
}

bool ProcessMeter::add_process(int pid, ProcessUse& use, Seen& seen) {
    const auto stat = parse_process_stat(read_text(proc(pid, "stat")));
    if (!stat) return false;  // ended meanwhile
    seen.cpu[pid] = stat->cpu;
    use.threads = use.threads.value_or(0) + stat->threads;
    use.resident_bytes = use.resident_bytes.value_or(0) + stat->resident_bytes;
    add_threads(pid, seen);
    add_fds(pid, use);
    return true;
}

void ProcessMeter::add_threads(int pid, Seen& seen) {
    bool any = false;
    for (const int tid : threads_of(pid)) {
        const auto stat =
            parse_schedstat(read_text(fmt::format("/proc/{}/task/{}/schedstat", pid, tid)));
        if (!stat) continue;
        seen.threads[tid] = *stat;
        any = true;
    }
    if (!any) {
        note(
            "its threads' time on cores and in the run queue: this kernel does not tell "
            "(/proc/PID/schedstat)");
    }
}

/// Keeps the descriptors of the process that has used the largest part of its limit.
void ProcessMeter::add_fds(int pid, ProcessUse& use) {
    const auto fds = open_fds(pid);
    if (!fds) {
        return note(
            fmt::format("the descriptors of process {}: needs its user, or CAP_SYS_PTRACE", pid));
    }
    const auto limit = fd_limit(pid);
    if (!limit || *limit == 0) return;  // unlimited
    if (use.fds && !Fill{*fds, *limit}.fuller_than({*use.fds, *use.fd_limit})) return;
    use.fds = *fds;
    use.fd_limit = *limit;
}

void ProcessMeter::add_limits(ProcessUse& use, Seen& seen) {
    use.cores = cores_of(pid_);
    if (!quota_) return;
    if (!use.cores || quota_->cores < *use.cores) {
        use.cores = quota_->cores;
        use.quota = true;
    }
    const auto stat = read_text(quota_->stat_file);
    seen.periods = number_in(stat, "nr_periods");
    seen.throttled = number_in(stat, "nr_throttled");
}

void ProcessMeter::add_rates(ProcessUse& use, const Seen& seen, Duration length) const {
    Duration cpu{};
    for (const auto& [pid, now] : seen.cpu) {
        const auto then = before_->cpu.find(pid);
        cpu += then == before_->cpu.end() ? now : now - then->second;  // born meanwhile: all of it
    }
    use.cores_used = per_second(cpu, length);
    if (!seen.threads.empty()) {
        Duration waited{}, busiest{};
        for (const auto& [tid, now] : seen.threads) {
            const auto then = before_->threads.find(tid);
            const auto known = then == before_->threads.end() ? ScheduleStat{} : then->second;
            waited += now.waited - known.waited;
            busiest = std::max(busiest, now.cpu - known.cpu);
        }
        use.run_queue_wait = per_second(waited, length);
        use.busiest_thread = per_second(busiest, length);
    }
    if (seen.periods && seen.throttled && before_->periods && before_->throttled &&
        *seen.periods > *before_->periods) {
        use.throttled = static_cast<double>(*seen.throttled - *before_->throttled) /
                        static_cast<double>(*seen.periods - *before_->periods);
    }
}

std::optional<Duration> process_age(int pid) {
    const auto stat = parse_process_stat(read_text(proc(pid, "stat")));
    timespec since_boot{};
    if (!stat || ::clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) return {};
    const auto now = std::chrono::seconds{since_boot.tv_sec} + Duration{since_boot.tv_nsec};
    const auto ticks = static_cast<double>(stat->start);
    return now - seconds(ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)));
}

void ProcessMeter::note(std::string text) {
    if (std::find(not_seen_.begin(), not_seen_.end(), text) == not_seen_.end()) {
        not_seen_.push_back(std::move(text));
    }
}

}  // namespace loadline

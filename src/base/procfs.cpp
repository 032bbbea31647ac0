#include "base/procfs.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace loadline {

std::optional<std::string> read_first_line(const std::string& path) {
    std::ifstream file{path};
    std::string line;
    if (!std::getline(file, line)) return {};
    return line;
}

std::string read_text(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

Duration thread_cpu_time() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec};
}

Machine read_machine() {
    Machine machine;
    utsname name{};
    if (::uname(&name) == 0) machine.kernel = std::string{name.sysname} + " " + name.release;

    std::ifstream cpuinfo{"/proc/cpuinfo"};
    for (std::string line; std::getline(cpuinfo, line);) {
        if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos) {
            machine.cpu_model = line.substr(line.find(": ") + 2);
            break;
        }
    }
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) == 0) {
        machine.cores = static_cast<unsigned>(CPU_COUNT(&set));
    }
    machine.memory_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                           static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    if (const auto line = read_first_line("/proc/sys/net/ipv4/tcp_tw_reuse")) {
        machine.tcp_tw_reuse = std::atoi(line->c_str());
    }
    if (const auto line = read_first_line("/proc/sys/net/ipv4/ip_local_port_range")) {
        std::istringstream{*line} >> machine.port_low >> machine.port_high;
    }
    return machine;
}

std::optional<std::uint64_t> steal_ticks() {
    const auto line = read_first_line("/proc/stat");
    if (!line) return {};
    std::istringstream fields{*line};
    std::string cpu;
    std::uint64_t value = 0;
    fields >> cpu;
    for (int i = 0; i < 8; ++i) fields >> value;  // user nice system idle iowait irq softirq steal
    if (!fields) return {};
    return value;
}

std::optional<std::uint64_t> open_descriptors() {
    struct stat folder {};  // Linux 6.2 and later count them as the folder's size
    if (::stat("/proc/self/fd", &folder) == 0 && folder.st_size > 0) {
        return static_cast<std::uint64_t>(folder.st_size);
    }
    std::error_code ec;
    std::uint64_t n = 0;
    for (std::filesystem::directory_iterator entry{"/proc/self/fd", ec}, end; !ec && entry != end;
         entry.increment(ec)) {
        ++n;
    }
    return ec ? std::nullopt : std::optional{n};
}

std::optional<std::uint64_t> time_wait_sockets() {
    std::ifstream file{"/proc/net/sockstat"};  // "TCP: inuse 4 orphan 0 tw 12 alloc 5 mem 0"
    for (std::string word; file >> word;) {
        std::uint64_t n = 0;
        if (word == "tw" && file >> n) return n;
    }
    return {};
}

std::uint64_t raise_fd_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
        ::getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}

bool lower_fd_limit(std::uint64_t limit) {
    rlimit both{};
    if (::getrlimit(RLIMIT_NOFILE, &both) != 0) return false;
    both.rlim_cur = limit;
    return ::setrlimit(RLIMIT_NOFILE, &both) == 0;
}

}  // namespace loadline

#include "base/cgroup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "base/procfs.hpp"

namespace loadline {
namespace {

/// Calls `line` for each line of the text.
template <class Visit>
void each_line(std::string_view text, Visit line) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

/// root/a/b, root/a, root.
void add_upwards(const std::string& root, std::string path, std::vector<std::string>& folders) {
    while (path.size() > 1) {
        folders.push_back(root + path);
        path.erase(path.rfind('/'));
    }
    folders.push_back(root);
}

bool has_controller(std::string_view list, std::string_view name) {
    while (!list.empty()) {
        const auto end = std::min(list.find(','), list.size());
        if (list.substr(0, end) == name) return true;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

/// The quota of one v1 group: -1 means none.
std::optional<double> cores_of_v1(const std::string& folder) {
    const auto quota = read_text(folder + "/cpu.cfs_quota_us");
    const auto period = read_text(folder + "/cpu.cfs_period_us");
    return quota.empty() || quota.front() == '-'
               ? std::nullopt
               : cores_of_cpu_max(quota.substr(0, quota.find('\n')) + ' ' + period);
}

}  // namespace

std::vector<std::string> cgroup_folders(std::string_view proc_cgroup, std::string_view controller) {
    std::vector<std::string> folders;
    each_line(proc_cgroup, [&](std::string_view line) {  // id:controllers:/path
        const auto first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string_view::npos || second == std::string_view::npos) return;
        const auto controllers = line.substr(first + 1, second - first - 1);
        const std::string path{line.substr(second + 1)};
        if (controllers.empty()) {
            add_upwards("/sys/fs/cgroup", path, folders);
        } else if (has_controller(controllers, controller)) {
            add_upwards(fmt::format("/sys/fs/cgroup/{}", controller), path, folders);
        }
    });
    return folders;
}

std::vector<std::string> cpu_stat_files(std::string_view proc_self_cgroup) {
    auto files = cgroup_folders(proc_self_cgroup, "cpu");
    for (auto& file : files) file += "/cpu.stat";
    return files;
}

std::optional<std::uint64_t> number_in(std::string_view text, std::string_view key) {
    std::optional<std::uint64_t> found;
    each_line(text, [&](std::string_view line) {
        if (!line.starts_with(key) || line.substr(key.size(), 1) != " ") return;
        line.remove_prefix(key.size() + 1);
        std::uint64_t n = 0;
        const auto [end, ec] = std::from_chars(line.data(), line.data() + line.size(), n);
        if (ec == std::errc{}) found = n;
    });
    return found;
}

std::optional<Duration> throttled_time_in(std::string_view cpu_stat) {
    if (const auto us = number_in(cpu_stat, "throttled_usec")) {
        return std::chrono::microseconds{*us};
    }
    if (const auto ns = number_in(cpu_stat, "throttled_time")) {
        return std::chrono::nanoseconds{*ns};
    }
    return {};
}

std::optional<double> cores_of_cpu_max(std::string_view text) {
    std::istringstream fields{std::string{text}};
    double quota = 0, period = 0;
    if (!(fields >> quota >> period) || quota <= 0 || period <= 0) return {};  // "max 100000"
    return quota / period;
}

std::optional<CpuQuota> cpu_quota(std::string_view proc_cgroup) {
    std::optional<CpuQuota> smallest;
    for (const auto& folder : cgroup_folders(proc_cgroup, "cpu")) {
        auto cores = cores_of_cpu_max(read_text(folder + "/cpu.max"));
        if (!cores) cores = cores_of_v1(folder);
        if (cores && (!smallest || *cores < smallest->cores)) {
            smallest = CpuQuota{*cores, folder + "/cpu.stat"};
        }
    }
    return smallest;
}

std::optional<Duration> cgroup_throttled_time() {
    std::optional<Duration> most;
    for (const auto& file : cpu_stat_files(read_text("/proc/self/cgroup"))) {
        const auto time = throttled_time_in(read_text(file));
        if (time && (!most || *time > *most)) most = time;
    }
    return most;
}

}  // namespace loadline

#include "base/cgroup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
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

constexpr const char *v2_top = "/sys/fs/cgroup", *v2_top_beside_v1 = "/sys/fs/cgroup/unified";

/// The hierarchies with the controller: for each where it is mounted, and the path in it.
template <class Visit>
void each_hierarchy(std::string_view proc_cgroup, std::string_view controller, Visit visit) {
    each_line(proc_cgroup, [&](std::string_view line) {  // id:controllers:/path
        const auto first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string_view::npos || second == std::string_view::npos) return;
        const auto controllers = line.substr(first + 1, second - first - 1);
        const std::string path{line.substr(second + 1)};
        if (controllers.empty()) {
            visit(std::string{v2_top}, path);
        } else if (has_controller(controllers, controller)) {
            visit(fmt::format("/sys/fs/cgroup/{}", controller), path);
        }
    });
}

bool has_process(const std::string& group, int pid) {
    bool found = false;
    each_line(read_text(group + "/cgroup.procs"),
              [&, text = fmt::to_string(pid)](std::string_view line) { found |= line == text; });
    return found;
}

/// Adds the group of a process in the hierarchy mounted at `top`, and those above it, where it is
/// seen to be in it.
void add_visible(VisibleCgroups& groups, int pid, const std::string& root, const std::string& top,
                 const std::string& path) {
    const auto process = fmt::format("{}/proc/{}", root, pid);
    std::vector<std::string> upwards;
    if (path.find("/..") == path.npos) add_upwards(root + top, path, upwards);
    // Of a group that a container has for its own, the folder is the top of what it sees.
    for (const auto& own : {root + top, process + "/root" + top}) {
        if (!upwards.empty() && has_process(upwards.front(), pid)) break;
        upwards = {own};
    }
    if (!has_process(upwards.front(), pid)) {
        std::error_code ec;
        groups.hidden |= std::filesystem::exists(root + top + "/cgroup.procs", ec);
        return;
    }
    groups.own.push_back(upwards.front());
    groups.above.insert(groups.above.end(), upwards.begin() + 1, upwards.end());
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
    each_hierarchy(proc_cgroup, controller, [&](const std::string& top, const std::string& path) {
        add_upwards(top, path, folders);
    });
    return folders;
}

VisibleCgroups visible_cgroups(int pid, std::string_view controller, const std::string& root) {
    VisibleCgroups groups;
    const auto text = read_text(fmt::format("{}/proc/{}/cgroup", root, pid));
    each_hierarchy(text, controller, [&](const std::string& top, const std::string& path) {
        add_visible(groups, pid, root, top, path);
        if (top == v2_top) add_visible(groups, pid, root, v2_top_beside_v1, path);
    });
    groups.hidden = groups.hidden && groups.own.empty();
    return groups;
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

std::optional<CpuQuota> cpu_quota(const VisibleCgroups& groups) {
    std::optional<CpuQuota> smallest;
    for (const auto* folders : {&groups.own, &groups.above}) {
        for (const auto& folder : *folders) {
            auto cores = cores_of_cpu_max(read_text(folder + "/cpu.max"));
            if (!cores) cores = cores_of_v1(folder);
            if (cores && (!smallest || *cores < smallest->cores)) {
                smallest = CpuQuota{*cores, folder + "/cpu.stat"};
            }
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

#include "base/cgroup.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace loadline {
namespace {

std::string text_of(const std::string& path) {
    std::ifstream file{path};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Calls `line` for each line of the text.
template <class Visit>
void each_line(std::string_view text, Visit line) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

/// root/a/b/cpu.stat, root/a/cpu.stat, root/cpu.stat.
void add_upwards(const std::string& root, std::string path, std::vector<std::string>& files) {
    while (path.size() > 1) {
        files.push_back(root + path + "/cpu.stat");
        path.erase(path.rfind('/'));
    }
    files.push_back(root + "/cpu.stat");
}

bool has_controller(std::string_view list, std::string_view name) {
    while (!list.empty()) {
        const auto end = std::min(list.find(','), list.size());
        if (list.substr(0, end) == name) return true;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

}  // namespace

std::vector<std::string> cpu_stat_files(std::string_view proc_self_cgroup) {
    std::vector<std::string> files;
    each_line(proc_self_cgroup, [&](std::string_view line) {  // id:controllers:/path
        const auto first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string_view::npos || second == std::string_view::npos) return;
        const auto controllers = line.substr(first + 1, second - first - 1);
        const std::string path{line.substr(second + 1)};
        if (controllers.empty()) {
            add_upwards("/sys/fs/cgroup", path, files);
        } else if (has_controller(controllers, "cpu")) {
            add_upwards("/sys/fs/cgroup/cpu", path, files);
        }
    });
    return files;
}

std::optional<Duration> throttled_time_in(std::string_view cpu_stat) {
    std::optional<Duration> found;
    each_line(cpu_stat, [&](std::string_view line) {
        for (const auto& [key, unit] :
             {std::pair{std::string_view{"throttled_usec "}, Duration{1000}},
              std::pair{std::string_view{"throttled_time "}, Duration{1}}}) {
            if (!line.starts_with(key)) continue;
            std::int64_t n = 0;
            std::from_chars(line.data() + key.size(), line.data() + line.size(), n);
            found = n * unit;
        }
    });
    return found;
}

std::optional<Duration> cgroup_throttled_time() {
    std::optional<Duration> most;
    for (const auto& file : cpu_stat_files(text_of("/proc/self/cgroup"))) {
        const auto time = throttled_time_in(text_of(file));
        if (time && (!most || *time > *most)) most = time;
    }
    return most;
}

}  // namespace loadline

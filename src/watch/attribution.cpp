#include "watch/attribution.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include "base/procfs.hpp"
#include "watch/process.hpp"

namespace loadline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t command_length = 200;

/// "--admin-token", "REDIS_PASSWORD", "-Dspring.redis.password": what their values are.
bool names_a_secret(std::string_view name) {
    std::string lower;
    for (const char c : name) {
        lower += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    constexpr std::array<std::string_view, 10> words{
        "token",  "tokens",  "password",   "passwd",      "passphrase",
        "secret", "api-key", "secret-key", "private-key", "requirepass"};
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return lower.ends_with(word); });
}

/// "redis://user:password@host" with the password masked.
std::string without_url_password(std::string_view text) {
    const auto scheme = text.find("://");
    if (scheme == text.npos) return std::string{text};
    const auto authority = text.substr(scheme + 3, text.find('/', scheme + 3) - (scheme + 3));
    const auto at = authority.rfind('@');
    const auto colon = authority.find(':');
    if (at == authority.npos || colon >= at) return std::string{text};
    return fmt::format("{}:***{}", text.substr(0, scheme + 3 + colon),
                       text.substr(scheme + 3 + at));
}

std::string masked(std::string_view argument) {
    const auto equals = argument.find('=');
    if (equals != argument.npos && names_a_secret(argument.substr(0, equals))) {
        return fmt::format("{}=***", argument.substr(0, equals));
    }
    return without_url_password(argument);
}

/// Whether the argument is a flag whose value is the next argument, and secret.
bool hides_next(std::string_view argument) {
    return argument.starts_with('-') && argument.find('=') == argument.npos &&
           names_a_secret(argument);
}

std::optional<int> pid_of(const fs::path& path) {
    const auto name = path.filename().string();
    int pid = 0;
    const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (ec != std::errc{} || end != name.data() + name.size()) return {};
    return pid;
}

/// 4711 of "socket:[4711]", what a descriptor in /proc links to; 0: it is no socket.
std::uint32_t inode_of(std::string_view link) {
    constexpr std::string_view socket = "socket:[";
    std::uint32_t inode = 0;
    if (!link.starts_with(socket)) return 0;
    std::from_chars(link.data() + socket.size(), link.data() + link.size(), inode);
    return inode;
}

/// Whether `matches` says so of the inode of one of its sockets, asked in turn; nothing where not
/// all of its descriptors are to be seen.
template <class Matches>
std::optional<bool> any_socket(int pid, const Matches& matches) {
    std::error_code hidden;
    bool unknown = false;  // what a descriptor is, or whether there are more
    const fs::path folder{fmt::format("/proc/{}/fd", pid)};
    for (fs::directory_iterator fd{folder, hidden}, end; !hidden && fd != end;
         fd.increment(hidden)) {
        std::array<char, 64> link;
        const auto length = ::readlink(fd->path().c_str(), link.data(), link.size());
        if (length <= 0) {  // closed meanwhile, or not ours to see
            unknown = unknown || errno == EACCES || errno == EPERM;
            continue;
        }
        const auto inode = inode_of({link.data(), static_cast<std::size_t>(length)});
        if (inode != 0 && matches(inode)) return true;
    }
    if (hidden || unknown) return {};
    return false;
}

/// Those of these sockets that the process holds, as far as they are to be seen.
std::set<std::uint32_t> held_sockets(int pid, const std::set<std::uint32_t>& inodes) {
    std::set<std::uint32_t> held;
    any_socket(pid, [&](std::uint32_t inode) {
        if (inodes.contains(inode)) held.insert(inode);
        return held.size() == inodes.size();
    });
    return held;
}

/// As the public one, of one socket and those who hold it, lowest first.
std::set<int> without_keepers(const std::set<int>& all,
                              const std::function<std::string(int)>& cgroup_of) {
    if (all.size() < 2) return all;
    std::set<int> running, others;
    std::string keepers;
    for (const int pid : all) {
        const auto cgroup = cgroup_of(pid);
        if (cgroup.empty()) continue;
        if (running.empty()) keepers = cgroup;
        running.insert(pid);
        if (cgroup != keepers) others.insert(pid);
    }
    if (running.empty()) return all;
    return others.empty() ? running : others;
}

}  // namespace

std::string printable_command(std::string_view cmdline) {
    std::string text;
    bool hide = false;
    while (!cmdline.empty()) {
        const auto argument = cmdline.substr(0, cmdline.find('\0'));
        cmdline.remove_prefix(std::min(cmdline.size(), argument.size() + 1));
        if (!text.empty()) text += ' ';
        hide = hide && !argument.starts_with("--");  // a flag without its value
        text += hide ? std::string{"***"} : masked(argument);
        hide = !hide && hides_next(argument);
    }
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    if (text.size() > command_length) text.replace(command_length - 3, text.npos, "...");
    return text;
}

std::string command_of(int pid) {
    std::ifstream in{fmt::format("/proc/{}/cmdline", pid), std::ios::binary};
    const std::string cmdline{std::istreambuf_iterator<char>{in}, {}};
    return printable_command(cmdline);
}

std::optional<ProcessInfo> find_owner(std::uint32_t inode) {
    const auto holders = find_holders({inode});
    if (holders.empty()) return {};
    return ProcessInfo{holders.front(), command_of(holders.front())};
}

std::vector<int> find_holders(const std::set<std::uint32_t>& inodes) {
    SocketHolders holders;
    std::error_code ec;
    for (fs::directory_iterator entry{"/proc", ec}, end; !ec && entry != end; entry.increment(ec)) {
        const auto pid = pid_of(entry->path());
        if (!pid) continue;
        for (const auto inode : held_sockets(*pid, inodes)) holders[inode].insert(*pid);
    }
    auto serving = without_keepers(holders, cgroups_of);
    // A worker may have a lower pid than its master, when the numbers have begun anew.
    const std::set<int> all{serving.begin(), serving.end()};
    std::stable_partition(serving.begin(), serving.end(), [&](int pid) {
        const auto stat = parse_process_stat(read_text(fmt::format("/proc/{}/stat", pid)));
        return !stat || !all.contains(stat->parent);
    });
    return serving;
}

std::vector<int> without_keepers(const SocketHolders& holders,
                                 const std::function<std::string(int)>& cgroup_of) {
    std::set<int> serving;
    for (const auto& [inode, pids] : holders) serving.merge(without_keepers(pids, cgroup_of));
    return {serving.begin(), serving.end()};
}

std::string cgroups_of(int pid) { return read_text(fmt::format("/proc/{}/cgroup", pid)); }

std::optional<bool> holds_socket(int pid, const std::set<std::uint32_t>& inodes) {
    return any_socket(pid, [&](std::uint32_t inode) { return inodes.contains(inode); });
}

bool process_exists(int pid) {
    // EPERM: /proc is mounted with hidepid=1, which shows that it is there and nothing else.
    return ::access(fmt::format("/proc/{}", pid).c_str(), F_OK) == 0 || errno == EPERM;
}

std::optional<std::uint32_t> open_fds(int pid) {
    const auto path = fmt::format("/proc/{}/fd", pid);
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return {};
    if (info.st_size > 0) return static_cast<std::uint32_t>(info.st_size);  // Linux 6.2 and later
    std::error_code ec;
    std::uint32_t count = 0;
    for (fs::directory_iterator fd{path, ec}, end; !ec && fd != end; fd.increment(ec)) ++count;
    if (ec) return {};
    return count;
}

std::optional<std::uint64_t> fd_limit(int pid) {
    std::ifstream in{fmt::format("/proc/{}/limits", pid)};
    constexpr std::string_view name = "Max open files";
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with(name)) continue;
        std::istringstream fields{line.substr(name.size())};
        std::uint64_t soft = 0;
        if (fields >> soft) return soft;
    }
    return {};
}

}  // namespace loadline

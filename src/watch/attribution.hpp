#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace loadline {

/// The process behind a socket, as far as this user may see it.
struct ProcessInfo {
    int pid = 0;
    std::string command;  ///< as command_of
    int heir_of = 0;      ///< the process that kept its socket for it, and goes on; 0: none
};

/// The process that holds the socket with this inode, and does not only keep it, found in
/// /proc/*/fd: needs the same user, or CAP_SYS_PTRACE; the master where several do, else the lowest
/// pid. Nothing when none is visible.
std::optional<ProcessInfo> find_owner(std::uint32_t inode);

/// All processes that hold one of these sockets, masters first and then by pid, found in the same
/// way; without those that only keep it.
std::vector<int> find_holders(const std::set<std::uint32_t>& inodes);

/// The processes that hold each of some sockets, by inode.
using SocketHolders = std::map<std::uint32_t, std::set<int>>;

/// Those that serve one of the sockets, lowest first. Who opens a socket for a service and keeps it
/// (systemd, as pid 1 or of a user) was there before the service, and in a cgroup of its own. So
/// where a socket is held from another cgroup than that of the lowest pid, those in the latter are
/// left out. A master has the cgroup of its workers, also as pid 1 of a container. Whose cgroup is
/// empty has ended meanwhile, and is left out, too; unless there are no cgroups.
std::vector<int> without_keepers(const SocketHolders& holders,
                                 const std::function<std::string(int pid)>& cgroup_of);

/// /proc/PID/cgroup; empty when the process has ended.
std::string cgroups_of(int pid);

/// Whether the process holds one of these sockets; nothing where its descriptors may not be
/// listed or read (a capability that it has and we have not forbids that), or it is gone.
std::optional<bool> holds_socket(int pid, const std::set<std::uint32_t>& inodes);

/// Command line of a process as `printable_command` shows it; empty when it is gone,
/// hidden or a kernel thread.
std::string command_of(int pid);

/// A command line for people: `cmdline` has its arguments ended by NUL. Values of flags and
/// variables whose names end in token, password, passwd, secret or the like, and passwords
/// in URLs, become ***; bytes that are not printable ASCII become ?; at most 200 characters.
std::string printable_command(std::string_view cmdline);

/// Whether a process with this id is visible.
bool process_exists(int pid);

/// Open file descriptors of a process. Nothing when it is gone, or (before Linux 6.2)
/// without permission to list them.
std::optional<std::uint32_t> open_fds(int pid);

/// Its soft limit of file descriptors; nothing when unlimited or not readable.
std::optional<std::uint64_t> fd_limit(int pid);

}  // namespace loadline

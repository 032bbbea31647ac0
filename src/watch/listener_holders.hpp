#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "watch/attribution.hpp"

namespace loadline {

/// The open descriptors of some processes.
struct OpenDescriptors {
    std::uint32_t fds = 0;               ///< of the one that has used the largest part of its limit
    std::optional<std::uint64_t> limit;  ///< of the same; nothing: unlimited, or not readable
    std::uint32_t of_others = 0;         ///< of the others, summed
    int pid = 0;                         ///< of that one
};

/// The processes behind a listening socket: one, or a master and its workers. A look takes 2 us a
/// process (Linux 6.2). Every 5 s, or a second after one of them has ended, those below the first
/// one (at most 1024) are asked whether they hold the socket, too: workers come and go, and what
/// systemd kept a socket for starts. When the first one itself has ended, all processes are asked,
/// until one is found: a new master has taken over, or will. Not thread-safe.
class ListenerHolders {
public:
    /// `cgroup_of`: as of without_keepers.
    explicit ListenerHolders(std::function<std::string(int pid)> cgroup_of = cgroups_of)
        : cgroup_of_{std::move(cgroup_of)} {}

    /// From now on these processes are followed, the first of them also where it is not visible
    /// that it holds one of the sockets. Where that one was `named`, no other takes its place.
    void begin(const std::vector<int>& pids, std::set<std::uint32_t> inodes, bool named = false);
    /// Limits are those of the latest call; of new processes those of when they were found.
    void read_limits();
    /// Nothing when none is visible.
    std::optional<OpenDescriptors> look(TimePoint now);
    /// The process that stands for all of them since the latest look; 0: none.
    int first() const { return first_; }

private:
    void find_workers();
    void pass_on_what_was_kept();
    void find_successors();

    std::set<std::uint32_t> inodes_;
    const std::function<std::string(int pid)> cgroup_of_;
    int first_ = 0;
    bool named_ = false;
    bool lost_ = false;  ///< there was a first one, and nobody has taken its place so far
    std::map<int, std::optional<std::uint64_t>> limits_;  ///< by process: all that are followed
    TimePoint search_at_{};
};

}  // namespace loadline

#include "watch/listener_holders.hpp"

#include <algorithm>
#include <utility>

#include "base/fill.hpp"
#include "watch/attribution.hpp"
#include "watch/process.hpp"

namespace loadline {
namespace {

constexpr Duration search_every = std::chrono::seconds{5};
constexpr Duration search_for_successor_after = std::chrono::seconds{1};
constexpr std::size_t most_asked = 1024;  // Apache's prefork goes to 256 workers

}  // namespace

void ListenerHolders::begin(const std::vector<int>& pids, std::set<std::uint32_t> inodes) {
    inodes_ = std::move(inodes);
    first_ = pids.empty() ? 0 : pids.front();
    limits_.clear();
    for (const int pid : pids) limits_[pid] = fd_limit(pid);
    search_at_ = {};
}

void ListenerHolders::read_limits() {
    for (auto& [pid, limit] : limits_) limit = fd_limit(pid);
}

std::optional<OpenDescriptors> ListenerHolders::look(TimePoint now) {
    if (first_ != 0 && now >= search_at_) {
        if (!process_age(first_)) find_successors();
        if (first_ != 0) find_workers();
        search_at_ = now + search_every;
    }
    std::optional<OpenDescriptors> open;
    std::uint64_t sum = 0;
    for (const auto& [pid, limit] : limits_) {
        const auto fds = open_fds(pid);
        if (!fds) {
            search_at_ = std::min(search_at_, now + search_for_successor_after);
            continue;
        }
        sum += *fds;
        const Fill fill{*fds, limit.value_or(0)};
        if (open && !fill.fuller_than({open->fds, open->limit.value_or(0)})) continue;
        open = OpenDescriptors{*fds, limit, 0, pid};
    }
    if (open) open->of_others = static_cast<std::uint32_t>(sum - open->fds);
    return open;
}

/// The socket may be kept by a new master (nginx's binary upgrade), or by workers beside the first,
/// whose pid was only the lowest.
void ListenerHolders::find_successors() {
    const auto holders = inodes_.empty() ? std::vector<int>{} : find_holders(inodes_);
    begin(holders, std::move(inodes_));
}

/// A process that has just been forked holds what its parent does until it runs another program:
/// so those that are known are asked again.
void ListenerHolders::find_workers() {
    std::set<int> candidates;
    for (const auto& [pid, limit] : limits_) candidates.insert(pid);
    for (const int pid : process_tree(first_, most_asked)) candidates.insert(pid);
    SocketHolders holders;
    for (const int pid : candidates) {
        for (const auto inode : held_sockets(pid, inodes_)) holders[inode].insert(pid);
    }
    std::map<int, std::optional<std::uint64_t>> found;
    const auto follow = [&](int pid) {
        const auto known = limits_.find(pid);
        found[pid] = known == limits_.end() ? fd_limit(pid) : known->second;
    };
    const auto serving = without_keepers(holders);
    for (const int pid : serving) follow(pid);
    const auto of_first = [&](const auto& one) { return one.second.contains(first_); };
    const bool keeps =
        !found.contains(first_) && std::any_of(holders.begin(), holders.end(), of_first);
    if (keeps) first_ = serving.front();
    follow(first_);
    limits_ = std::move(found);
}

}  // namespace loadline

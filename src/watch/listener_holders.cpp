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

void ListenerHolders::begin(const std::vector<int>& pids, std::set<std::uint32_t> inodes,
                            bool named) {
    inodes_ = std::move(inodes);
    first_ = pids.empty() ? 0 : pids.front();
    named_ = named;
    lost_ = false;
    limits_.clear();
    for (const int pid : pids) limits_[pid] = fd_limit(pid);
    search_at_ = {};
}

void ListenerHolders::read_limits() {
    for (auto& [pid, limit] : limits_) limit = fd_limit(pid);
}

std::optional<OpenDescriptors> ListenerHolders::look(TimePoint now) {
    if ((first_ != 0 || lost_) && now >= search_at_) {
        if (lost_ || !process_age(first_)) find_successors();
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
    lost_ = first_ == 0 && !inodes_.empty();
}

/// A process that has just been forked holds what its parent does until it runs another program:
/// so those that are known are asked again.
void ListenerHolders::find_workers() {
    std::set<int> candidates;
    for (const auto& [pid, limit] : limits_) candidates.insert(pid);
    for (const int pid : process_tree(first_, most_asked)) candidates.insert(pid);
    const bool alone = limits_.size() < 2;
    std::map<int, std::optional<std::uint64_t>> found;
    for (const int pid : candidates) {
        if (pid != first_ && !holds_socket(pid, inodes_).value_or(false)) continue;
        const auto known = limits_.find(pid);
        found[pid] = known == limits_.end() ? fd_limit(pid) : known->second;
    }
    limits_ = std::move(found);
    if (alone && !named_) pass_on_what_was_kept();
}

/// Who was alone with the socket may have kept it for a service that has come now.
void ListenerHolders::pass_on_what_was_kept() {
    SocketHolders holders;
    for (const auto& [pid, limit] : limits_) holders[0].insert(pid);  // as if they were one socket
    const auto serving = without_keepers(holders, cgroup_of_);
    if (std::find(serving.begin(), serving.end(), first_) != serving.end()) return;
    std::erase_if(limits_, [&](const auto& one) {
        return std::find(serving.begin(), serving.end(), one.first) == serving.end();
    });
    first_ = serving.front();
}

}  // namespace loadline

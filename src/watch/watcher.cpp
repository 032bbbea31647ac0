#include "watch/watcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/procfs.hpp"
#include "watch/evidence.hpp"
#include "watch/own_sockets.hpp"
#include "watch/process.hpp"

namespace loadline {
namespace {

constexpr Duration closing_takes = std::chrono::milliseconds{100};
constexpr Duration slow_facts_every = milliseconds(900);  // each fourth sample, if it is early too

constexpr std::size_t index(TcpState state) { return static_cast<std::size_t>(state); }

SocketSample count(const std::vector<SocketRecord>& sockets) {
    SocketSample sample;
    for (const auto& socket : sockets) {
        ++sample.states[index(socket.state)];
        if (socket.state != TcpState::listen) {
            sample.owned += socket.inode != 0;
            continue;
        }
        sample.accept_queue += socket.receive_queue;
        sample.backlog += socket.send_queue;
    }
    sample.close_wait = sample.states[index(TcpState::close_wait)];
    return sample;
}

std::set<std::uint32_t> listening_inodes(const std::vector<SocketRecord>& sockets) {
    std::set<std::uint32_t> inodes;
    for (const auto& socket : sockets) {
        const bool listens = socket.state == TcpState::listen && socket.inode != 0;
        if (listens) inodes.insert(socket.inode);
    }
    return inodes;
}

/// Why this process cannot be the one behind the port; nothing where it may be. A worker may be
/// handed each connection by the process that listens, and so hold none before the load; and a
/// supervisor never holds one.
std::optional<Error> wrong_pid(int pid, std::uint16_t port,
                               const std::vector<SocketRecord>& sockets) {
    std::set<std::uint32_t> all;
    for (const auto& socket : sockets) {
        if (socket.inode != 0) all.insert(socket.inode);
    }
    const auto listening = listening_inodes(sockets);
    if (listening.empty() || holds_socket(pid, all).value_or(true)) return {};
    const auto holders = find_holders(listening);
    const bool related = std::any_of(holders.begin(), holders.end(), [&](int holder) {
        return is_below(pid, holder) || is_below(holder, pid);
    });
    if (related) return {};
    return usage_error(fmt::format(
        "process {} ({}) holds no socket of port {}\n   hint: {}", pid, command_of(pid), port,
        holders.empty() ? "who holds one is not visible from here; leave the option away"
                        : fmt::format("process {} listens there: {}", holders.front(),
                                      command_of(holders.front()))));
}

}  // namespace

Result<std::unique_ptr<Watcher>> Watcher::start(const WatchOptions& options) {
    if (options.port == 0) return usage_error("port 0 cannot be watched");
    for (const auto& pid : {options.pid, options.container_pid}) {
        if (pid && !process_exists(*pid)) {
            return usage_error(fmt::format("no process {} is visible here", *pid));
        }
    }
    if (options.tau && *options.tau <= Duration{}) {
        return usage_error("the socket tau must be above zero");
    }
    std::unique_ptr<Watcher> watcher{new Watcher{options}};
    if (options.pid) {
        const auto sockets = watcher->table_.read();
        const auto wrong = sockets ? wrong_pid(*options.pid, options.port, *sockets) : std::nullopt;
        if (wrong) return *wrong;
    }
    watcher->sample();
    watcher->thread_ =
        std::jthread{[w = watcher.get()](const std::stop_token& stop) { w->run(stop); }};
    return watcher;
}

Watcher::Watcher(const WatchOptions& options)
    : options_{options},
      table_{options.port, options.source, options.container_pid},
      kernel_{options.container_pid},
      stream_{options.port, options.tau, network_namespace_number(options.container_pid)},
      tracker_{std::min(shortest_tau, options.tau.value_or(shortest_tau))} {
    if (const auto known = options.pid ? options.pid : options.container_pid) {
        owner_ = ProcessInfo{*known, command_of(*known)};
        holders_.begin({*known}, {}, options.pid.has_value());  // until it is seen who listens
    }
}

Watcher::~Watcher() = default;  // the thread stops first: it is declared last

void Watcher::run(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    Duration cost{};  // of the last sample with all that was made of it, such as its recording
    while (!stop.stop_requested()) {
        const auto pause = std::max(period(), sampling_period(cost));
        wake_.wait_for(lock, stop, pause, [] { return false; });
        if (stop.stop_requested()) return;
        lock.unlock();
        const auto cpu = thread_cpu_time();
        sample();
        cost = thread_cpu_time() - cpu;
        lock.lock();
    }
}

Duration Watcher::period() const {
    return sampling_period(samples_.empty() ? Duration{} : samples_.back().cost);
}

void Watcher::sample() {
    const auto begin = Clock::now();
    const auto cpu = thread_cpu_time();
    auto sockets = table_.read();
    if (!sockets) {  // not a sample without sockets: nothing is known of this moment
        if (options_.record) options_.record(stream_.failure(begin, sockets.error().message));
        const std::lock_guard lock{mutex_};
        failure_ = sockets.error().message;
        return;
    }
    auto sample = count(*sockets);
    sample.at = Clock::now();
    sample.cost = thread_cpu_time() - cpu;
    seek_owner(*sockets);
    leave_out_own(*sockets);
    add_process_facts(sample);
    keep(begin, std::move(sample), *sockets);
    if (!options_.record) return;
    using Tell = SocketStreamWriter::Tell;
    auto tell = Tell::changes;
    std::optional<ProcessInfo> holder;
    if (options_.tell_all) {  // our reader judges: it cannot look for the holder itself
        tell = options_.tell_all() ? Tell::all : Tell::when_due;
        holder = holder_of_oldest();
    }
    // Only this thread writes what is read here.
    options_.record(stream_.sample(
        {samples_.back(), *sockets, listener_, owner_, std::move(holder), change_}, tell));
}

/// Descriptors; and what costs as much to read as two hundred sockets, and need not be newer than a
/// second: their limit, and what the kernel counted.
void Watcher::add_process_facts(SocketSample& sample) {
    const auto pid = owner_ ? std::optional{owner_->pid} : std::optional<int>{};
    if (!slow_facts_.at || pid != slow_facts_.pid ||
        sample.at - *slow_facts_.at >= slow_facts_every) {
        slow_facts_.at = sample.at;
        slow_facts_.pid = pid;
        holders_.read_limits();
        if (const auto use = kernel_.look(pid)) {
            if (!slow_facts_.counted) slow_facts_.counted.emplace();
            append(*slow_facts_.counted, *use);
        }
    }
    sample.kernel = slow_facts_.counted;
    const auto open = holders_.look(sample.at);
    follow_owner();
    if (open) {
        sample.fds = open->fds;
        sample.fd_limit = open->limit;
        sample.fds_of_others = open->of_others;
        sample.fds_pid = open->pid;
    }
}

/// With a master and workers, the one that leaks is not the first that listens.
std::optional<ProcessInfo> Watcher::holder_of_oldest() {
    if (options_.pid || samples_.back().stale == 0) return {};
    const auto& live = tracker_.live();
    const auto oldest = std::min_element(
        live.begin(), live.end(),
        [](const auto& a, const auto& b) { return a.second.birth_latest < b.second.birth_latest; });
    if (oldest == live.end() || oldest->second.inode == 0) return {};
    if (held_inode_ != oldest->second.inode) {
        held_inode_ = oldest->second.inode;
        holder_ = find_owner(held_inode_);
    }
    return holder_;
}

/// Looks for the processes when other sockets listen than before (each instance of a server may
/// have its own, with SO_REUSEPORT): the search goes through all of /proc.
void Watcher::seek_owner(const std::vector<SocketRecord>& sockets) {
    auto inodes = listening_inodes(sockets);
    if (inodes.empty() || inodes == sought_inodes_) return;
    sought_inodes_ = inodes;
    const auto holders = options_.pid ? std::vector{*options_.pid} : take_owner(inodes);
    holders_.begin(holders, std::move(inodes), options_.pid.has_value());
}

/// Those who hold the sockets, the owner first.
std::vector<int> Watcher::take_owner(const std::set<std::uint32_t>& inodes) {
    auto holders = find_holders(inodes);
    const auto found = holders.empty() ? std::nullopt : std::optional{holders.front()};
    same_process_ = found && listening_ == found;
    listening_ = found;
    if (!found && options_.container_pid) {  // nearer than nobody: the container's process
        return {*options_.container_pid};
    }
    const std::lock_guard lock{mutex_};
    owner_ = found ? std::optional{ProcessInfo{*found, command_of(*found)}} : std::nullopt;
    return holders;
}

/// The listening socket may be taken over by another process while it stays the same: nginx's new
/// master, or the service that systemd kept it for.
void Watcher::follow_owner() {
    const int first = holders_.first(), before = owner_ ? owner_->pid : 0;
    if (options_.pid || first == 0 || first == before) return;
    listening_ = first;
    const int kept_by = before != 0 && is_below(first, before) ? before : 0;
    const std::lock_guard lock{mutex_};
    owner_ = ProcessInfo{first, command_of(first), kept_by};
}

/// A socket that was ours stays so, whoever has the port later.
void Watcher::leave_out_own(std::vector<SocketRecord>& sockets) {
    if (!options_.own) return;
    const auto now = Clock::now();
    std::set<std::uint64_t> own;
    std::erase_if(sockets, [&](const SocketRecord& socket) {
        if (!own_.contains(socket.cookie) && !options_.own->contains(socket, now)) return false;
        own.insert(socket.cookie);
        return true;
    });
    own_ = std::move(own);
}

void Watcher::keep(TimePoint begin, SocketSample sample, const std::vector<SocketRecord>& sockets) {
    const std::lock_guard lock{mutex_};
    failure_.clear();
    fallback_ = table_.fallback_reason();
    listeners_.add(sockets);
    // Who kills its workers along with their socket is another server, whatever its pid.
    const bool reopened = same_process_ && listeners_.exchanged() && tracker_.goes_on_in(sockets);
    change_ = listeners_.change(reopened ? std::optional{ServerChange::reopened} : std::nullopt);
    listener_ = listeners_.fate();
    tracker_.follow(change_, sample.at);
    tracker_.add(sample.at, sockets);
    sample.classes = tracker_.stale(sample.at, socket_tau(options_.tau, {}));
    sample.stale = std::accumulate(sample.classes.begin(), sample.classes.end(), 0U);
    sample.seen = tracker_.ended_count() + tracker_.live().size();
    if (!fullest_queue_) fullest_queue_.emplace();
    fullest_queue_->take_fuller({sample.accept_queue, sample.backlog});
    samples_.push_back(std::move(sample));
    latest_begin_ = begin;
}

std::optional<SocketSample> Watcher::latest() const {
    const std::lock_guard lock{mutex_};
    if (samples_.empty()) return {};
    return samples_.back();
}

std::optional<AcceptQueue> Watcher::take_fullest_queue() {
    const std::lock_guard lock{mutex_};
    return std::exchange(fullest_queue_, {});
}

std::vector<SocketSample> Watcher::samples() const {
    const std::lock_guard lock{mutex_};
    return samples_;
}

std::uint32_t Watcher::close_wait_of_load() const {
    const std::lock_guard lock{mutex_};
    return tracker_.of_load();
}

std::optional<ProcessInfo> Watcher::owner() const {
    const std::lock_guard lock{mutex_};
    return owner_;
}

std::string Watcher::trouble() const {
    const std::lock_guard lock{mutex_};
    return failure_.empty() ? fallback_ : failure_;
}

void Watcher::connections_closed(TimePoint at) {
    const std::lock_guard lock{mutex_};
    closed_at_ = at;
}

bool Watcher::settled() const {
    const std::lock_guard lock{mutex_};
    return closed_at_ && latest_begin_ >= *closed_at_ + closing_takes && tracker_.of_load() == 0;
}

Duration Watcher::settle_time(Duration slowest_response) const {
    const auto tau = socket_tau(options_.tau, slowest_response);
    const std::lock_guard lock{mutex_};
    return settle_length(tau, period());
}

DetectorInput Watcher::last_look(Duration slowest_response) {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    slow_facts_.at.reset();
    sample();
    DetectorInput input;
    input.port = options_.port;
    input.now = samples_.empty() ? Clock::now() : samples_.back().at;
    input.tau = socket_tau(options_.tau, slowest_response);
    if (input.tau != socket_tau(options_.tau, {})) {
        const std::lock_guard lock{mutex_};
        recount_stale(samples_, tracker_, input.tau);
    }
    input.samples = samples_;
    input.listener = listener_;
    input.unreadable = failure_;
    input.sight_lost = !failure_.empty();
    return input;
}

SocketReport Watcher::finish(LoadFacts load, Duration slowest_response) {
    const auto input = last_look(slowest_response);
    load.closed_at = closed_at_;
    return complete(judge_load(tracker_, input, load), &load);
}

SocketReport Watcher::finish_alone() {
    const auto input = last_look({});
    return complete(judge_alone(tracker_, input), nullptr);
}

/// Adds who holds the sockets and what the sampling took, and ends the recording.
SocketReport Watcher::complete(SocketReport report, const LoadFacts* load) {
    auto holder = owner_;
    if (!options_.pid && !report.oldest.empty() && report.oldest.front().inode != 0) {
        // With a master and workers, the one that leaks is not the first that listens.
        const auto inode = static_cast<std::uint32_t>(report.oldest.front().inode);
        if (auto found = find_owner(inode)) holder = std::move(found);
    }
    complete_report(report, holder, samples_);
    if (options_.record) options_.record(stream_.end({report.tau, holder, load, {}, {}}));
    return report;
}

}  // namespace loadline

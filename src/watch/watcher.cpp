#include "watch/watcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/procfs.hpp"

namespace loadline {
namespace {

constexpr Duration closing_takes = std::chrono::milliseconds{100};
constexpr Duration settle_is_enough = std::chrono::seconds{60};

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

}  // namespace

Result<std::unique_ptr<Watcher>> Watcher::start(const WatchOptions& options) {
    if (options.port == 0) return usage_error("port 0 cannot be watched");
    if (options.pid && !process_exists(*options.pid)) {
        return usage_error(fmt::format("no process {} is visible here", *options.pid));
    }
    if (options.tau && *options.tau <= Duration{}) {
        return usage_error("the socket tau must be above zero");
    }
    std::unique_ptr<Watcher> watcher{new Watcher{options}};
    watcher->sample();
    watcher->thread_ =
        std::jthread{[w = watcher.get()](const std::stop_token& stop) { w->run(stop); }};
    return watcher;
}

Watcher::Watcher(const WatchOptions& options)
    : options_{options},
      table_{options.port, options.source},
      stream_{options.port, options.tau},
      tracker_{std::min(shortest_tau, options.tau.value_or(shortest_tau))} {
    if (options.pid) owner_ = ProcessInfo{*options.pid, command_of(*options.pid)};
}

Watcher::~Watcher() = default;  // the thread stops first: it is declared last

void Watcher::run(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    while (!stop.stop_requested()) {
        wake_.wait_for(lock, stop, period(), [] { return false; });
        if (stop.stop_requested()) return;
        lock.unlock();
        sample();
        lock.lock();
    }
}

Duration Watcher::period() const {
    return sampling_period(samples_.empty() ? Duration{} : samples_.back().cost);
}

void Watcher::sample() {
    const auto begin = Clock::now();
    const auto cpu = thread_cpu_time();
    const auto sockets = table_.read();
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
    if (owner_) {
        sample.fds = open_fds(owner_->pid);
        sample.fd_limit = fd_limit(owner_->pid);
    }
    keep(begin, std::move(sample), *sockets);
    if (!options_.record) return;
    // Only this thread writes what is read here.
    options_.record(stream_.sample({samples_.back(), *sockets, listener_, owner_}));
}

/// Looks for the process when another socket listens than before: the search goes through
/// all of /proc.
void Watcher::seek_owner(const std::vector<SocketRecord>& sockets) {
    if (options_.pid || sockets.empty()) return;
    const auto& first = sockets.front();
    if (first.state != TcpState::listen || first.inode == sought_inode_) return;
    sought_inode_ = first.inode;
    auto found = find_owner(first.inode);
    const std::lock_guard lock{mutex_};
    owner_ = std::move(found);
}

void Watcher::keep(TimePoint begin, SocketSample sample, const std::vector<SocketRecord>& sockets) {
    const std::lock_guard lock{mutex_};
    failure_.clear();
    fallback_ = table_.fallback_reason();
    note_listeners(sockets);
    tracker_.add(sample.at, sockets);
    sample.classes = tracker_.stale(sample.at, socket_tau(options_.tau, {}));
    sample.stale = std::accumulate(sample.classes.begin(), sample.classes.end(), 0U);
    sample.seen = tracker_.ended_count() + tracker_.live().size();
    samples_.push_back(std::move(sample));
    latest_begin_ = begin;
}

void Watcher::note_listeners(const std::vector<SocketRecord>& sockets) {
    std::set<std::uint64_t> cookies;
    for (const auto& socket : sockets) {
        if (socket.state == TcpState::listen) cookies.insert(socket.cookie);
    }
    if (first_listeners_.empty()) first_listeners_ = cookies;
    if (first_listeners_.empty()) {
        listener_ = ListenerFate::never_seen;
    } else if (cookies.empty()) {
        listener_ = ListenerFate::gone;
    } else {
        const bool same = std::any_of(cookies.begin(), cookies.end(), [&](std::uint64_t cookie) {
            return first_listeners_.contains(cookie);
        });
        listener_ = same ? ListenerFate::kept : ListenerFate::replaced;
    }
}

std::optional<SocketSample> Watcher::latest() const {
    const std::lock_guard lock{mutex_};
    if (samples_.empty()) return {};
    return samples_.back();
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
    const auto first_seen_by = 2 * period();  // from /proc a socket is as old as our first sight
    return std::max(std::min<Duration>(2 * tau, settle_is_enough), tau + first_seen_by);
}

DetectorInput Watcher::last_look(Duration slowest_response) {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    sample();
    DetectorInput input;
    input.port = options_.port;
    input.now = samples_.empty() ? Clock::now() : samples_.back().at;
    input.tau = socket_tau(options_.tau, slowest_response);
    input.samples = samples_;
    input.listener = listener_;
    input.unreadable = failure_;
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
    if (options_.record) options_.record(stream_.end(report.tau, holder, load));
    return report;
}

}  // namespace loadline

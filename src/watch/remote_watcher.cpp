#include "watch/remote_watcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <charconv>

#include "net/pause.hpp"
#include "watch/kernel_counters.hpp"
#include "watch/stream_publisher.hpp"

namespace loadline {
namespace {

constexpr Duration silent_after = std::chrono::seconds{3};  // samples are at most 2 s apart
constexpr Duration closing_takes = std::chrono::milliseconds{100};
constexpr Duration last_look_takes = std::chrono::seconds{4};
constexpr Duration shortest_back_off = std::chrono::milliseconds{100};
constexpr Duration longest_back_off = std::chrono::seconds{2};
constexpr std::size_t entries_back = 128;

std::pair<std::uint64_t, std::uint64_t> parse_id(std::string_view text) {
    std::pair<std::uint64_t, std::uint64_t> id{};
    const auto* end = text.data() + text.size();
    const auto [rest, ec] = std::from_chars(text.data(), end, id.first);
    if (rest != end) std::from_chars(rest + 1, end, id.second);
    return id;
}

std::string to_text(const std::pair<std::uint64_t, std::uint64_t>& id) {
    return fmt::format("{}-{}", id.first, id.second);
}

/// The lines of an entry, in order: it is [id, [field, value, ...]].
std::vector<std::string> lines_of(const RedisAnswer& entry) {
    std::vector<std::string> lines;
    if (entry.size() < 2) return lines;
    const auto fields = entry[1];
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
        if (fields[i].text() == "line") lines.emplace_back(fields[i + 1].text());
    }
    return lines;
}

bool tells_all(const std::string& line) { return line.find("\"full\":true") != line.npos; }

}  // namespace

RemoteWatcher::RemoteWatcher(RemoteWatchOptions options)
    : options_{std::move(options)},
      key_{stream_key(options_.from.run)},
      follower_{options_.tau, options_.record, options_.own},
      client_{context_, options_.from.redis} {
    boost::asio::post(context_, [this] { follow(); });
    thread_ = std::thread{[this] { context_.run(); }};
    std::unique_lock lock{mutex_};
    news_.wait_for(lock, options_.patience, [this] { return !follower_.samples().empty(); });
}

RemoteWatcher::~RemoteWatcher() { stop(); }

void RemoteWatcher::stop() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
    stopping_ = true;  // client_ ends what waits for an answer
}

/// Reads for ever, as long as it is not stopped.
Job RemoteWatcher::follow() {
    while (true) {
        const bool there = co_await join();
        if (stopping_) co_return;
        if (there) {
            const auto id = to_text(latest_id_);
            const std::array<std::string_view, 8> read{"XREAD", "COUNT",   "256", "BLOCK",
                                                       "500",   "STREAMS", key_,  id};
            const auto answer = co_await client_.command(read);
            if (stopping_) co_return;
            if (heard(answer)) {
                if (answer.size() > 0 && answer[0].size() > 1) take_entries(answer[0][1]);
                continue;
            }
        }
        back_off_ = std::clamp(2 * back_off_, shortest_back_off, longest_back_off);
        co_await pause(timer_, back_off_);
    }
}

/// Whether Redis answered, and not with an error; else what it said is kept, and the place in the
/// stream is looked for again.
bool RemoteWatcher::heard(const RedisAnswer& answer) {
    const bool well = answer.arrived() && !answer.is_error();
    if (well) {
        back_off_ = {};
    } else {
        place_known_ = false;
    }
    const std::lock_guard lock{mutex_};
    const auto& redis = options_.from.redis;
    redis_trouble_ = well ? std::string{}
                     : answer.arrived()
                         ? fmt::format("Redis at {} says: {}", redis.endpoint(), answer.text())
                         : fmt::format("Redis at {} does not answer", redis.endpoint());
    return well;
}

/// At first: reads back to a line that tells all sockets, so that the next one can be understood.
/// After a loss: a Redis that has forgotten the stream begins a new one; one that has forgotten its
/// last entries goes on behind those that it knows, and the watcher tells all sockets then.
Later<bool> RemoteWatcher::join() {
    if (place_known_) co_return true;
    const std::array<std::string_view, 6> look{"XREVRANGE", key_, "+", "-", "COUNT", "1"};
    const auto newest = co_await client_.command(look);
    if (stopping_ || !heard(newest)) co_return false;
    if (newest.size() > 0) {
        const std::lock_guard lock{mutex_};
        stream_seen_ = true;
    }
    const auto id = newest.size() > 0 ? parse_id(newest[0][0].text()) : StreamId{};
    if (joined_ || newest.size() == 0) {
        latest_id_ = std::min(latest_id_, id);  // what is there of before is known
        joined_ = place_known_ = true;
        co_return true;
    }
    latest_id_ = id;
    co_return co_await find_place();
}

Later<bool> RemoteWatcher::find_place() {
    std::vector<std::string> lines;  // newest first
    auto from = latest_id_;
    for (bool found = false; !found;) {
        const auto id = to_text(from);
        const auto count = std::to_string(entries_back);
        const std::array<std::string_view, 6> look{"XREVRANGE", key_, id, "-", "COUNT", count};
        const auto entries = co_await client_.command(look);
        if (stopping_ || !heard(entries)) co_return false;
        for (std::size_t i = 0; i < entries.size() && !found; ++i) {
            auto some = lines_of(entries[i]);
            found = std::any_of(some.begin(), some.end(), tells_all);
            lines.insert(lines.end(), some.rbegin(), some.rend());
            from = parse_id(entries[i][0].text());
        }
        if (entries.size() < entries_back || from == StreamId{}) break;
        from = from.second > 0 ? StreamId{from.first, from.second - 1}
                               : StreamId{from.first - 1, UINT64_MAX};
    }
    const std::lock_guard lock{mutex_};
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) follower_.look_back(*line);
    joined_ = place_known_ = true;
    co_return true;
}

void RemoteWatcher::take_entries(const RedisAnswer& entries) {
    const auto now = Clock::now();
    const std::lock_guard lock{mutex_};
    stream_seen_ = true;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        for (const auto& line : lines_of(entries[i])) follower_.take(line, now);
        if (entries[i].size() > 0) latest_id_ = parse_id(entries[i][0].text());
    }
    news_.notify_all();
}

std::uint16_t RemoteWatcher::port() const {
    const std::lock_guard lock{mutex_};
    return follower_.port();
}

std::optional<SocketSample> RemoteWatcher::latest() const {
    const std::lock_guard lock{mutex_};
    const auto& samples = follower_.samples();
    if (samples.empty() || Clock::now() - samples.back().at > silent_after) return {};
    return samples.back();
}

std::optional<AcceptQueue> RemoteWatcher::take_fullest_queue() {
    const std::lock_guard lock{mutex_};
    const auto& samples = follower_.samples();
    std::optional<AcceptQueue> fullest;
    for (; told_queues_ < samples.size(); ++told_queues_) {
        if (!fullest) fullest.emplace();
        fullest->take_fuller({samples[told_queues_].accept_queue, samples[told_queues_].backlog});
    }
    return fullest;
}

std::vector<SocketSample> RemoteWatcher::samples() const {
    const std::lock_guard lock{mutex_};
    return follower_.samples();
}

std::optional<ProcessInfo> RemoteWatcher::owner() const {
    const std::lock_guard lock{mutex_};
    return follower_.owner();
}

std::optional<TargetSecond> RemoteWatcher::take_target() {
    const std::lock_guard lock{mutex_};
    const auto& samples = follower_.samples();
    if (samples.size() == told_samples_) return {};
    const auto& now = samples.back();
    TargetSecond second;
    second.length = now.at - std::exchange(told_at_, now.at);
    if (const auto& owner = follower_.owner()) {
        auto& process = second.process.emplace();
        process.pid = owner->pid;
        process.processes = 1;
        process.restarts =
            follower_.restarts() - std::exchange(told_restarts_, follower_.restarts());
        process.gone = follower_.listener() == ListenerFate::gone;
        if (now.fds) process.fds = *now.fds;
        process.fd_limit = now.fd_limit;
    }
    for (; told_samples_ < samples.size(); ++told_samples_) {
        const auto& counted = samples[told_samples_].kernel;
        if (!counted) continue;
        if (told_kernel_) {
            if (!second.kernel) second.kernel.emplace();
            append(*second.kernel, counted_since(*counted, *told_kernel_));
        }
        told_kernel_ = counted;
    }
    if (!second.process && !second.kernel) return {};
    return second;
}

void RemoteWatcher::connections_closed(TimePoint at) {
    const std::lock_guard lock{mutex_};
    closed_at_ = at;
}

bool RemoteWatcher::settled() const {
    const std::lock_guard lock{mutex_};
    const auto& samples = follower_.samples();
    return closed_at_ && !samples.empty() &&
           samples.back().at - samples.back().cost >= *closed_at_ + closing_takes &&
           follower_.tracker().of_load() == 0;
}

Duration RemoteWatcher::settle_time(Duration slowest_response) const {
    const std::lock_guard lock{mutex_};
    const auto& samples = follower_.samples();
    if (samples.empty()) return {};
    return settle_length(socket_tau(options_.tau, slowest_response),
                         sampling_period(samples.back().cost));
}

std::string RemoteWatcher::trouble() const {
    const std::lock_guard lock{mutex_};
    return why_silent();
}

std::string RemoteWatcher::why_silent() const {
    const auto& [redis, run] = options_.from;
    const auto& samples = follower_.samples();
    if (!follower_.trouble().empty()) return follower_.trouble();
    if (!redis_trouble_.empty()) return redis_trouble_;
    if (!stream_seen_) {
        return fmt::format(
            "nobody watches as run {} over Redis at {}: start loadline watch --port N --redis {} "
            "--run {} beside the server",
            run, redis.endpoint(), redis.origin(), run);
    }
    if (follower_.ended()) return fmt::format("the watch of run {} has ended", run);
    if (samples.empty() && follower_.skipped() > 0) {
        return fmt::format(
            "the stream of run {} has lost its beginning, and none of the {} new lines tells all "
            "sockets: its watch does so once a minute or so",
            run, follower_.skipped());
    }
    if (samples.empty()) {
        return fmt::format(
            "the stream of run {} is there, but no new line comes: has its watch ended?", run);
    }
    if (Clock::now() - samples.back().at <= silent_after) return {};
    return fmt::format("the watch of run {} is silent", run);
}

/// Waits for a sample from after `asked`, and ends the reading.
DetectorInput RemoteWatcher::last_look(const LoadFacts& load, Duration tau, TimePoint asked) {
    {
        std::unique_lock lock{mutex_};
        const auto there = [&] {
            return follower_.samples().back().at >= asked || follower_.ended();
        };
        if (!follower_.samples().empty()) news_.wait_until(lock, asked + last_look_takes, there);
    }
    const auto why = trouble();
    stop();
    DetectorInput input;
    input.port = follower_.port();
    input.tau = tau;
    if (tau != socket_tau(options_.tau, {})) follower_.recount(tau);
    input.samples = follower_.samples();
    input.now = input.samples.empty() ? asked : input.samples.back().at;
    input.listener = follower_.listener();
    input.source = fmt::format("loadline watch, as run {} over Redis at {}", options_.from.run,
                               options_.from.redis.endpoint());
    if (!follower_.trouble().empty() || input.samples.empty()) {
        input.unreadable = why;
    } else if (!follower_.failure().empty()) {
        input.unreadable = follower_.failure();
        input.sight_lost = true;
    } else if (input.now <= load.begin) {
        input.unreadable = "no sample came since the load began: " + why;
    } else {
        input.gap = find_gap(input.samples, {load.begin, asked, tau, follower_.lost()});
        if (input.gap.matters && !why.empty()) input.gap.text += ": " + why;
    }
    return input;
}

SocketReport RemoteWatcher::finish(LoadFacts load, Duration slowest_response) {
    const auto tau = socket_tau(options_.tau, slowest_response);
    const auto asked = Clock::now();
    load.closed_at = closed_at_;
    const auto input = last_look(load, tau, asked);
    if (input.gap.matters && input.now < asked - silent_after) load.settled = false;
    auto report = judge_load(follower_.tracker(), input, load);
    complete_report(report, follower_.holder(), input.samples);
    follower_.record_end({tau, follower_.holder(), &load, input.gap, input.source, input.unreadable,
                          input.sight_lost});
    return report;
}

}  // namespace loadline

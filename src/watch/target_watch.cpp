#include "watch/target_watch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/procfs.hpp"

namespace loadline {
namespace {

constexpr Duration shortest_period = std::chrono::milliseconds{500};
constexpr Duration longest_period = std::chrono::seconds{5};
constexpr Duration question_period = std::chrono::seconds{1};

}  // namespace

TargetWatch::TargetWatch(TargetWatchOptions options) : options_{std::move(options)} {
    if (options_.proxy_port) proxy_owner_.emplace(*options_.proxy_port, options_.watched_port);
    if (options_.redis) redis_.emplace(context_, *options_.redis);
    thread_ = std::thread{[this] { run(); }};
}

TargetWatch::~TargetWatch() {
    context_.stop();
    thread_.join();
}

void TargetWatch::run() {
    look();
    context_.run();
}

/// One look at everything, and the appointment for the next one.
void TargetWatch::look() {
    // Where it is searched for, that takes long.
    const auto proxy = proxy_owner_ ? proxy_owner_->look(Clock::now()) : std::nullopt;
    const auto cpu = thread_cpu_time();
    const auto now = Clock::now();
    TargetSecond second;
    second.length = now - std::exchange(last_, now);
    if (options_.process) {
        const auto pid = options_.process();
        second.process = process_.look(pid, second.length);
        second.kernel = kernel_.look(pid);
    }
    if (proxy_owner_) second.proxy = proxy_.look(proxy, second.length);
    if (redis_) {
        second.redis = redis_->take();
        if (now >= next_question_) {
            redis_->ask();
            next_question_ = now + question_period - shortest_period / 2;
        }
    }
    auto not_seen = list_not_seen(second);
    {
        const std::lock_guard lock{mutex_};
        not_seen_ = std::move(not_seen);
        if (!gathered_) gathered_.emplace();
        append(*gathered_, second);
    }
    const auto cost = thread_cpu_time() - cpu;
    timer_.expires_after(std::clamp<Duration>(100 * cost, shortest_period, longest_period));
    timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) look();
    });
}

std::vector<std::string> TargetWatch::list_not_seen(const TargetSecond& second) const {
    auto list = process_.not_seen();
    if (options_.process && !second.process) {
        list.emplace_back(
            "the target's process (CPU, run queue, memory, descriptors, restarts): it is not "
            "visible here; needs its user or CAP_SYS_PTRACE, and in containers its PID namespace "
            "(--watch-pid)");
    }
    if (proxy_owner_ && !second.proxy && !proxy_owner_->same_service()) {
        list.push_back(fmt::format(
            "the process of the proxy on port {}: it is not visible here; needs its user or "
            "CAP_SYS_PTRACE, and in containers its PID namespace",
            *options_.proxy_port));
    }
    for (const auto& text : proxy_.not_seen()) list.push_back("of the proxy: " + text);
    if (options_.namespace_of && !kernel_.readable()) {
        list.push_back(fmt::format(
            "the kernel's counters of its network namespace: /proc/{}/net cannot be read; the "
            "process has ended, or it needs its user or CAP_SYS_PTRACE",
            *options_.namespace_of));
    }
    if (redis_ && !redis_->not_seen().empty()) list.push_back(redis_->not_seen());
    return list;
}

std::optional<TargetSecond> TargetWatch::take() {
    const std::lock_guard lock{mutex_};
    return std::exchange(gathered_, {});
}

std::vector<std::string> TargetWatch::not_seen() const {
    const std::lock_guard lock{mutex_};
    return not_seen_;
}

}  // namespace loadline

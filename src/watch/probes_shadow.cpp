#include "watch/probes_shadow.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"

namespace loadline {
namespace {

constexpr Duration resolve_limit = std::chrono::seconds{5};

}  // namespace

ShadowProber::ShadowProber(const std::vector<KubeletProbe>& probes, TimePoint zero,
                           std::shared_ptr<OwnSockets> own)
    : zero_{zero}, own_{std::move(own)} {
    for (const auto& probe : probes) {
        targets_.push_back({probe, {}, {}});
        records_.push_back({probe, {}});
    }
    thread_ = std::thread{[this] { run(); }};
}

ShadowProber::~ShadowProber() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
}

void ShadowProber::run() {
    for (std::size_t i = 0; i < targets_.size(); ++i) {
        auto found = resolve(targets_[i].probe.url, resolve_limit);
        if (found) {
            targets_[i].endpoints = std::move(*found);
            continue;
        }
        const auto& why = found.error().message;
        log_warn(
            fmt::format("probe={} cannot be made: {}", to_string(targets_[i].probe.kind), why));
        const std::lock_guard lock{mutex_};
        records_[i].trouble = why;
    }
    next_ = Clock::now();
    tick();
    context_.run();
}

/// One shadow probe of each kind, and the appointment for the next.
void ShadowProber::tick() {
    for (std::size_t i = 0; i < targets_.size(); ++i) {
        const auto place = running_.insert(running_.end(), {i, Clock::now() - zero_, nullptr});
        place->attempt = std::make_shared<ProbeAttempt>(context_, targets_[i], own_,
                                                        [this, place](ShadowProbe shadow) {
                                                            shadow.start = place->start;
                                                            keep(place->target, shadow);
                                                            running_.erase(place);
                                                        });
        place->attempt->start();
    }
    // A thread that was held up goes on at the present instant: a burst would be no probe.
    next_ = std::max(next_ + shadow_period, Clock::now());
    timer_.expires_at(next_);
    timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) tick();
    });
}

void ShadowProber::keep(std::size_t target, ShadowProbe shadow) {
    using Word = ProbeOutcome::Word;
    const auto& probe = targets_[target].probe;
    const auto outcome = outcome_of(shadow, probe.timeout);
    ProbeSecond second;
    second.kind = probe.kind;
    second.succeeded = outcome.word == Word::success;
    second.failed = outcome.word == Word::failure;
    second.discarded = outcome.word == Word::discarded;
    second.slowest = outcome.took;
    const std::lock_guard lock{mutex_};
    records_[target].shadows.push_back(shadow);
    if (outcome.word != Word::unknown) append(gathered_, {second});
}

std::vector<ProbeSecond> ShadowProber::take() {
    const std::lock_guard lock{mutex_};
    return std::exchange(gathered_, {});
}

std::vector<ProbeRecord> ShadowProber::finish() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
    for (const auto& running : running_) {  // nobody else runs any more
        auto shadow = running.attempt->cut_off();
        shadow.start = running.start;
        keep(running.target, shadow);
    }
    running_.clear();
    for (auto& record : records_) {
        std::stable_sort(
            record.shadows.begin(), record.shadows.end(),
            [](const ShadowProbe& a, const ShadowProbe& b) { return a.start < b.start; });
    }
    return std::move(records_);
}

}  // namespace loadline

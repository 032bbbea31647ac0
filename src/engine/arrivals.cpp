#include "engine/arrivals.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace loadline {
namespace {

/// Keeps the draws of journeys apart from those of instants.
constexpr std::uint64_t journey_salt = 0x6a6f75726e657973;

/// The random numbers of one share in one stream of arrivals.
std::uint64_t number_of(Share share, std::uint32_t stream) {
    return share.index | static_cast<std::uint64_t>(stream) << 32;
}

}  // namespace

ArrivalSchedule::ArrivalSchedule(RateProfile rate, Arrivals arrivals, Duration length, Share share,
                                 std::uint64_t seed, std::uint32_t stream)
    : rate_{std::move(rate)},
      arrivals_{arrivals},
      length_{length},
      share_{share},
      rng_{seed, number_of(share, stream)},
      n_{share.index} {
    assert(share.count > 0 && share.index < share.count);
}

std::optional<Duration> ArrivalSchedule::next() {
    const auto n = n_;
    n_ += share_.count;
    Duration at{};
    if (arrivals_ == Arrivals::paced) {
        at = rate_.instant_of(static_cast<double>(n));
    } else {
        asked_for_ += rng_.exponential() * share_.count;
        at = rate_.instant_of(asked_for_);
    }
    if (at >= length_) return {};
    return at;
}

JourneyMix::JourneyMix(const std::vector<JourneyPlan>& journeys) {
    double sum = 0;
    for (std::uint32_t i = 0; i < journeys.size(); ++i) {
        if (journeys[i].rate_part) continue;
        journeys_.push_back(i);
        shares_.push_back(sum += journeys[i].share);
    }
}

std::uint32_t JourneyMix::pick(double u) const {
    assert(!empty());
    const auto at = std::upper_bound(shares_.begin(), shares_.end(), u * shares_.back());
    const auto i = static_cast<std::size_t>(at - shares_.begin());
    return journeys_[std::min(i, journeys_.size() - 1)];
}

JourneySchedule::JourneySchedule(const std::vector<JourneyPlan>& journeys, const LoadWindow& window,
                                 Share share)
    : mix_{journeys}, seed_{window.seed} {
    assert(window.rate);
    const auto add = [&](std::optional<std::uint32_t> journey, double part) {
        const auto number = static_cast<std::uint32_t>(streams_.size());
        streams_.push_back({{window.rate->scaled(part), window.arrivals,
                             window.settle + window.length, share, window.seed, number},
                            journey,
                            {}});
        streams_.back().due = streams_.back().schedule.next();
    };
    double shared = 1;
    for (const auto& journey : journeys) shared -= journey.rate_part.value_or(0);
    if (!mix_.empty()) add({}, std::max(0.0, shared));
    for (std::uint32_t i = 0; i < journeys.size(); ++i) {
        if (journeys[i].rate_part) add(i, *journeys[i].rate_part);
    }
}

std::optional<ScheduledJourney> JourneySchedule::next() {
    Stream* first = nullptr;
    for (auto& stream : streams_) {
        if (stream.due && (first == nullptr || *stream.due < *first->due)) first = &stream;
    }
    if (first == nullptr) return {};
    const ScheduledJourney journey{*first->due, journey_of(*first)};
    first->due = first->schedule.next();
    return journey;
}

std::uint32_t JourneySchedule::journey_of(const Stream& stream) const {
    if (stream.journey) return *stream.journey;
    return mix_.pick(Rng{seed_ ^ journey_salt, stream.schedule.number()}.uniform());
}

FirstStarts::FirstStarts(std::uint64_t users, Duration pacing, Duration length, Share share)
    : users_{users}, pacing_{pacing}, length_{length}, share_{share}, n_{share.index} {}

std::optional<Duration> FirstStarts::next() {
    if (n_ >= users_) return {};
    const auto part = static_cast<double>(n_) / static_cast<double>(users_);
    n_ += share_.count;
    const Duration at{std::llround(part * static_cast<double>(pacing_.count()))};
    if (at >= length_) return {};
    return at;
}

}  // namespace loadline

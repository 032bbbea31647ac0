#include "engine/arrivals.hpp"

namespace loadline {

ArrivalSchedule::ArrivalSchedule(Rate rate, Arrivals arrivals, Duration length, Share share,
                                 std::uint64_t seed)
    : rate_{rate},
      arrivals_{arrivals},
      length_{length},
      share_{share},
      rng_{seed, share.index},
      n_{share.index} {
    assert(rate.per_second() > 0 && share.count > 0 && share.index < share.count);
}

std::optional<Duration> ArrivalSchedule::next() {
    Duration at{};
    if (arrivals_ == Arrivals::paced) {
        at = rate_.offset_of(n_);
        n_ += share_.count;
    } else {
        poisson_seconds_ += rng_.exponential() * share_.count / rate_.per_second();
        at = Duration{std::llround(poisson_seconds_ * 1e9)};
    }
    if (at >= length_) return {};
    return at;
}

}  // namespace loadline

#include "watch/load_facts.hpp"

#include <algorithm>

namespace loadline {

CloseCount count_until(std::span<const CloseCount> counts, TimePoint at) {
    const auto after = std::partition_point(counts.begin(), counts.end(),
                                            [&](const auto& count) { return count.at <= at; });
    return after == counts.begin() ? CloseCount{} : *std::prev(after);
}

std::uint64_t LoadFacts::at_work_at_most(TimePoint now) const {
    if (closed.empty()) return 0;
    return closed.back().abandoned - count_until(closed, now - handler_limit).abandoned;
}

LoadFacts LoadFacts::since(TimePoint at) const {
    if (at <= begin) return *this;
    auto load = *this;
    const auto before = count_until(closed, at);
    std::erase_if(load.closed, [&](const auto& count) { return count.at <= at; });
    for (auto& count : load.closed) {
        count.closes -= before.closes;
        count.abandoned -= before.abandoned;
    }
    load.closes -= std::min(before.closes, closes);
    load.requests = 0;
    load.begin = std::min(at, end);
    return load;
}

}  // namespace loadline

#include "plan/feeder.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace loadline {
namespace {

/// The rank whose cumulative share covers a uniform draw.
std::uint64_t draw_zipf(const std::vector<double>& cumulative, Rng& rng) {
    const double u = rng.uniform() * cumulative.back();
    const auto at = std::upper_bound(cumulative.begin(), cumulative.end(), u);
    return static_cast<std::uint64_t>(std::min(at, cumulative.end() - 1) - cumulative.begin());
}

std::uint64_t take_next(FeederCursor& cursor) {
    const auto record = cursor.next;
    cursor.next += cursor.step;
    return record;
}

}  // namespace

std::uint64_t Feeder::size() const {
    if (!numbers()) return rows.size();
    return static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
}

bool feed(const Feeder& feeder, FeederCursor& cursor, Rng& rng, std::vector<Value>& variables) {
    const auto size = feeder.size();
    if (size == 0) return false;
    std::uint64_t record = 0;
    switch (feeder.pick) {
        case Pick::sequential:
            record = take_next(cursor) % size;
            break;
        case Pick::random:
            record =
                static_cast<std::uint64_t>(rng.between(0, static_cast<std::int64_t>(size - 1)));
            break;
        case Pick::unique:
            if (cursor.next >= size) return false;
            record = take_next(cursor);
            break;
        case Pick::zipf:
            record = draw_zipf(feeder.zipf_cumulative, rng);
            break;
    }
    if (feeder.numbers()) {
        std::array<char, 24> digits;
        const auto n = static_cast<std::int64_t>(static_cast<std::uint64_t>(feeder.low) + record);
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
        auto& value = variables[feeder.variables[0]];
        value.text.assign(digits.data(), static_cast<std::size_t>(end - digits.data()));
        value.number = true;
        return true;
    }
    const auto& row = feeder.rows[record];
    for (std::size_t column = 0; column < feeder.variables.size(); ++column) {
        auto& value = variables[feeder.variables[column]];
        value.text.assign(row[column]);
        value.number = false;
    }
    return true;
}

}  // namespace loadline

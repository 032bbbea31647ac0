#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace loadline {

/// xoshiro256** by Blackman and Vigna, seeded through SplitMix64 from (seed, stream):
/// small, fast, the same sequence on every machine. Not for secrets. Satisfies
/// UniformRandomBitGenerator. Not thread-safe; each worker owns its own stream.
class Rng {
public:
    using result_type = std::uint64_t;

    explicit Rng(std::uint64_t seed, std::uint64_t stream = 0) {
        std::uint64_t x = seed + stream * 0xd1342543de82ef95ULL;
        for (auto& word : state_) {
            x += 0x9e3779b97f4a7c15ULL;
            std::uint64_t z = x;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
            word = z ^ (z >> 31);
        }
    }

    static constexpr result_type min() { return 0; }
    static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

    result_type operator()() {
        const auto result = std::rotl(state_[1] * 5, 7) * 9;
        const auto t = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }

    /// Uniform in [0, 1).
    double uniform() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }

    /// Uniform whole number in [low, high], both included. Requires low <= high.
    std::int64_t between(std::int64_t low, std::int64_t high) {
        const auto span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
        if (span == 0) return static_cast<std::int64_t>((*this)());
        // Lemire's multiply-shift; the bias is below 2^-32 for every span we use.
        const auto wide = static_cast<unsigned __int128>((*this)()) * span;
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) +
                                         static_cast<std::uint64_t>(wide >> 64));
    }

    /// Exponential with mean 1.
    double exponential() { return -std::log1p(-uniform()); }

private:
    std::uint64_t state_[4]{};
};

}  // namespace loadline

#pragma once
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "watch/detector.hpp"
#include "watch/stream.hpp"

namespace loadline {

/// What a simulated server does with one connection that its client closed.
struct CloseFate {
    std::optional<Duration> dwell = Duration{};  ///< in CLOSE_WAIT; nothing: for ever
    std::uint32_t inode = 1, unread = 0, unsent = 0;
};

/// A server of known behaviour, the load on it and the watcher beside it, in simulated time.
struct SimulatedWatch {
    Duration tau = std::chrono::seconds{5};
    Duration load = std::chrono::seconds{25}, drain = std::chrono::seconds{12};
    std::uint64_t seed = 1;
    /// Closes per second at this time of the load, Poisson; at most 100.
    std::function<double(Duration)> rate = [](Duration) { return 40.0; };
    int closes_at_end = 0;
    std::function<CloseFate(Rng&, Duration at)> server = [](Rng&, Duration) { return CloseFate{}; };
    /// Adds to each sample what is no CLOSE_WAIT: descriptors, accept queue. `stuck`: in
    /// CLOSE_WAIT and accepted.
    std::function<void(SocketSample&, Duration at, std::uint32_t stuck)> beside;
    Duration before = std::chrono::seconds{1};  ///< from the first sample to the load
    bool settled = true;
    double unanswered = 0;               ///< of the closes: the part that left a request behind
    std::string unreadable;              ///< why the last look failed
    std::optional<Duration> raised_tau;  ///< by the slowest answer, known in the end

    struct Outcome {
        SocketReport report;
        std::string recording;  ///< of the same watch
    };

    Outcome run() const {
        Rng rng{seed, 6};
        const auto closes = simulate_closes(rng);
        Outcome outcome;
        CloseWaitTracker tracker{std::min(shortest_tau, tau)};
        SocketStreamWriter stream{8080, tau};
        std::vector<SocketSample> samples;
        const auto end = load + drain;
        for (Duration t = -before; t <= end; t += std::chrono::milliseconds{250}) {
            std::vector<SocketRecord> sockets;
            auto sample = look(closes, t, sockets);
            tracker.add(sample.at, sockets);
            sample.classes = tracker.stale(sample.at, tau);
            for (const auto count : sample.classes) sample.stale += count;
            sample.seen = tracker.ended_count() + tracker.live().size();
            samples.push_back(sample);
            outcome.recording += stream.sample({sample, sockets, ListenerFate::kept, owner}) + "\n";
        }
        const auto facts = load_facts(closes);
        const auto judged = raised_tau.value_or(tau);
        if (raised_tau) recount_stale(samples, tracker, judged);
        DetectorInput input{8080,    samples.back().at,  judged,
                            samples, ListenerFate::kept, unreadable};
        input.sight_lost = !unreadable.empty();
        outcome.report = judge_load(tracker, input, facts);
        complete_report(outcome.report, owner, samples);
        outcome.recording +=
            stream.end({judged, owner, &facts, {}, {}, unreadable, !unreadable.empty()}) + "\n";
        return outcome;
    }

    SocketReport judge() const { return run().report; }

    const std::optional<ProcessInfo> owner = ProcessInfo{42, "java -jar shop.jar"};
    const TimePoint start{std::chrono::seconds{1000}};  ///< of the load

private:
    struct Close {
        Duration at;
        CloseFate fate;
    };

    std::vector<Close> simulate_closes(Rng& rng) const {
        std::vector<Close> closes;
        constexpr double most = 100;
        for (double t = rng.exponential() / most; seconds(t) < load;
             t += rng.exponential() / most) {
            if (rng.uniform() * most >= rate(seconds(t))) continue;
            closes.push_back({seconds(t), server(rng, seconds(t))});
        }
        for (int i = 0; i < closes_at_end; ++i) closes.push_back({load, server(rng, load)});
        return closes;
    }

    SocketSample look(const std::vector<Close>& closes, Duration t,
                      std::vector<SocketRecord>& sockets) const {
        SocketSample sample;
        sample.at = start + t;
        sample.cost = std::chrono::microseconds{300};
        std::uint32_t accepted = 0;
        for (std::size_t i = 0; i < closes.size(); ++i) {
            const auto& [at, fate] = closes[i];
            if (at > t || (fate.dwell && at + *fate.dwell <= t)) continue;
            SocketRecord socket;
            socket.cookie = i + 1;
            socket.state = TcpState::close_wait;
            socket.family = AF_INET;
            socket.address = {127, 0, 0, 1};
            socket.port = static_cast<std::uint16_t>(20'000 + i);
            socket.timed = true;
            socket.since_last_ack = std::chrono::floor<std::chrono::milliseconds>(t - at);
            socket.since_last_data = socket.since_last_ack + std::chrono::milliseconds{40};
            socket.inode = fate.inode == 0 ? 0 : static_cast<std::uint32_t>(i + 1);
            socket.receive_queue = fate.unread;
            socket.send_queue = fate.unsent;
            if (i % 2 == 0) socket.keep_alive = keep_alive_left(t - at);
            accepted += socket.inode != 0;
            sockets.push_back(socket);
        }
        sample.close_wait = static_cast<std::uint32_t>(sockets.size());
        sample.states[8] = sample.close_wait;
        sample.owned = accepted;
        if (beside) beside(sample, t, accepted);
        return sample;
    }

    /// It fires every 7 s, and the kernel tells it in its own ticks of 4 ms.
    static Duration keep_alive_left(Duration age) {
        constexpr Duration tick = std::chrono::milliseconds{4};
        const auto left = seconds(7) - age % seconds(7);
        return std::chrono::floor<std::chrono::milliseconds>(left / tick * tick);
    }

    LoadFacts load_facts(const std::vector<Close>& closes) const {
        LoadFacts facts;
        facts.begin = start;
        facts.end = start + load;
        facts.closed_at = facts.end;
        facts.closes = closes.size();
        facts.requests = 3 * closes.size();
        facts.settled = settled;
        std::size_t n = 0;
        for (Duration t = std::chrono::seconds{1}; t <= load; t += std::chrono::seconds{1}) {
            while (n < closes.size() && closes[n].at < t && closes[n].at < load) ++n;
            const auto left = static_cast<std::uint64_t>(unanswered * static_cast<double>(n));
            facts.closed.push_back({start + t, n, left});
        }
        return facts;
    }
};

/// Uniform between two numbers of seconds.
inline Duration between_seconds(Rng& rng, double low, double high) {
    return seconds(low + (high - low) * rng.uniform());
}

/// A server that closes within 0.4 s, and forgets this share of the sockets.
inline std::function<CloseFate(Rng&, Duration)> leaking(double share, std::uint32_t unread = 0) {
    return [=](Rng& rng, Duration) {
        CloseFate fate;
        fate.dwell = between_seconds(rng, 0, 0.4);
        fate.unread = unread;
        if (rng.uniform() < share) fate.dwell.reset();
        return fate;
    };
}

/// A server that closes after so many seconds.
inline std::function<CloseFate(Rng&, Duration)> slow(double low, double high) {
    return [=](Rng& rng, Duration) { return CloseFate{between_seconds(rng, low, high)}; };
}

}  // namespace loadline

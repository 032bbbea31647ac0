#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <mutex>

#include "engine_case.hpp"
#include "scripted_server.hpp"

/// What tests of churn share: a server that writes down how each connection ends, and journeys
/// that end theirs.
namespace loadline {

/// What the server saw of one connection.
struct Seen {
    std::size_t requests = 0;  ///< whole ones
    std::string rest;          ///< bytes behind them
    bool reset = false;        ///< else FIN
    int state = 0;             ///< of its own socket, then
    TimePoint asked{};         ///< the last whole request had come
    TimePoint answered{};      ///< and its answer had gone
    TimePoint ended{};         ///< FIN or RST had come
};

/// Answers each request `after` a while, and writes down how each connection ends.
class Witness {
public:
    using Answer = std::function<void(Peer&)>;
    explicit Witness(Answer answer) : answer_{std::move(answer)} {}
    explicit Witness(std::string reply = http_reply("ok"))
        : Witness{[reply = std::move(reply)](Peer& peer) { peer.send(reply); }} {}

    std::string url() const { return server_.url(); }
    ScriptedServer& server() { return server_; }

    /// Waits for `n` connections to have ended, the probe that every engine begins with left out.
    std::vector<Seen> seen(std::size_t n) {
        const auto end = Clock::now() + std::chrono::seconds{5};
        for (;;) {
            {
                const std::lock_guard lock{mutex_};
                if (seen_.size() > n || Clock::now() > end) {
                    return {seen_.begin() + (seen_.empty() ? 0 : 1), seen_.end()};
                }
            }
            std::this_thread::sleep_for(std::chrono::milliseconds{5});
        }
    }

private:
    void watch(Peer& peer) {
        Seen seen;
        while (peer.read_request()) {
            ++seen.requests;
            seen.asked = Clock::now();
            answer_(peer);
            seen.answered = Clock::now();
        }
        seen.ended = Clock::now();
        seen.rest = peer.unread();
        seen.reset = peer.was_reset();
        seen.state = peer.tcp_state();
        const std::lock_guard lock{mutex_};
        seen_.push_back(std::move(seen));
    }

    Answer answer_;
    std::mutex mutex_;
    std::vector<Seen> seen_;
    ScriptedServer server_{[this](Peer& peer) { watch(peer); }};  // ends before what it writes to
};

/// Journeys of the given steps (`GET /` when empty), all of which churn unless `churn` says else.
inline std::string scenario(const std::string& url, const std::string& churn,
                            std::string steps = {}) {
    if (steps.empty()) steps = R"({"name": "look", "http": "GET service/"})";
    return fmt::format(R"({{"loadline": 1, "targets": {{"service": "{}"}}, "churn": {{{}}},
        "journeys": {{"visit": {{"steps": [{}]}}}}}})",
                       url, churn, steps);
}

struct Run {
    LoadResult result;
    Interval all;  ///< of warm-up, measured part and drain
    const ChurnCounts& of(ChurnMode mode) const { return all.churn.of(mode); }
};

inline constexpr std::uint64_t journeys = 20;

/// 20 journeys in 200 ms, unless the window says else.
inline Run run(const std::string& text, EngineOptions options = {},
               const LoadWindow& window = open_load(100, std::chrono::milliseconds{200})) {
    const auto plan = plan_of_text(text);
    const auto engine = started(plan, options);
    Run run;
    if (!engine) return run;
    run.all = Interval{plan->steps.size(), plan->journeys.size()};
    run.result = engine->run(window, [&](const SecondOfLoad& second) {
        run.all.append(second.everything);
        return true;
    });
    return run;
}

}  // namespace loadline

#pragma once
#include <deque>
#include <iosfwd>
#include <optional>
#include <string>

#include "cli/command_watch.hpp"
#include "watch/attribution.hpp"
#include "watch/socket_report.hpp"

namespace loadline {

/// What `loadline watch` prints, as a table for people or as JSON lines. The table has a line a
/// second, and one more when something happens: another process listens, nobody does, stale
/// sockets of another kind come. It fits into 80 columns.
class WatchPrinter {
public:
    /// All must outlive it.
    WatchPrinter(const WatchCommandOptions& options, Duration tau, std::ostream& out)
        : options_{options}, tau_{tau}, out_{out} {}

    void start(const std::optional<ProcessInfo>& owner);
    void line(Duration since_start, const SocketSample& sample,
              const std::optional<ProcessInfo>& owner);
    void no_sample(Duration since_start, const std::string& why);
    void verdict(const SocketReport& report);

private:
    bool for_people() const { return !options_.json && !options_.jsonl; }
    void heading();
    void events(const SocketSample& sample, const std::optional<ProcessInfo>& owner);
    void event(const std::string& text);
    std::optional<Duration> until_full(Duration at, const SocketSample& sample);

    struct Descriptors {
        double at_s = 0, open = 0;
    };

    const WatchCommandOptions& options_;
    Duration tau_;
    std::ostream& out_;
    int lines_ = 0;
    bool listened_ = true;
    std::optional<int> pid_;
    StuckClassCounts told_{};              ///< classes of which an event was told
    std::deque<Descriptors> descriptors_;  ///< of the last minute, one a second, under fd_limit_
    std::optional<std::uint64_t> fd_limit_;
};

}  // namespace loadline

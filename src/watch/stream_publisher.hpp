#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "net/redis_client.hpp"

namespace loadline {

/// The stream of a run in Redis: "watch:<run>". Its entries have fields "line", each a line as
/// watch/stream has it; the latest 10 000 entries are kept, about 40 minutes.
std::string stream_key(const std::string& run);
/// A run's ID is 1 to 64 letters, digits, dots, dashes and underscores. Usage error otherwise.
Result<std::string> parse_run_id(const std::string& text);

/// Sends the lines of a watch to a Redis stream, in order, on a thread of its own. While Redis
/// does not take them they wait, up to 10 000 lines or 16 MiB; what comes then is lost and
/// counted. Trouble, its end and what was lost go to the log, once each.
///
/// A line that was sent when the connection broke is sent again: a reader may see it twice.
class StreamPublisher {
public:
    /// `redis`: redis:// only.
    StreamPublisher(Url redis, const std::string& run);
    ~StreamPublisher();
    StreamPublisher(const StreamPublisher&) = delete;
    StreamPublisher& operator=(const StreamPublisher&) = delete;

    /// Takes a line; from any thread. Never waits for Redis.
    void push(const std::string& line);
    /// Whether readers may have missed lines since the last call, so that the next one must
    /// tell all sockets; from any thread.
    bool take_loss();
    /// Waits until Redis has taken every line, at most `limit`.
    bool flush(Duration limit);
    /// Lines that were lost so far.
    std::uint64_t lost() const;
    /// Lines that Redis has not taken yet.
    std::size_t waiting() const;

private:
    Job send();
    /// The oldest lines: at most 64 and 256 KiB, but one at least.
    std::vector<std::string> next_batch() const;
    void taken(std::size_t lines);
    void not_taken(const RedisAnswer& answer);

    const std::string key_;
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        context_.get_executor()};
    boost::asio::steady_timer timer_{context_};  // of the sender's thread, as is the next one
    bool sending_ = false;

    mutable std::mutex mutex_;  ///< guards those down to the thread
    std::condition_variable all_taken_;
    std::deque<std::string> lines_;
    std::size_t bytes_ = 0;
    std::uint64_t lost_ = 0;
    bool loss_ = false;  ///< since take_loss()
    std::optional<TimePoint> trouble_since_;
    Duration back_off_{};
    bool stopping_ = false;

    RedisClient client_;
    std::thread thread_;
};

}  // namespace loadline

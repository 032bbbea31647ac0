#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/url.hpp"
#include "watch/node_exporter.hpp"
#include "watch/socket_source.hpp"

namespace loadline {

/// http://host:9100[/metrics] of a Prometheus node_exporter. Usage error for what cannot be asked.
Result<Url> parse_node_exporter(const char* flag, const std::string& text);

struct CountWatchOptions {
    Url exporter;                                 ///< as parse_node_exporter gives it
    std::optional<Duration> tau;                  ///< nothing: max(5 s, 2 x slowest response)
    Duration patience = std::chrono::seconds{5};  ///< how long the first count may take
    Duration period = std::chrono::seconds{1};
};

/// Where neither the server's sockets nor a watcher beside it are to be had: asks the node_exporter
/// of its machine once a second how many sockets are in CLOSE_WAIT, on a thread of its own, and
/// judges the count alone (judge_counts). Without a query in the URL only its collectors tcpstat
/// and netstat are asked, unless it refuses that. One that does not answer is asked again; without
/// an answer before the load or at its end the word is UNKNOWN, with the reason.
class CountWatcher : public SocketSource {
public:
    /// Waits for the first count, at most `patience`.
    explicit CountWatcher(CountWatchOptions options);
    ~CountWatcher() override;

    std::uint16_t port() const override { return 0; }  ///< it counts those of all ports
    std::optional<SocketSample> latest() const override;
    std::optional<AcceptQueue> take_fullest_queue() override { return {}; }
    std::vector<SocketSample> samples() const override;
    std::optional<ProcessInfo> owner() const override { return {}; }
    std::string trouble() const override;
    std::optional<TargetSecond> take_target() override;
    void connections_closed(TimePoint at) override;
    bool settled() const override;
    Duration settle_time(Duration slowest_response) const override;
    SocketReport finish(LoadFacts load, Duration slowest_response) override;

private:
    boost::asio::awaitable<void> count_for_ever();
    boost::asio::awaitable<Result<std::string>> scrape();
    Result<std::vector<boost::asio::ip::tcp::endpoint>> find_exporter() const;
    void take(const Result<std::string>& answer);
    void stop();

    const CountWatchOptions options_;
    boost::asio::io_context context_{1};
    boost::asio::steady_timer timer_{context_};  ///< of the reader's thread, as are the next four
    boost::beast::tcp_stream stream_{context_};
    boost::beast::flat_buffer buffer_;
    bool choosing_;      ///< to ask for some collectors only
    TimePoint asked_{};  ///< when the latest request was sent

    mutable std::mutex mutex_;  ///< guards those down to the thread
    std::condition_variable news_;
    std::vector<SocketSample> samples_;
    std::optional<KernelUse> first_kernel_;
    std::string trouble_ = "no answer so far";
    std::optional<TimePoint> closed_at_;
    std::optional<SocketSample> told_;  ///< the latest one that take_target has told of

    std::thread thread_;
};

}  // namespace loadline

#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "base/time.hpp"
#include "stats/histogram.hpp"

namespace loadline {

struct ConstantDelay {
    Duration value;
};
struct UniformDelay {
    Duration low, high;
};
/// median * exp(sigma * normal).
struct LognormalDelay {
    Duration median;
    double sigma;
};
/// `slow` for this share of the requests (0..1), `quick` for the others.
struct BimodalDelay {
    Duration quick, slow;
    double slow_share;
};
using Delay = std::variant<ConstantDelay, UniformDelay, LognormalDelay, BimodalDelay>;

/// One value of the distribution.
Duration draw(const Delay& delay, Rng& rng);

/// What a model of a service decides about one request.
struct Served {
    TimePoint finish{};    ///< when it is answered
    bool refused = false;  ///< with 503
};

struct DelayServerOptions {
    Delay delay = ConstantDelay{};
    /// Instead of `delay`: from the instant a request came. Called on the server's thread, in
    /// the order of the requests. A queue of virtual finish times costs no CPU.
    std::function<Served(TimePoint came)> serve{};
    std::uint64_t seed = 1;           ///< the n-th request draws the n-th value
    std::string body = "{\"id\":7}";  ///< of every answer, as JSON
};

/// An HTTP/1.1 server of known behaviour on a free port of 127.0.0.1: every request, whatever
/// it asks for, is answered 200 after a delay drawn from a distribution. No answer waits for
/// another one. It keeps its own log of what the delays really were.
///
/// Accurate: it sleeps on a timer until 100 µs before an answer is due (timers are 50-80 µs
/// late) and polls from then on. It serves what our own clients send: heads up to 8 KiB,
/// bodies of a Content-Length up to 1 MiB, keep-alive; a connection that sends anything else
/// is closed. One request of a connection at a time; what is pipelined waits its turn.
///
/// One thread of its own does the work; the public functions belong to the owner's thread.
class DelayServer {
public:
    /// Listens and starts the thread. Usage error when no port can be had.
    static Result<std::unique_ptr<DelayServer>> start(DelayServerOptions options);
    ~DelayServer();  ///< closes everything at once
    DelayServer(const DelayServer&) = delete;

    std::uint16_t port() const { return port_; }
    std::string url() const;  ///< "http://127.0.0.1:PORT"

    /// Answers that fall due from `begin` on wait until `begin + length`. Replaces an earlier
    /// stall. Connections are accepted and requests read all the while.
    void stall(TimePoint begin, Duration length);

    /// Of every answer since the last call: the time from the moment its request was whole to
    /// the moment its writing began, as it was, so that no client's is shorter; where one write did
    /// not take all, to the moment it ended. `count()` is the number of answers.
    Histogram take_log();

private:
    struct Connection;
    struct Answer {
        TimePoint due;
        std::shared_ptr<Connection> to;
        bool operator<(const Answer& other) const { return due > other.due; }  // earliest on top
    };

    explicit DelayServer(DelayServerOptions options);
    Result<void> listen();
    void run();
    void sleep_until(TimePoint wake);
    void accept();
    void read(const std::shared_ptr<Connection>& connection);
    void take_request(const std::shared_ptr<Connection>& connection);
    TimePoint next_due() const;
    void answer_due();
    void answer(const std::shared_ptr<Connection>& connection);
    void answered(const std::shared_ptr<Connection>& connection, TimePoint at);

    Delay delay_;
    std::function<Served(TimePoint)> serve_;
    std::string reply_, refusal_;  ///< head and body
    Rng rng_;
    boost::asio::io_context io_{1};
    boost::asio::ip::tcp::acceptor acceptor_{io_};
    boost::asio::steady_timer wake_{io_};
    TimePoint armed_for_ = TimePoint::max();
    std::priority_queue<Answer> answers_;
    TimePoint stall_begin_ = TimePoint::max(), stall_end_ = TimePoint::max();
    Histogram log_;
    bool quit_ = false;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

}  // namespace loadline

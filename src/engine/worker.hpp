#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "engine/arrivals.hpp"
#include "engine/cap_drops.hpp"
#include "engine/connection_pool.hpp"
#include "engine/virtual_user.hpp"
#include "stats/interval.hpp"
#include "stats/lag_windows.hpp"

namespace loadline {

/// What one worker did in one stretch of at most a second, sent to the control thread.
struct WorkerReport {
    unsigned worker = 0;
    std::uint64_t number = 0;  ///< 0, 1, 2, ... within the window
    bool last = false;         ///< the drain is over
    TimePoint start{}, end{};
    std::unique_ptr<Interval> measured;    ///< exchanges due in the measured window
    std::unique_ptr<Interval> unmeasured;  ///< the others: warm-up, drain
    /// Arrivals and requests that waited at our own caps above the latency limit, or were
    /// dropped there, though the server was quick.
    std::uint64_t cap_waits = 0;
    bool out_of_sockets = false;         ///< fds or ports
    bool drained = true;                 ///< nothing was under way when the drain ended
    std::vector<std::uint64_t> answers;  ///< per target
};

/// An answer that was not ok, for the report's examples.
struct FailureExample {
    Outcome outcome;
    StepIndex step;
    std::string text;
};

struct WorkerLimits {
    std::size_t users = 10'000;
    std::size_t connections = 10'000;                         ///< per target
    std::size_t pipeline = 1;                                 ///< commands in flight, Redis only
    Duration latency_limit = std::chrono::milliseconds{100};  ///< the smallest of the SLOs
    bool defer_reads = true;  ///< all sends that are due first, then the reads
};

/// Where a worker's news goes. Each is called on the control thread.
struct WorkerEvents {
    std::function<void(WorkerReport)> report;
    std::function<void(FailureExample)> example;
    /// Set-up or session starts are done; the text is empty, or says what failed.
    std::function<void(std::string, std::vector<Value>)> prepared;
};

/// One thread of load: one io_context, its own connections, users, random numbers and
/// counts; nothing is shared but the plan. The public functions may be called from the
/// control thread: they post.
///
/// The loop follows one rule: send everything that is due, then start all the reads, then
/// let Asio run. By the time the reads start, most replies are there, and each exchange
/// costs one send and one recv. It sleeps on one timer until 60 µs before the next due
/// time and polls from there: a timer alone is 50-80 µs late.
class Worker {
public:
    /// `routes`: one for each target; where journeys churn, a second one for each behind them.
    Worker(std::shared_ptr<const Plan> plan, std::vector<TargetRoute> routes, Share share,
           WorkerLimits limits, std::uint64_t seed, boost::asio::io_context& control,
           WorkerEvents events);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    void start_thread();
    /// Runs the plan's set-up steps; answers through `prepared`.
    void run_setup();
    /// Starts this worker's share of the sessions; answers through `prepared`.
    void start_sessions(std::vector<Value> globals);
    /// Makes one stretch of load; answers with reports, the last one marked.
    void begin(const LoadWindow& window);
    /// No new arrivals from now on; the drain begins.
    void stop_arrivals();
    /// Ends everything that is under way as `aborted`.
    void abort();
    /// Closes all connections; `closed(closes per target)` runs on the control thread.
    void close_connections(std::function<void(std::vector<std::uint64_t>)> closed);
    /// Gives cleared intervals back for reuse.
    void recycle(std::unique_ptr<Interval> interval);
    /// Ends the thread and joins it.
    void join();

private:
    using User = VirtualUser;
    struct Arrival {
        TimePoint due{};
        std::uint32_t journey = 0;
        std::optional<ChurnMode> churn;  ///< how the journey ends its connection
    };
    struct Traffic {
        std::uint64_t in = 0, out = 0;  ///< bytes
    };
    struct Sleeper {
        TimePoint due;
        User* user;
        std::uint32_t life;
        bool operator<(const Sleeper& other) const { return due > other.due; }  // a min-heap
    };
    /// What a connection that its user has left does next, and when.
    struct Departure {
        TimePoint due;
        PooledConnection* connection;
        std::uint32_t epoch;
        bool operator<(const Departure& other) const { return due > other.due; }  // a min-heap
    };
    /// Sessions that are free, and arrivals that wait for one (or for a user).
    struct SessionPool {
        std::vector<Session> all;
        std::vector<Session*> free;
        Ring<Arrival> waiting;
        WaitCause cause;
    };

    // The loop (worker.cpp)
    void run();
    void start_due();
    void flush_reads();
    TimePoint next_due() const;
    void sleep_until(TimePoint wake);
    void tick();
    Duration longest_under_way() const;
    void sweep();
    void publish(TimePoint end, bool last, bool drained = true);
    void record_waiting(Histogram& ages) const;
    bool all_done() const;
    bool window_over() const;
    void end_window();
    bool nobody_opens() const;
    void abort_all();

    // Journeys (worker_journeys.cpp)
    /// The first exchange of a journey: the one that a dropped arrival is counted under.
    static StepIndex first_step(const JourneyPlan& journey);
    static std::size_t first_exchange(const JourneyPlan& journey);  ///< index into its actions
    void next_arrival();
    void arrive(Arrival arrival);
    User* free_user();
    void start_journey(Arrival arrival, SessionPool& pool, TimePoint free_since);
    void start_work(User& user, User::Work work, const std::vector<Action>& actions);
    void advance(User& user);
    void finish_journey(User& user, Outcome outcome);
    void end_journey(User& user, Outcome outcome);
    void record_journey(std::uint32_t journey, TimePoint due, Outcome outcome, Duration spent);
    void sleep(User& user);
    void drop(const Arrival& arrival);
    void serve_waiting_arrivals();
    SessionPool& session_pool_of(std::uint32_t journey);
    bool can_start(SessionPool& pool);
    void free(User& user);
    void restart(TimePoint began, Outcome outcome);
    void start_again_at(TimePoint due);
    void start_next_session();
    void session_started(User& user, Outcome outcome);
    void prepare_done(std::string problem, std::vector<Value> variables);
    RenderContext context(User& user);

    // Exchanges (worker_exchanges.cpp)
    void start_exchange(User& user, StepIndex step);
    void wait_for_connection(User& user);
    void send(User& user, PooledConnection& connection);
    void read_soon(PooledConnection& connection);
    void send_later(User& user, PooledConnection& connection);
    void flush(PooledConnection& connection);
    void on_reply(PooledConnection& connection, ReplyStatus status);
    void finish_exchange(PooledConnection& connection, Outcome outcome);
    void finish_one_of_several(PooledConnection& connection, Outcome outcome);
    void fail_exchanges(PooledConnection& connection, Outcome outcome);
    std::optional<Outcome> slow_exchange(const PooledConnection& connection) const;
    void complete(User& user, Outcome outcome, Traffic traffic);
    void record(const User& user, Outcome outcome, Traffic traffic);
    void record_sent(const User& user, Interval& interval);
    void record_opening(const User& user, PooledConnection& connection);
    bool wants_example(const User& user, Outcome outcome) const;
    void describe_failure(const User& user, Outcome outcome, const ResponseView& reply);
    void note_origin(const User& user, Outcome outcome, const ResponseView& reply);
    void keep_example(const User& user, Outcome outcome);
    void note_slow(Duration service_time);
    void note_cap_wait(const WaitCause& cause, Duration waited);
    Interval& interval_of(TimePoint due);

    // Pools (worker_pools.cpp)
    PooledConnection* take_connection(ConnectionPool& pool);
    void grow(ConnectionPool& pool);
    void open_wanted(ConnectionPool& pool);
    bool is_full(const ConnectionPool& pool);
    bool other_waits_longer(const ConnectionPool& pool);
    PooledConnection* own_connection(User& user, std::size_t pool);

    // Connections (worker_connections.cpp)
    void open_connection(ConnectionPool& pool, User* for_user);
    void connect(PooledConnection& connection);
    void connected(PooledConnection& connection, boost::system::error_code ec);
    void shake_hands(PooledConnection& connection);
    void greet(PooledConnection& connection);
    void greeted(PooledConnection& connection, ReplyStatus status);
    void opened(PooledConnection& connection);
    void connection_free(PooledConnection& connection);
    void lend(PooledConnection& connection);
    void got_connection(User& user, const PooledConnection& connection);
    void room_free(PooledConnection& connection);
    void connect_failed(PooledConnection& connection, Outcome outcome);
    void fail_first_waiting(ConnectionPool& pool, Outcome outcome);
    void fail_waiting(User& user, Outcome outcome);
    void close(PooledConnection& connection, bool by_us);
    void start_read(PooledConnection& connection);
    void on_read(PooledConnection& connection, boost::system::error_code ec, std::size_t n);
    void wait_writable(PooledConnection& connection);
    void send_failed(PooledConnection& connection, boost::system::error_code ec);
    Outcome outcome_of(boost::system::error_code ec, bool connecting);
    void sweep_connections(ConnectionPool& pool);
    void sweep_idle(ConnectionPool& pool);

    // Churn (worker_churn.cpp)
    std::optional<ChurnMode> draw_churn();
    ChurnCounts& counts_of(ChurnMode mode);
    ConnectionPool* other_pool(const ConnectionPool& pool);
    ConnectionPool& pool_of(const User& user);
    bool churns_at(const User& user, std::uint32_t target) const;
    bool is_last(const User& user) const;
    bool abandons(const User& user) const;
    bool ends_unmeasured(std::uint32_t journey, ChurnMode mode, std::size_t action) const;
    bool starts_unmeasured(const Arrival& arrival) const;
    void prepare_churn(PooledConnection& connection);
    void leave_unsent(PooledConnection& connection);
    void answered_churner(PooledConnection& connection, bool reusable);
    void park(PooledConnection& connection);
    void race(PooledConnection& connection);
    void burst();
    static bool kept_for_burst(const PooledConnection& connection);
    void cut_off_churners(ConnectionPool& pool);
    void let_go(User& user);
    void fail_unmeasured(User& user, Outcome outcome);

    // Users gone, connections not (worker_leaving.cpp)
    void leave(User& user, PooledConnection& connection);
    void request_left(PooledConnection& connection, boost::system::error_code ec);
    void half_close(PooledConnection& connection);
    void depart_at(PooledConnection& connection, TimePoint due);
    void start_departures();
    static bool reads_slowly(const PooledConnection& connection);
    std::size_t slow_read_bytes() const;
    Duration slow_read_slice() const;
    int slow_read_buffer() const;
    void read_slowly(PooledConnection& connection, std::size_t got);
    void depart(PooledConnection& connection);
    void count_abandoned(const PooledConnection& connection);
    void end_connection(PooledConnection& connection);
    void lost_first(PooledConnection& connection);
    void on_leaving_read(PooledConnection& connection, boost::system::error_code ec, std::size_t n);
    void end_malformed(PooledConnection& connection);
    static bool is_half_closed(const PooledConnection& connection);
    void end_of_half(PooledConnection& connection, Duration after);
    void give_up(PooledConnection& connection);

    // Names (worker_names.cpp)
    bool addresses_are_old(const ConnectionPool& pool) const;
    void await_addresses(PooledConnection& connection);
    void ask_resolver(ConnectionPool& pool);
    void resolved(ConnectionPool& pool, std::vector<Endpoint> found, const std::string& problem);

    std::shared_ptr<const Plan> plan_;
    Share share_;
    WorkerLimits limits_;
    WorkerEvents events_;
    boost::asio::io_context& control_;
    boost::asio::io_context io_{1};
    boost::asio::steady_timer wake_{io_};
    HandlerMemory wake_memory_;
    boost::asio::ip::tcp::resolver resolver_{io_};  ///< works on a thread of its own
    TimePoint armed_for_ = TimePoint::max();
    Rng rng_;
    std::uint64_t counter_ = 0;
    std::thread thread_;
    bool quit_ = false;
    TimePoint now_{};

    /// One per target; where journeys churn, a second one per target behind them.
    std::vector<ConnectionPool> pools_;
    std::vector<PooledConnection*> sent_now_;  ///< their reads are still to be started
    std::vector<PooledConnection*> to_flush_;  ///< with requests that wait for one write
    std::string scratch_, rendered_;           ///< of render_request and set
    std::vector<std::unique_ptr<User>> users_;
    std::vector<User*> free_users_;
    std::vector<SessionPool>
        session_pools_;  ///< one per pool of the plan, and a last one for journeys without
    std::vector<FeederCursor> cursors_;
    JourneyMix mix_;
    std::vector<Value> globals_;
    std::vector<Sleeper> sleepers_;      ///< heap
    Rng churn_rng_;                      ///< of the modes alone, so that nothing else shifts them
    std::vector<Departure> departures_;  ///< heap
    std::size_t leaving_ = 0, parked_ = 0, bursting_ = 0;  ///< connections; bursting: of parked
    bool burst_made_ = false;                              ///< in this window

    // The window under way
    bool active_ = false;
    LoadWindow window_;
    std::optional<JourneySchedule> schedule_;  ///< open model
    std::optional<TimePoint> arrival_;         ///< the next one
    std::uint32_t arrival_journey_ = 0;        ///< which journey it starts
    bool arrivals_stopped_ = false;
    std::size_t working_ = 0;  ///< users that are not idle
    TimePoint next_tick_ = TimePoint::max(), next_sweep_ = TimePoint::max(), grace_end_{};
    TimePoint next_idle_sweep_{};
    std::uint64_t report_number_ = 0;
    TimePoint interval_start_{};
    std::unique_ptr<Interval> measured_, unmeasured_;
    std::vector<std::unique_ptr<Interval>> spare_;
    std::uint64_t cap_waits_ = 0;
    CapDrops cap_drops_;
    bool out_of_sockets_ = false;
    bool in_start_due_ = false;  ///< start_due does not nest
    bool serving_ = false,
         serve_later_ = false;             ///< waiting arrivals: likewise; and after a failure
    FirstStarts first_starts_;             ///< closed model: users that have not begun yet
    std::vector<TimePoint> paced_starts_;  ///< closed model with pacing: next starts; a min-heap
    std::vector<std::uint64_t> answers_;   ///< per target, in this window
    std::array<std::uint8_t, outcome_count> examples_{};
    LagWindows lag_windows_;
    std::string failure_detail_;  ///< of the exchange that is being finished
    Duration cpu_at_tick_{}, idle_polling_{};

    // Session starts under way
    std::vector<std::pair<std::size_t, std::size_t>> to_start_;  ///< pool, session; from the back
    std::size_t starting_ = 0;
    std::string start_problem_;
};

}  // namespace loadline

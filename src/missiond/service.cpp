#include "missiond/service.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/log.hpp"
#include "base/procfs.hpp"
#include "missiond/app.hpp"
#include "missiond/memory_store.hpp"
#include "missiond/redis_store.hpp"
#include "missiond/secrets.hpp"
#include "missiond/seed.hpp"

namespace loadline::missiond {
namespace {

constexpr auto grace = seconds(2);

/// Signals wait in the process' queue until await_signal(): no handler ever runs.
sigset_t block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);
    return signals;
}

void await_signal(const sigset_t& signals) {
    int number = 0;
    sigwait(&signals, &number);
}

/// One store for all threads in memory, one per thread in Redis.
std::vector<std::shared_ptr<Store>> make_stores(const Options& options, HttpServer& server) {
    std::vector<std::shared_ptr<Store>> stores;
    if (!options.store) {
        stores.assign(server.threads(), std::make_shared<MemoryStore>());
        return stores;
    }
    for (unsigned i = 0; i < server.threads(); ++i) {
        stores.push_back(std::make_shared<RedisStore>(server.context(i), *options.store,
                                                      options.users.value_or(*options.store)));
    }
    return stores;
}

/// Runs a store's operation to its end on the calling thread, before the server starts.
template <class T>
T run_now(boost::asio::io_context& context, Later<T> later) {
    std::optional<T> result;
    [](Later<T>& wanted, std::optional<T>& to) -> Job { to = co_await wanted; }(later, result);
    while (!result) context.run_one();
    return std::move(*result);
}

Result<void> check_redis(const Options& options, Store& store, boost::asio::io_context& context) {
    if (!options.store) return {};
    if (run_now(context, store.ping())) return {};
    const auto users = options.users ? " or " + options.users->endpoint() : "";
    return unreachable_error(
        fmt::format("no Redis answers at {}{}", options.store->endpoint(), users));
}

AppOptions app_options(const Options& options) {
    AppOptions app;
    app.admin_token = options.admin_token;
    app.jwt_secret = options.jwt_secret.empty() ? random_token(32) : options.jwt_secret;
    app.token_life = options.token_life;
    app.kdf_rounds = options.kdf_rounds;
    app.kdf_threads = std::max(1u, std::thread::hardware_concurrency());
    app.strict_sessions = options.strict_sessions;
    app.capacity = options.faults.capacity;
    app.queue_room = options.faults.queue;
    return app;
}

/// Every second: missions whose deadline has passed fail, whoever looks at them or not.
void sweep_deadlines(boost::asio::steady_timer& timer, Store& store) {
    timer.expires_after(seconds(1));
    timer.async_wait([&](const boost::system::error_code& cancelled) {
        if (cancelled) return;
        [](Store& each) -> Job { co_await each.fail_overdue(wall_now()); }(store);
        sweep_deadlines(timer, store);
    });
}

void announce(const Options& options, std::uint16_t port) {
    const auto* form = options.host.find(':') == std::string::npos ? "{}:{}" : "[{}]:{}";
    auto text =
        "missiond listening on " + fmt::format(fmt::runtime(form), options.host, port) + "\n";
    for (const auto& line : options.faults.describe()) text += line + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

}  // namespace

Result<void> serve(const Options& options) {
    raise_fd_limit();
    if (const auto& most = options.faults.nofile; most && !lower_fd_limit(*most)) {
        return usage_error(fmt::format("--fault nofile={}: the system refuses it", *most));
    }

    // The server outlives the app, the app's stores live on the server's contexts.
    App* app = nullptr;
    HttpServerOptions http;
    http.host = options.host;
    http.port = options.port;
    http.threads = options.threads;
    EvenShare leak{options.faults.leak_close_wait.value_or(0)};
    if (options.faults.leak_close_wait) http.leak_on_eof = [&leak] { return leak.next(); };
    if (options.faults.backlog) {
        http.backlog = static_cast<int>(*options.faults.backlog);
        http.most_open = Faults::most_open;
    }
    HttpServer server{http, [&app](const HttpRequest& request, HttpResponder responder) {
                          app->handle(request, std::move(responder));
                      }};

    auto stores = make_stores(options, server);
    auto& first = *stores.front();
    auto& first_context = server.context(0);
    if (auto reached = check_redis(options, first, first_context); !reached) return reached;
    if (!options.seed_demo.empty()) {
        if (auto written = write_demo_files(options.seed_demo); !written) return written;
        auto seeded = run_now(first_context, seed_demo(first, options.kdf_rounds));
        if (!seeded) return seeded;
    }

    // From here on a signal means an orderly stop; before, it simply ends us.
    const auto signals = block_signals();
    App service{app_options(options), server, std::move(stores)};
    app = &service;
    const auto port = server.listen();
    if (!port) return port.error();
    boost::asio::steady_timer sweep{first_context};
    sweep_deadlines(sweep, first);
    server.start();
    announce(options, *port);

    await_signal(signals);
    server.stop(grace);
    return {};
}

}  // namespace loadline::missiond

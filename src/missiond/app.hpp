#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lab/service_queue.hpp"
#include "missiond/jwt.hpp"
#include "missiond/kdf_pool.hpp"
#include "missiond/metrics.hpp"
#include "missiond/problem.hpp"
#include "missiond/store.hpp"
#include "net/http_server.hpp"

namespace loadline::missiond {

struct AppOptions {
    std::string admin_token;  ///< empty: the admin's endpoints answer 403
    std::string jwt_secret;
    Duration token_life = seconds(3600);
    Duration refresh_life = seconds(7 * 24 * 3600);
    unsigned kdf_rounds = 100'000;
    unsigned kdf_threads = 1;
    bool strict_sessions = false;  ///< every request with a token asks the store for its session
    std::optional<Rate> capacity;
    std::optional<std::uint64_t> queue_room;  ///< 503 beyond; nothing: the queue is endless
};

/// The service: takes requests from the server, checks them, asks the store and
/// answers. Handlers are coroutines that run on the I/O thread of their request.
/// The stores (one per I/O thread, or one thread-safe store for all) and the
/// server must outlive it.
class App {
public:
    App(AppOptions options, HttpServer& server, std::vector<std::shared_ptr<Store>> stores);

    /// The server's handler.
    void handle(const HttpRequest& request, HttpResponder responder);

private:
    /// One request on its way through a handler, which owns it.
    struct Call {
        App& app;
        HttpRequest request;
        HttpResponder responder;
        std::size_t route;
        unsigned thread;
        std::uint64_t id = 0;  ///< the number in the path, if the route has one

        Store& store() const { return *app.stores_[thread]; }
        void answer(int status, std::string_view body);
        void answer(const HttpReply& reply);
        void refuse(const Problem& problem);
        void refuse(Refusal refusal) { refuse(problem_of(refusal)); }
    };
    struct Route {
        std::string_view method;
        std::string_view pattern;  ///< "{id}" stands for a whole number
        Job (App::*handler)(Call);
        bool queued = true;  ///< goes through the capacity queue
    };
    static const std::vector<Route>& routes();
    static std::vector<Metrics::Route> metric_routes();

    // app_users.cpp
    Job create_user(Call call);
    Job login(Call call);
    Job refresh(Call call);
    Job logout(Call call);
    Job force_logout(Call call);
    Job show_user(Call call);
    Job add_cash(Call call);
    // app_missions.cpp
    Job create_mission(Call call);
    Job list_missions(Call call);
    Job show_mission(Call call);
    Job bet(Call call);
    Job succeed(Call call);
    Job fail(Call call);
    Job settle(Call call, MissionState to);
    // app.cpp
    Job audit(Call call);
    Job alive(Call call);
    Job ready(Call call);
    Job metrics(Call call);

    /// Who the bearer of the request's token is.
    Later<Checked<Claims>> authenticate(const Call& call);
    Later<Checked<Claims>> check_session(Store& store, Claims claims, WallMs now);
    Checked<Done> check_admin(const HttpRequest& request) const;
    std::string tokens_json(UserId user, Role role, const std::string& session,
                            const std::string& refresh) const;

    const AppOptions options_;
    HttpServer& server_;
    TokenSigner signer_;
    Metrics metrics_;
    std::optional<ServiceQueue> queue_;
    // Destroyed first: what they still owe ends in handlers, which count in metrics_.
    std::vector<std::shared_ptr<Store>> stores_;  ///< by I/O thread
    KdfPool kdf_;
};

/// Now, as stores and tokens count it.
WallMs wall_now();

/// The request's Idempotency-Key, empty without one; 1 to 128 visible ASCII characters.
Checked<std::string_view> idempotency_key(const HttpRequest& request);

}  // namespace loadline::missiond

#include "missiond/app.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "missiond/secrets.hpp"

namespace loadline::missiond {
namespace {

/// Cuts the first segment ("missions" of "/missions/7") off.
std::string_view next_segment(std::string_view& rest) {
    rest.remove_prefix(1);
    const auto segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    return segment;
}

bool read_id(std::string_view text, std::uint64_t& id) {
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id);
    return ec == std::errc{} && end == text.data() + text.size() && text.front() != '0' &&
           id <= static_cast<std::uint64_t>(max_minted);
}

/// Whether `path` has the pattern's shape; its number goes to `id`.
bool matches(std::string_view pattern, std::string_view path, std::uint64_t& id) {
    while (pattern.starts_with('/') && path.starts_with('/')) {
        const auto want = next_segment(pattern), got = next_segment(path);
        if (want == "{id}" ? got.empty() || !read_id(got, id) : want != got) return false;
    }
    return pattern.empty() && path.empty();
}

std::string_view bearer_token(const HttpRequest& request) {
    constexpr std::string_view scheme = "Bearer ";
    const auto value = request.header("Authorization");
    return value.starts_with(scheme) ? value.substr(scheme.size()) : std::string_view{};
}

}  // namespace

WallMs wall_now() {
    using std::chrono::system_clock;
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               system_clock::now().time_since_epoch())
        .count();
}

Checked<std::string_view> idempotency_key(const HttpRequest& request) {
    const auto key = request.header("Idempotency-Key");
    if (!key.data()) return std::string_view{};
    const auto visible = [](unsigned char c) { return c > 0x20 && c < 0x7f; };
    if (key.empty() || key.size() > 128 || !std::all_of(key.begin(), key.end(), visible)) {
        return Problem{400, "bad_idempotency_key",
                       "Idempotency-Key must have 1 to 128 visible ASCII characters"};
    }
    return key;
}

const std::vector<App::Route>& App::routes() {
    static const std::vector<Route> table{
        {"POST", "/missions/{id}/bet", &App::bet},
        {"GET", "/missions/{id}", &App::show_mission},
        {"POST", "/missions", &App::create_mission},
        {"GET", "/missions", &App::list_missions},
        {"POST", "/missions/{id}/success", &App::succeed},
        {"POST", "/missions/{id}/fail", &App::fail},
        {"POST", "/login", &App::login},
        {"POST", "/token/refresh", &App::refresh},
        {"POST", "/logout", &App::logout},
        {"POST", "/users", &App::create_user},
        {"GET", "/users/{id}", &App::show_user},
        {"POST", "/users/{id}/cash", &App::add_cash},
        {"POST", "/users/{id}/logout", &App::force_logout},
        {"GET", "/audit", &App::audit, false},
        {"GET", "/healthz/startup", &App::alive, false},
        {"GET", "/healthz/live", &App::alive, false},
        {"GET", "/healthz/ready", &App::ready, false},
        {"GET", "/metrics", &App::metrics, false},
    };
    return table;
}

/// The routes, and last one for the requests that match none.
std::vector<Metrics::Route> App::metric_routes() {
    std::vector<Metrics::Route> named;
    for (const auto& route : routes()) named.push_back({route.method, route.pattern});
    named.push_back({"other", "other"});
    return named;
}

App::App(AppOptions options, HttpServer& server, std::vector<std::shared_ptr<Store>> stores)
    : options_{std::move(options)},
      server_{server},
      signer_{options_.jwt_secret},
      metrics_{server.threads(), metric_routes()},
      stores_{std::move(stores)},
      kdf_{options_.kdf_threads, options_.kdf_rounds} {
    if (options_.capacity) queue_.emplace(*options_.capacity);
}

void App::handle(const HttpRequest& request, HttpResponder responder) {
    const auto& table = routes();
    const auto thread = responder.thread();
    Call call{*this, request, std::move(responder), table.size(), thread};

    std::string allowed;  // methods of the path, if it is the method that does not fit
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (!matches(table[i].pattern, request.path, call.id)) continue;
        if (table[i].method == request.method) {
            call.route = i;
            break;
        }
        allowed += (allowed.empty() ? "" : ", ") + std::string{table[i].method};
    }
    const bool found = call.route < table.size();
    if (queue_ && (!found || table[call.route].queued)) {
        const auto now = Clock::now();
        const auto done = options_.queue_room ? queue_->admit(now, *options_.queue_room)
                                              : std::optional{queue_->admit(now)};
        if (!done) return call.refuse({503, "overloaded", "the queue is full; try again later"});
        call.responder.not_before(*done);
    }
    if (found) {
        if (!request.query.empty() && table[call.route].handler != &App::list_missions) {
            return call.refuse({400, "unknown_parameter", "this request takes no parameters"});
        }
        (this->*table[call.route].handler)(std::move(call));
    } else if (allowed.empty()) {
        call.refuse({404, "no_such_path", "nothing is served at this path"});
    } else {
        const auto body =
            to_json({405, "method_not_allowed", "this path answers only to " + allowed});
        const auto allow = "Allow: " + allowed + "\r\n";
        call.answer(HttpReply{.status = 405, .body = body, .headers = allow});
    }
}

void App::Call::answer(const HttpReply& reply) {
    app.metrics_.count(thread, route, reply.status);
    responder.send(reply);
}

void App::Call::answer(int status, std::string_view body) {
    answer(HttpReply{.status = status, .body = body});
}

void App::Call::refuse(const Problem& problem) {
    const auto body = to_json(problem);
    const std::string_view headers = problem.status == 401   ? "WWW-Authenticate: Bearer\r\n"
                                     : problem.status == 503 ? "Retry-After: 1\r\n"
                                                             : "";
    answer(HttpReply{.status = problem.status, .body = body, .headers = headers});
}

Later<Checked<Claims>> App::authenticate(const Call& call) {
    const auto token = bearer_token(call.request);
    if (token.empty()) {
        return Problem{401, "no_token", "send the access token as Authorization: Bearer TOKEN"};
    }
    const auto now = wall_now();
    auto claims = signer_.verify(token, now / 1000);
    if (!claims) {
        switch (claims.error()) {
            case TokenFault::expired:
                return Problem{401, "token_expired", "the access token has expired; refresh it"};
            case TokenFault::forged:
                return Problem{401, "token_forged",
                               "the access token is not signed by this service"};
            case TokenFault::malformed:
                break;
        }
        return Problem{401, "token_malformed", "the access token is not one of this service"};
    }
    if (!options_.strict_sessions) return std::move(*claims);
    return check_session(call.store(), std::move(*claims), now);
}

Later<Checked<Claims>> App::check_session(Store& store, Claims claims, WallMs now) {
    const auto open = co_await store.session_is_open(claims.user, claims.session, now);
    if (!open) co_return problem_of(open.error());
    if (!*open) co_return problem_of(Refusal::session_over);
    co_return std::move(claims);
}

Checked<Done> App::check_admin(const HttpRequest& request) const {
    const auto token = bearer_token(request);
    if (token.empty())
        return Problem{401, "no_token", "send the admin's token as Authorization: Bearer TOKEN"};
    if (options_.admin_token.empty()) {
        return Problem{403, "no_admin", "missiond was started without --admin-token"};
    }
    if (!same_secret(token, options_.admin_token)) {
        return Problem{403, "not_admin", "only the admin may do this"};
    }
    return Done{};
}

Job App::audit(Call call) {
    if (const auto admin = check_admin(call.request); !admin) co_return call.refuse(admin.error());
    const auto audit = co_await call.store().audit();
    if (!audit) co_return call.refuse(audit.error());
    call.answer(200, fmt::format(R"({{"cash":{},"pots":{},"minted":{},"staked":{},"paid":{},)"
                                 R"("refunded":{},"users":{},"missions":{{"open":{},)"
                                 R"("succeeded":{},"failed":{}}}}})",
                                 audit->cash, audit->pots, audit->minted, audit->staked,
                                 audit->paid, audit->refunded, audit->users, audit->open,
                                 audit->succeeded, audit->failed));
}

Job App::alive(Call call) {
    call.answer(200, R"({"status":"ok"})");
    co_return;
}

Job App::ready(Call call) {
    const auto pong = co_await call.store().ping();
    if (!pong) co_return call.refuse(pong.error());
    call.answer(200, R"({"status":"ok"})");
}

Job App::metrics(Call call) {
    Metrics::Gauges gauges;
    gauges.server = server_.counts();
    gauges.has_queue = queue_.has_value();
    if (queue_) gauges.queue_seconds = to_seconds(queue_->backlog(Clock::now()));
    gauges.kdf_waiting = kdf_.waiting();
    const auto text = metrics_.text(gauges);
    call.answer(HttpReply{.body = text, .content_type = "text/plain; version=0.0.4"});
    co_return;
}

}  // namespace loadline::missiond

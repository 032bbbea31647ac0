#include <fmt/format.h>

#include <array>
#include <charconv>

#include "missiond/app.hpp"
#include "missiond/body.hpp"
#include "missiond/secrets.hpp"

namespace loadline::missiond {
namespace {

using Kind = FieldSpec::Kind;
constexpr FieldSpec name_field{"name", Kind::text, true, 1, 64};
constexpr FieldSpec password_field{"password", Kind::text, true, 1, 128};
constexpr std::array new_user_fields{name_field, password_field,
                                     FieldSpec{"role", Kind::text, true, 1, 16}};
constexpr std::array login_fields{name_field, password_field};
constexpr std::array refresh_fields{FieldSpec{"refreshToken", Kind::text, true, 1, 256}};
constexpr std::array cash_fields{FieldSpec{"amount", Kind::whole, true, 1, max_minted}};

/// A refresh token names its user, so that it can be found: "17.RANDOM".
std::string new_refresh_token(UserId user) { return fmt::format("{}.{}", user, random_token(32)); }

UserId user_of_refresh_token(std::string_view token) {
    UserId user = 0;
    std::from_chars(token.data(), token.data() + token.size(), user);
    return user;
}

Problem kdf_overloaded() {
    return {503, "overloaded", "too many logins wait already; try again later"};
}

}  // namespace

Job App::create_user(Call call) {
    const auto body = read_body(call.request.body, new_user_fields);
    if (!body) co_return call.refuse(body.error());
    NewUser user;
    user.name = body->text(0);
    if (!from_string(body->text(2), user.role)) {
        co_return call.refuse({400, "out_of_range", "\"role\" must be viewer or streamer"});
    }
    if (kdf_.overloaded()) co_return call.refuse(kdf_overloaded());
    user.password_hash = co_await kdf_.hash(server_.context(call.thread), body->text(1));
    const auto id = co_await call.store().create_user(user);
    if (!id) co_return call.refuse(id.error());
    call.answer(201, fmt::format(R"({{"userId":{}}})", *id));
}

std::string App::tokens_json(UserId user, Role role, const std::string& session,
                             const std::string& refresh) const {
    const auto life = std::chrono::duration_cast<std::chrono::seconds>(options_.token_life).count();
    const Claims claims{user, role, session, wall_now() / 1000 + life};
    return fmt::format(R"({{"userId":{},"accessToken":"{}","refreshToken":"{}","expiresIn":{}}})",
                       user, signer_.sign(claims), refresh, life);
}

Job App::login(Call call) {
    const auto body = read_body(call.request.body, login_fields);
    if (!body) co_return call.refuse(body.error());
    const auto account = co_await call.store().find_account(body->text(0));
    if (!account && account.error() != Refusal::no_user) co_return call.refuse(account.error());
    if (kdf_.overloaded()) co_return call.refuse(kdf_overloaded());

    // An unknown name costs as much as a wrong password and is answered the same.
    const auto stored = account ? account->password_hash : std::string{};
    const bool right = co_await kdf_.matches(server_.context(call.thread), body->text(1), stored);
    if (!right) co_return call.refuse({401, "wrong_login", "name or password is wrong"});

    const auto refresh = new_refresh_token(account->id);
    Session session;
    session.id = random_token(12);
    session.refresh_hash = sha256_hex(refresh);
    session.expires = wall_now() + options_.refresh_life / milliseconds(1);
    const auto opened = co_await call.store().open_session(account->id, session);
    if (!opened) co_return call.refuse(opened.error());
    call.answer(200, tokens_json(account->id, account->role, session.id, refresh));
}

Job App::refresh(Call call) {
    const auto body = read_body(call.request.body, refresh_fields);
    if (!body) co_return call.refuse(body.error());
    const auto& old = body->text(0);
    const auto user = user_of_refresh_token(old);
    const auto fresh = new_refresh_token(user);
    const auto old_hash = sha256_hex(old), new_hash = sha256_hex(fresh);
    const auto now = wall_now();
    const auto session = co_await call.store().refresh_session(
        user, old_hash, new_hash, now + options_.refresh_life / milliseconds(1), now);
    if (!session) co_return call.refuse(session.error());
    call.answer(200, tokens_json(user, session->role, session->id, fresh));
}

Job App::logout(Call call) {
    const auto who = co_await authenticate(call);
    if (!who) co_return call.refuse(who.error());
    const auto body = read_body(call.request.body, {});
    if (!body) co_return call.refuse(body.error());
    const auto closed = co_await call.store().close_session(who->user, who->session);
    if (!closed) co_return call.refuse(closed.error());
    call.answer(204, "");
}

Job App::force_logout(Call call) {
    if (const auto admin = check_admin(call.request); !admin) co_return call.refuse(admin.error());
    const auto body = read_body(call.request.body, {});
    if (!body) co_return call.refuse(body.error());
    const auto closed = co_await call.store().close_session(call.id, "");
    if (!closed) co_return call.refuse(closed.error());
    call.answer(204, "");
}

Job App::show_user(Call call) {
    const auto who = co_await authenticate(call);
    if (!who) co_return call.refuse(who.error());
    if (who->user != call.id) {
        co_return call.refuse({403, "not_self", "users may see only themselves"});
    }
    const auto profile = co_await call.store().profile(call.id);
    if (!profile) co_return call.refuse(profile.error());
    call.answer(200,
                fmt::format(R"({{"userId":{},"name":{},"role":"{}","cash":{}}})", profile->id,
                            json_string(profile->name), to_string(profile->role), profile->cash));
}

Job App::add_cash(Call call) {
    const auto who = co_await authenticate(call);
    if (!who) co_return call.refuse(who.error());
    if (who->user != call.id) {
        co_return call.refuse({403, "not_self", "users may top up only themselves"});
    }
    const auto body = read_body(call.request.body, cash_fields);
    if (!body) co_return call.refuse(body.error());
    const auto key = idempotency_key(call.request);
    if (!key) co_return call.refuse(key.error());
    const auto cash = co_await call.store().add_cash(call.id, body->whole(0), *key, wall_now());
    if (!cash) co_return call.refuse(cash.error());
    call.answer(200, fmt::format(R"({{"userId":{},"cash":{}}})", call.id, *cash));
}

}  // namespace loadline::missiond

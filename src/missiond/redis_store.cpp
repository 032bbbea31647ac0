#include "missiond/redis_store.hpp"

#include <fmt/format.h>

#include <array>

#include "base/log.hpp"

namespace loadline::missiond {
namespace {

bool same_place(const Url& a, const Url& b) {
    return a.endpoint() == b.endpoint() && a.path == b.path && a.user == b.user &&
           a.password == b.password;
}

Refusal refusal_named(std::string_view name) {
    constexpr std::pair<std::string_view, Refusal> names[] = {
        {"name_taken", Refusal::name_taken}, {"no_user", Refusal::no_user},
        {"no_mission", Refusal::no_mission}, {"too_little_cash", Refusal::too_little_cash},
        {"not_open", Refusal::not_open},     {"settled_otherwise", Refusal::settled_otherwise},
        {"not_owner", Refusal::not_owner},   {"mint_limit", Refusal::mint_limit},
        {"key_reused", Refusal::key_reused}, {"session_over", Refusal::session_over},
    };
    for (const auto& [text, refusal] : names) {
        if (text == name) return refusal;
    }
    return Refusal::store_down;
}

std::uint64_t count(const RedisAnswer& answer) {
    return static_cast<std::uint64_t>(answer.integer());
}

Role role_of(const RedisAnswer& answer) {
    Role role{};
    from_string(answer.text(), role);
    return role;
}

/// What the scripts' read_mission() gives.
Mission read_mission(const RedisAnswer& answer) {
    Mission mission;
    if (answer.size() < 8) return mission;
    mission.id = count(answer[0]);
    mission.title = answer[1].text();
    mission.streamer = count(answer[2]);
    from_string(answer[3].text(), mission.state);
    mission.pot = answer[4].integer();
    mission.settled = answer[5].integer();
    mission.stakes = count(answer[6]);
    mission.deadline = answer[7].integer();
    return mission;
}

std::string word(std::string_view text) { return std::string{text}; }
std::string word(std::int64_t number) { return std::to_string(number); }
std::string word(std::uint64_t number) { return std::to_string(number); }

/// The words of a command, or a script's arguments. (GCC 12 takes no initializer
/// list inside a co_await expression.)
template <class... Each>
std::vector<std::string> words(const Each&... each) {
    std::vector<std::string> all;
    all.reserve(sizeof...(each));
    (all.push_back(word(each)), ...);
    return all;
}

std::string user_key(UserId user) { return fmt::format("user:{}", user); }

}  // namespace

RedisStore::RedisStore(boost::asio::io_context& context, const Url& ledger, const Url& users)
    : ledger_{std::make_shared<RedisClient>(context, ledger)},
      users_{same_place(ledger, users) ? ledger_ : std::make_shared<RedisClient>(context, users)} {}

Answer<RedisAnswer> RedisStore::judge(const RedisClient& client, const RedisAnswer& answer) {
    if (!answer.arrived()) return Refusal::store_down;
    if (answer.is_error()) {
        if (!std::exchange(complained_, true)) {
            log_warn(fmt::format("Redis at {}: {}", client.url().endpoint(), answer.text()));
        }
        return Refusal::store_down;
    }
    complained_ = false;
    return answer;
}

Later<Answer<RedisAnswer>> RedisStore::ask(RedisClient& client, std::vector<std::string> command) {
    const std::vector<std::string_view> views{command.begin(), command.end()};
    const auto answer = co_await client.command(views);
    co_return judge(client, answer);
}

Later<Answer<RedisAnswer>> RedisStore::run(RedisClient& client, const Script& script,
                                           std::vector<std::string> arguments) {
    std::vector<std::string_view> command{"EVALSHA", script.sha, "0"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    auto answer = co_await client.command(command);
    if (answer.is_error() && answer.text().starts_with("NOSCRIPT")) {
        command[0] = "EVAL";
        command[1] = script.text;
        answer = co_await client.command(command);
    }
    const auto judged = judge(client, answer);
    if (!judged) co_return judged.error();
    if (answer.size() == 0) co_return Refusal::store_down;
    if (answer[0].text() != "ok") co_return refusal_named(answer[0].text());
    co_return answer;
}

Later<Answer<UserId>> RedisStore::create_user(const NewUser& user) {
    const auto made = co_await run(*users_, scripts().create_user,
                                   words(user.name, to_string(user.role), user.password_hash));
    if (!made) co_return made.error();
    co_return count((*made)[1]);
}

Later<Answer<Account>> RedisStore::find_account(std::string_view name) {
    const auto found = co_await run(*users_, scripts().find_account, words(name));
    if (!found) co_return found.error();
    Account account;
    account.id = count((*found)[1]);
    account.role = role_of((*found)[2]);
    account.password_hash = (*found)[3].text();
    co_return account;
}

Later<Answer<Profile>> RedisStore::profile(UserId id) {
    auto wanted = ask(*users_, words("HMGET", user_key(id), "name", "role"));
    auto wanted_cash = ask(*ledger_, words("HGET", user_key(id), "cash"));
    const auto user = co_await wanted;
    const auto cash = co_await wanted_cash;
    if (!user) co_return user.error();
    if (!cash) co_return cash.error();
    if (user->size() < 2 || (*user)[0].is_nil()) co_return Refusal::no_user;
    Profile profile;
    profile.id = id;
    profile.name = (*user)[0].text();
    profile.role = role_of((*user)[1]);
    profile.cash = cash->integer();
    co_return profile;
}

Later<Answer<Done>> RedisStore::open_session(UserId user, const Session& session) {
    const auto opened =
        co_await run(*users_, scripts().open_session,
                     words(user, session.id, session.refresh_hash, session.expires));
    if (!opened) co_return opened.error();
    co_return Done{};
}

Later<Answer<RefreshedSession>> RedisStore::refresh_session(UserId user, std::string_view old_hash,
                                                            std::string_view new_hash,
                                                            WallMs expires, WallMs now) {
    const auto session = co_await run(*users_, scripts().refresh_session,
                                      words(user, old_hash, new_hash, expires, now));
    if (!session) co_return session.error();
    RefreshedSession refreshed;
    refreshed.id = (*session)[1].text();
    refreshed.role = role_of((*session)[2]);
    co_return refreshed;
}

Later<Answer<Done>> RedisStore::close_session(UserId user, std::string_view id) {
    const auto closed = co_await run(*users_, scripts().close_session, words(user, id));
    if (!closed) co_return closed.error();
    co_return Done{};
}

Later<Answer<bool>> RedisStore::session_is_open(UserId user, std::string_view id, WallMs now) {
    const auto session =
        co_await ask(*users_, words("HMGET", fmt::format("session:{}", user), "id", "expires"));
    if (!session) co_return session.error();
    co_return session->size() == 2 && (*session)[0].text() == id && (*session)[1].integer() > now;
}

Later<Answer<Amount>> RedisStore::add_cash(UserId user, Amount amount, std::string_view key,
                                           WallMs) {
    const auto known = co_await ask(*users_, words("EXISTS", user_key(user)));
    if (!known) co_return known.error();
    if (known->integer() == 0) co_return Refusal::no_user;
    const auto added =
        co_await run(*ledger_, scripts().add_cash, words(user, amount, key, max_minted));
    if (!added) co_return added.error();
    co_return (*added)[2].integer();
}

Later<Answer<MissionId>> RedisStore::create_mission(const NewMission& mission) {
    auto wanted_streamer = ask(*users_, words("HGET", user_key(mission.streamer), "role"));
    auto wanted_creator = ask(*users_, words("EXISTS", user_key(mission.creator)));
    const auto streamer = co_await wanted_streamer;
    const auto creator = co_await wanted_creator;
    if (!streamer) co_return streamer.error();
    if (!creator) co_return creator.error();
    if (streamer->text() != to_string(Role::streamer)) co_return Refusal::no_streamer;
    if (creator->integer() == 0) co_return Refusal::no_user;
    const auto made = co_await run(*ledger_, scripts().create_mission,
                                   words(mission.title, mission.streamer, mission.creator,
                                         mission.first_stake, mission.deadline));
    if (!made) co_return made.error();
    co_return count((*made)[1]);
}

Later<Answer<BetPlaced>> RedisStore::bet(const Bet& bet, WallMs now) {
    const auto placed = co_await run(*ledger_, scripts().bet,
                                     words(bet.viewer, bet.mission, bet.amount, bet.key, now));
    if (!placed) co_return placed.error();
    co_return BetPlaced{(*placed)[1].integer(), (*placed)[2].integer()};
}

Later<Answer<Settlement>> RedisStore::settle(MissionId mission, UserId streamer, MissionState to,
                                             WallMs now) {
    const auto settled =
        co_await run(*ledger_, scripts().settle, words(mission, streamer, to_string(to), now));
    if (!settled) co_return settled.error();
    co_return Settlement{to, (*settled)[1].integer(), count((*settled)[2])};
}

Later<Answer<std::uint64_t>> RedisStore::fail_overdue(WallMs now) {
    const auto failed = co_await run(*ledger_, scripts().fail_overdue, words(now));
    if (!failed) co_return failed.error();
    co_return count((*failed)[1]);
}

Later<Answer<std::pair<Mission, std::vector<Stake>>>> RedisStore::mission(MissionId id,
                                                                          WallMs now) {
    const auto found = co_await run(*ledger_, scripts().mission, words(id, now, page_size));
    if (!found) co_return found.error();
    const auto flat = (*found)[2];
    std::vector<Stake> stakes;
    for (std::size_t i = 0; i + 1 < flat.size(); i += 2) {
        stakes.push_back({count(flat[i]), flat[i + 1].integer()});
    }
    co_return std::pair{read_mission((*found)[1]), std::move(stakes)};
}

Later<Answer<std::vector<Mission>>> RedisStore::missions(std::optional<MissionState> state,
                                                         MissionId after) {
    const auto found =
        co_await run(*ledger_, scripts().missions,
                     words(state ? to_string(*state) : std::string_view{}, after, page_size));
    if (!found) co_return found.error();
    const auto rows = (*found)[1];
    std::vector<Mission> page;
    for (std::size_t i = 0; i < rows.size(); ++i) page.push_back(read_mission(rows[i]));
    co_return page;
}

Later<Answer<Audit>> RedisStore::audit() {
    auto wanted_users = ask(*users_, words("GET", "users:next"));
    auto wanted = run(*ledger_, scripts().audit, words());
    const auto users = co_await wanted_users;
    const auto found = co_await wanted;
    if (!users) co_return users.error();
    if (!found) co_return found.error();
    const auto& row = *found;
    if (row.size() < 10) co_return Refusal::store_down;
    Audit audit;
    audit.cash = row[1].integer();
    audit.pots = row[2].integer();
    audit.minted = row[3].integer();
    audit.staked = row[4].integer();
    audit.paid = row[5].integer();
    audit.refunded = row[6].integer();
    audit.open = count(row[7]);
    audit.succeeded = count(row[8]);
    audit.failed = count(row[9]);
    audit.users = count(*users);
    co_return audit;
}

Later<Answer<Done>> RedisStore::ping() {
    auto wanted_ledger = ask(*ledger_, words("PING"));
    auto wanted_users = ask(*users_, words("PING"));
    const auto ledger = co_await wanted_ledger;
    const auto users = co_await wanted_users;
    if (!ledger) co_return ledger.error();
    if (!users) co_return users.error();
    co_return Done{};
}

Later<Answer<bool>> RedisStore::seeded() {
    const auto found = co_await ask(*ledger_, words("EXISTS", "seeded"));
    if (!found) co_return found.error();
    co_return found->integer() == 1;
}

Later<Answer<Done>> RedisStore::mark_seeded() {
    const auto set = co_await ask(*ledger_, words("SET", "seeded", "1"));
    if (!set) co_return set.error();
    co_return Done{};
}

}  // namespace loadline::missiond

#pragma once
#include <string>

namespace loadline::missiond {

/// A Lua script and the name under which Redis caches it.
struct Script {
    std::string text, sha;
};

/// What the Redis store does, each script one atomic step. A script answers
/// {"ok", values...} or {refusal} with the name of a `Refusal`. Those of `users` run
/// in the users' Redis, the others in the ledger's; money is moved only here.
///
/// Keys are built inside: a settlement pays back users that no caller can list
/// beforehand, so Redis Cluster is not served.
///
/// users:  users:next, name:<name>, user:<id> {name, role, password},
///         session:<id> {id, refresh, expires}
/// ledger: user:<id> {cash}, accounts (who ever got cash), ledger {minted, staked, paid,
///         refunded, missions, succeeded, failed}, mission:<id>, mission:<id>:stakes,
///         missions:<state>, deadlines, idem:<user>:<key>, seeded
struct Scripts {
    // users
    Script create_user;      ///< name, role, password hash → id
    Script find_account;     ///< name → id, role, password hash
    Script open_session;     ///< user, id, refresh hash, expires
    Script refresh_session;  ///< user, old hash, new hash, expires, now → id, role
    Script close_session;    ///< user, id ("": any)
    // ledger
    Script add_cash;        ///< user, amount, key, limit → 0, cash
    Script create_mission;  ///< title, streamer, creator, amount, deadline → id
    Script bet;             ///< user, mission, amount, key, now → pot, cash
    Script settle;          ///< mission, streamer, state, now → settled, stakes
    Script fail_overdue;    ///< now → how many
    Script mission;         ///< mission, now, how many stakes → mission, stakes
    Script missions;        ///< state ("": any), after, how many → missions
    Script audit;  ///< → cash, pots, minted, staked, paid, refunded, open, succeeded, failed
};

const Scripts& scripts();

}  // namespace loadline::missiond

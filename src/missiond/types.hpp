#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

/// missiond: the reference service under test. Viewers put cash on a mission that a
/// streamer must achieve; success pays the pot to the streamer, failure refunds
/// everybody. An executable of its own that loadline knows only through HTTP and Redis.
namespace loadline::missiond {

using Amount = std::int64_t;      ///< whole units of cash
using UserId = std::uint64_t;     ///< from 1, without gaps
using MissionId = std::uint64_t;  ///< from 1, without gaps
using WallMs = std::int64_t;      ///< milliseconds since 1970, UTC

/// All cash that may ever be minted: 2^53-1, so that every balance, pot and sum of
/// them is exact in JSON and in Redis' Lua, which both count in doubles.
inline constexpr Amount max_minted = (Amount{1} << 53) - 1;

enum class Role : std::uint8_t { viewer, streamer };
enum class MissionState : std::uint8_t { open, succeeded, failed };

std::string_view to_string(Role role);
std::string_view to_string(MissionState state);
/// False when the text names none.
bool from_string(std::string_view text, Role& role);
bool from_string(std::string_view text, MissionState& state);

/// Why a store did not do what was asked. Nothing was changed, except with
/// store_down, where the outcome may be unknown.
enum class Refusal : std::uint8_t {
    name_taken,
    no_user,
    no_mission,
    no_streamer,  ///< streamerId names no streamer
    too_little_cash,
    not_open,  ///< the mission is settled
    settled_otherwise,
    not_owner,  ///< another streamer's mission
    mint_limit,
    key_reused,    ///< the idempotency key came with another request before
    session_over,  ///< replaced, expired or logged out
    store_down,
};

template <class T>
using Answer = boost::system::result<T, Refusal>;
struct Done {};

struct NewUser {
    std::string name;
    Role role = Role::viewer;
    std::string password_hash;
};

/// What a login needs to know.
struct Account {
    UserId id = 0;
    Role role = Role::viewer;
    std::string password_hash;
};

struct Profile {
    UserId id = 0;
    std::string name;
    Role role = Role::viewer;
    Amount cash = 0;
};

/// One login. The refresh token itself is never stored, only its SHA-256.
struct Session {
    std::string id;            ///< carried in the access token; the same until the next login
    std::string refresh_hash;  ///< changes with each refresh
    WallMs expires = 0;
};

struct RefreshedSession {
    std::string id;
    Role role = Role::viewer;
};

struct NewMission {
    std::string title;
    UserId streamer = 0, creator = 0;
    Amount first_stake = 0;
    WallMs deadline = 0;  ///< 0: none
};

struct Bet {
    UserId viewer = 0;
    MissionId mission = 0;
    Amount amount = 0;
    std::string_view key;  ///< idempotency key; empty: none
};

struct BetPlaced {
    Amount pot = 0, cash = 0;  ///< after the bet
};

struct Settlement {
    MissionState state = MissionState::open;
    Amount amount = 0;         ///< paid to the streamer, or refunded
    std::uint64_t stakes = 0;  ///< users who had one
};

struct Stake {
    UserId user = 0;
    Amount amount = 0;
};

struct Mission {
    MissionId id = 0;
    std::string title;
    UserId streamer = 0;
    MissionState state = MissionState::open;
    Amount pot = 0;            ///< 0 once settled
    Amount settled = 0;        ///< what was paid or refunded
    WallMs deadline = 0;       ///< 0: none
    std::uint64_t stakes = 0;  ///< users who have one
};

/// One consistent snapshot. `cash` and `pots` are summed over all users and open
/// missions, not kept as totals, so that cash + pots == minted is a real check.
struct Audit {
    Amount cash = 0, pots = 0;
    Amount minted = 0, staked = 0, paid = 0, refunded = 0;
    std::uint64_t users = 0, open = 0, succeeded = 0, failed = 0;
};

}  // namespace loadline::missiond

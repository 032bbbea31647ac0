#pragma once
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "missiond/types.hpp"
#include "net/later.hpp"

namespace loadline::missiond {

/// How many missions a page and how many stakes a mission's detail shows at most.
inline constexpr std::size_t page_size = 100;

/// Where users, sessions, missions and cash live. Each operation is atomic: it
/// happens wholly or not at all. Arguments passed by reference must live until the
/// answer; `now` is always the caller's clock. Both stores answer alike; the
/// order of their checks is part of that.
///
/// An idempotency key belongs to its user and is remembered for about ten minutes
/// after it succeeded: the same request again gets the same answer and moves no
/// money, another request under the key is refused.
class Store {
public:
    virtual ~Store() = default;

    virtual Later<Answer<UserId>> create_user(const NewUser& user) = 0;
    virtual Later<Answer<Account>> find_account(std::string_view name) = 0;
    virtual Later<Answer<Profile>> profile(UserId user) = 0;

    /// Replaces the user's session.
    virtual Later<Answer<Done>> open_session(UserId user, const Session& session) = 0;
    /// Gives the session a new refresh token if `old_hash` is its present one.
    virtual Later<Answer<RefreshedSession>> refresh_session(UserId user, std::string_view old_hash,
                                                            std::string_view new_hash,
                                                            WallMs expires, WallMs now) = 0;
    /// Ends the session `id`, or whichever there is when `id` is empty. No session is no error;
    /// no such user is.
    virtual Later<Answer<Done>> close_session(UserId user, std::string_view id) = 0;
    virtual Later<Answer<bool>> session_is_open(UserId user, std::string_view id, WallMs now) = 0;

    /// Mints cash for a user; the balance after it.
    virtual Later<Answer<Amount>> add_cash(UserId user, Amount amount, std::string_view key,
                                           WallMs now) = 0;
    virtual Later<Answer<MissionId>> create_mission(const NewMission& mission) = 0;
    virtual Later<Answer<BetPlaced>> bet(const Bet& bet, WallMs now) = 0;
    /// Settles an open mission exactly once. A repeat answers the same settlement.
    virtual Later<Answer<Settlement>> settle(MissionId mission, UserId streamer, MissionState to,
                                             WallMs now) = 0;
    /// Fails missions whose deadline has passed; how many (a bounded number per call).
    virtual Later<Answer<std::uint64_t>> fail_overdue(WallMs now) = 0;

    /// A mission, and its stakes in the order of the users' ids (the first page_size).
    virtual Later<Answer<std::pair<Mission, std::vector<Stake>>>> mission(MissionId id,
                                                                          WallMs now) = 0;
    /// Missions with ids above `after`, ascending, at most page_size.
    virtual Later<Answer<std::vector<Mission>>> missions(std::optional<MissionState> state,
                                                         MissionId after) = 0;
    virtual Later<Answer<Audit>> audit() = 0;

    /// Whether the store can be used now.
    virtual Later<Answer<Done>> ping() = 0;

    /// Whether mark_seeded() was ever called on this data.
    virtual Later<Answer<bool>> seeded() = 0;
    virtual Later<Answer<Done>> mark_seeded() = 0;
};

}  // namespace loadline::missiond

#pragma once
#include <array>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>

#include "missiond/store.hpp"

namespace loadline::missiond {

/// The embedded store: one mutex, held for well under a microsecond per bet.
/// Thread-safe; every answer is there at once. Everything is lost at the end.
class MemoryStore final : public Store {
public:
    /// `keys_per_generation` bounds the idempotency keys remembered: between one and
    /// two times as many, and those of the last ten minutes if they are fewer.
    explicit MemoryStore(std::size_t keys_per_generation = 200'000);

    Later<Answer<UserId>> create_user(const NewUser& user) override;
    Later<Answer<Account>> find_account(std::string_view name) override;
    Later<Answer<Profile>> profile(UserId user) override;
    Later<Answer<Done>> open_session(UserId user, const Session& session) override;
    Later<Answer<RefreshedSession>> refresh_session(UserId user, std::string_view old_hash,
                                                    std::string_view new_hash, WallMs expires,
                                                    WallMs now) override;
    Later<Answer<Done>> close_session(UserId user, std::string_view id) override;
    Later<Answer<bool>> session_is_open(UserId user, std::string_view id, WallMs now) override;
    Later<Answer<Amount>> add_cash(UserId user, Amount amount, std::string_view key,
                                   WallMs now) override;
    Later<Answer<MissionId>> create_mission(const NewMission& mission) override;
    Later<Answer<BetPlaced>> bet(const Bet& bet, WallMs now) override;
    Later<Answer<Settlement>> settle(MissionId mission, UserId streamer, MissionState to,
                                     WallMs now) override;
    Later<Answer<std::uint64_t>> fail_overdue(WallMs now) override;
    Later<Answer<std::pair<Mission, std::vector<Stake>>>> mission(MissionId id,
                                                                  WallMs now) override;
    Later<Answer<std::vector<Mission>>> missions(std::optional<MissionState> state,
                                                 MissionId after) override;
    Later<Answer<Audit>> audit() override;
    Later<Answer<Done>> ping() override { return Done{}; }
    Later<Answer<bool>> seeded() override;
    Later<Answer<Done>> mark_seeded() override;

private:
    struct User {
        std::string name, password_hash;
        Role role;
        Amount cash = 0;
        std::optional<Session> session;
    };
    struct Entry {
        Mission mission;
        std::map<UserId, Amount> stakes;
    };
    /// What a key was used for, and what was answered.
    struct Applied {
        MissionId mission;  ///< 0: a top-up
        Amount amount;
        BetPlaced answer;
    };

    User* find_user(UserId id);
    Entry* find_mission(MissionId id);
    void stake(User& user, UserId id, Entry& entry, Amount amount);
    void settle(Entry& entry, MissionState to);
    void fail_if_overdue(Entry& entry, WallMs now);
    const Applied* find_key(const std::string& key, WallMs now);

    std::mutex mutex_;
    std::vector<User> users_;
    std::unordered_map<std::string, UserId> names_;
    std::vector<Entry> missions_;
    std::array<std::set<MissionId>, 3> by_state_;  ///< which missions are in each state
    std::multimap<WallMs, MissionId> deadlines_;
    std::set<MissionId>& in_state(MissionState state);
    Audit totals_;  ///< minted, staked, paid and refunded; the rest is counted when asked for
    std::size_t keys_per_generation_;
    std::unordered_map<std::string, Applied> keys_, older_keys_;
    WallMs keys_since_ = 0;
    bool seeded_ = false;
};

}  // namespace loadline::missiond

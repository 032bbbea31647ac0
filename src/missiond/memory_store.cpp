#include "missiond/memory_store.hpp"

#include <fmt/format.h>

namespace loadline::missiond {
namespace {

constexpr WallMs key_life = 10 * 60 * 1000;

std::string key_of(UserId user, std::string_view key) { return fmt::format("{} {}", user, key); }

}  // namespace

MemoryStore::MemoryStore(std::size_t keys_per_generation)
    : keys_per_generation_{keys_per_generation} {}

MemoryStore::User* MemoryStore::find_user(UserId id) {
    return id == 0 || id > users_.size() ? nullptr : &users_[id - 1];
}

MemoryStore::Entry* MemoryStore::find_mission(MissionId id) {
    return id == 0 || id > missions_.size() ? nullptr : &missions_[id - 1];
}

std::set<MissionId>& MemoryStore::in_state(MissionState state) {
    return by_state_[static_cast<std::size_t>(state)];
}

Later<Answer<UserId>> MemoryStore::create_user(const NewUser& user) {
    const std::lock_guard lock{mutex_};
    const auto [at, fresh] = names_.try_emplace(user.name, users_.size() + 1);
    if (!fresh) return Refusal::name_taken;
    users_.push_back({user.name, user.password_hash, user.role, 0, {}});
    return at->second;
}

Later<Answer<Account>> MemoryStore::find_account(std::string_view name) {
    const std::lock_guard lock{mutex_};
    const auto at = names_.find(std::string{name});
    if (at == names_.end()) return Refusal::no_user;
    const auto& user = users_[at->second - 1];
    return Account{at->second, user.role, user.password_hash};
}

Later<Answer<Profile>> MemoryStore::profile(UserId id) {
    const std::lock_guard lock{mutex_};
    const auto* user = find_user(id);
    if (!user) return Refusal::no_user;
    return Profile{id, user->name, user->role, user->cash};
}

Later<Answer<Done>> MemoryStore::open_session(UserId id, const Session& session) {
    const std::lock_guard lock{mutex_};
    auto* user = find_user(id);
    if (!user) return Refusal::no_user;
    user->session = session;
    return Done{};
}

Later<Answer<RefreshedSession>> MemoryStore::refresh_session(UserId id, std::string_view old_hash,
                                                             std::string_view new_hash,
                                                             WallMs expires, WallMs now) {
    const std::lock_guard lock{mutex_};
    auto* user = find_user(id);
    if (!user || !user->session || user->session->expires <= now ||
        user->session->refresh_hash != old_hash) {
        return Refusal::session_over;
    }
    user->session->refresh_hash = new_hash;
    user->session->expires = expires;
    return RefreshedSession{user->session->id, user->role};
}

Later<Answer<Done>> MemoryStore::close_session(UserId id, std::string_view session) {
    const std::lock_guard lock{mutex_};
    auto* user = find_user(id);
    if (!user) return Refusal::no_user;
    if (user->session && (session.empty() || user->session->id == session)) user->session.reset();
    return Done{};
}

Later<Answer<bool>> MemoryStore::session_is_open(UserId id, std::string_view session, WallMs now) {
    const std::lock_guard lock{mutex_};
    const auto* user = find_user(id);
    return user && user->session && user->session->id == session && user->session->expires > now;
}

/// The entry of a key still remembered. Two generations of keys: the older one is
/// dropped when the younger is full or ten minutes old.
const MemoryStore::Applied* MemoryStore::find_key(const std::string& key, WallMs now) {
    if (keys_.size() >= keys_per_generation_ || now - keys_since_ > key_life) {
        older_keys_ = std::exchange(keys_, {});
        keys_since_ = now;
    }
    for (const auto* generation : {&keys_, &older_keys_}) {
        if (const auto at = generation->find(key); at != generation->end()) return &at->second;
    }
    return nullptr;
}

Later<Answer<Amount>> MemoryStore::add_cash(UserId id, Amount amount, std::string_view key,
                                            WallMs now) {
    const auto whole_key = key.empty() ? std::string{} : key_of(id, key);
    const std::lock_guard lock{mutex_};
    if (!key.empty()) {
        if (const auto* applied = find_key(whole_key, now)) {
            if (applied->mission != 0 || applied->amount != amount) return Refusal::key_reused;
            return applied->answer.cash;
        }
    }
    auto* user = find_user(id);
    if (!user) return Refusal::no_user;
    if (amount > max_minted - totals_.minted) return Refusal::mint_limit;
    user->cash += amount;
    totals_.minted += amount;
    if (!key.empty()) keys_[whole_key] = {0, amount, {0, user->cash}};
    return user->cash;
}

void MemoryStore::stake(User& user, UserId id, Entry& entry, Amount amount) {
    user.cash -= amount;
    entry.mission.pot += amount;
    entry.stakes[id] += amount;
    entry.mission.stakes = entry.stakes.size();
    totals_.staked += amount;
}

Later<Answer<MissionId>> MemoryStore::create_mission(const NewMission& wanted) {
    const std::lock_guard lock{mutex_};
    const auto* streamer = find_user(wanted.streamer);
    if (!streamer || streamer->role != Role::streamer) return Refusal::no_streamer;
    auto* creator = find_user(wanted.creator);
    if (!creator) return Refusal::no_user;
    if (creator->cash < wanted.first_stake) return Refusal::too_little_cash;

    Mission mission;
    mission.id = missions_.size() + 1;
    mission.title = wanted.title;
    mission.streamer = wanted.streamer;
    mission.deadline = wanted.deadline;
    missions_.push_back({std::move(mission), {}});
    auto& entry = missions_.back();
    in_state(MissionState::open).insert(entry.mission.id);
    if (wanted.first_stake > 0) stake(*creator, wanted.creator, entry, wanted.first_stake);
    if (wanted.deadline > 0) deadlines_.emplace(wanted.deadline, entry.mission.id);
    return entry.mission.id;
}

Later<Answer<BetPlaced>> MemoryStore::bet(const Bet& bet, WallMs now) {
    const auto key = bet.key.empty() ? std::string{} : key_of(bet.viewer, bet.key);
    const std::lock_guard lock{mutex_};
    if (!key.empty()) {
        if (const auto* applied = find_key(key, now)) {
            if (applied->mission != bet.mission || applied->amount != bet.amount) {
                return Refusal::key_reused;
            }
            return applied->answer;
        }
    }
    auto* entry = find_mission(bet.mission);
    if (!entry) return Refusal::no_mission;
    fail_if_overdue(*entry, now);
    if (entry->mission.state != MissionState::open) return Refusal::not_open;
    auto* user = find_user(bet.viewer);
    if (!user) return Refusal::no_user;
    if (user->cash < bet.amount) return Refusal::too_little_cash;

    stake(*user, bet.viewer, *entry, bet.amount);
    const BetPlaced placed{entry->mission.pot, user->cash};
    if (!key.empty()) keys_[key] = {bet.mission, bet.amount, placed};
    return placed;
}

/// Moves the whole pot: to the streamer, or back to everybody. Requires an open mission.
void MemoryStore::settle(Entry& entry, MissionState to) {
    auto& mission = entry.mission;
    if (to == MissionState::succeeded) {
        users_[mission.streamer - 1].cash += mission.pot;
        totals_.paid += mission.pot;
    } else {
        for (const auto& [user, amount] : entry.stakes) users_[user - 1].cash += amount;
        totals_.refunded += mission.pot;
    }
    in_state(MissionState::open).erase(mission.id);
    in_state(to).insert(mission.id);
    mission.state = to;
    mission.settled = std::exchange(mission.pot, 0);
}

void MemoryStore::fail_if_overdue(Entry& entry, WallMs now) {
    const auto& mission = entry.mission;
    if (mission.state == MissionState::open && mission.deadline > 0 && mission.deadline <= now) {
        settle(entry, MissionState::failed);
    }
}

Later<Answer<Settlement>> MemoryStore::settle(MissionId id, UserId streamer, MissionState to,
                                              WallMs now) {
    const std::lock_guard lock{mutex_};
    auto* entry = find_mission(id);
    if (!entry) return Refusal::no_mission;
    auto& mission = entry->mission;
    if (mission.streamer != streamer) return Refusal::not_owner;
    fail_if_overdue(*entry, now);
    if (mission.state == MissionState::open) settle(*entry, to);
    if (mission.state != to) return Refusal::settled_otherwise;
    return Settlement{mission.state, mission.settled, mission.stakes};
}

Later<Answer<std::uint64_t>> MemoryStore::fail_overdue(WallMs now) {
    constexpr std::uint64_t at_most = 1000;
    const std::lock_guard lock{mutex_};
    std::uint64_t failed = 0;
    while (failed < at_most && !deadlines_.empty() && deadlines_.begin()->first <= now) {
        fail_if_overdue(missions_[deadlines_.begin()->second - 1], now);
        deadlines_.erase(deadlines_.begin());
        ++failed;
    }
    return failed;
}

Later<Answer<std::pair<Mission, std::vector<Stake>>>> MemoryStore::mission(MissionId id,
                                                                           WallMs now) {
    const std::lock_guard lock{mutex_};
    auto* entry = find_mission(id);
    if (!entry) return Refusal::no_mission;
    fail_if_overdue(*entry, now);
    std::vector<Stake> stakes;
    for (const auto& [user, amount] : entry->stakes) {
        if (stakes.size() == page_size) break;
        stakes.push_back({user, amount});
    }
    return std::pair{entry->mission, std::move(stakes)};
}

Later<Answer<std::vector<Mission>>> MemoryStore::missions(std::optional<MissionState> state,
                                                          MissionId after) {
    const std::lock_guard lock{mutex_};
    std::vector<Mission> page;
    if (!state) {
        for (auto i = after; i < missions_.size() && page.size() < page_size; ++i) {
            page.push_back(missions_[i].mission);
        }
        return page;
    }
    const auto& ids = in_state(*state);
    for (auto at = ids.upper_bound(after); at != ids.end() && page.size() < page_size; ++at) {
        page.push_back(missions_[*at - 1].mission);
    }
    return page;
}

Later<Answer<Audit>> MemoryStore::audit() {
    const std::lock_guard lock{mutex_};
    auto audit = totals_;
    for (const auto& user : users_) audit.cash += user.cash;
    for (const auto id : in_state(MissionState::open)) audit.pots += missions_[id - 1].mission.pot;
    audit.open = in_state(MissionState::open).size();
    audit.succeeded = in_state(MissionState::succeeded).size();
    audit.failed = in_state(MissionState::failed).size();
    audit.users = users_.size();
    return audit;
}

Later<Answer<bool>> MemoryStore::seeded() {
    const std::lock_guard lock{mutex_};
    return seeded_;
}

Later<Answer<Done>> MemoryStore::mark_seeded() {
    const std::lock_guard lock{mutex_};
    seeded_ = true;
    return Done{};
}

}  // namespace loadline::missiond

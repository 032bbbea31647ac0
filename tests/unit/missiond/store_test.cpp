#include <gtest/gtest.h>

#include <optional>

#include "base/rng.hpp"
#include "missiond/memory_store.hpp"

namespace loadline::missiond {
namespace {

/// The memory store answers at once: takes the answer out.
template <class T>
Answer<T> now(Later<Answer<T>> later) {
    EXPECT_TRUE(later.await_ready());
    return later.await_resume();
}

class MemoryStoreTest : public testing::Test {
protected:
    UserId user(Role role, Amount cash = 0) {
        NewUser wanted{"user " + std::to_string(++made_), role, "hash"};
        const auto id = *now(store_.create_user(wanted));
        if (cash > 0) now(store_.add_cash(id, cash, "", 0));
        return id;
    }
    MissionId mission(UserId streamer, WallMs deadline = 0) {
        NewMission wanted{"title", streamer, streamer, 0, deadline};
        return *now(store_.create_mission(wanted));
    }
    Answer<BetPlaced> bet(UserId who, MissionId mission, Amount amount, std::string_view key = "",
                          WallMs at = 1000) {
        const Bet wanted{who, mission, amount, key};
        return now(store_.bet(wanted, at));
    }
    Amount cash(UserId who) { return now(store_.profile(who))->cash; }

    MemoryStore store_{100};
    int made_ = 0;
};

TEST_F(MemoryStoreTest, RefusesABetThatCannotBePaidAndChangesNothing) {
    const auto viewer = user(Role::viewer, 100), streamer = user(Role::streamer);
    const auto open = mission(streamer);
    EXPECT_EQ(bet(viewer, open, 101).error(), Refusal::too_little_cash);
    EXPECT_EQ(bet(viewer, 99, 1).error(), Refusal::no_mission);
    EXPECT_EQ(bet(99, open, 1).error(), Refusal::no_user);
    EXPECT_EQ(cash(viewer), 100);
    EXPECT_EQ(now(store_.audit())->staked, 0);
}

TEST_F(MemoryStoreTest, SettlesOnceAndRepeatsTheSameSettlement) {
    const auto viewer = user(Role::viewer, 100), streamer = user(Role::streamer);
    const auto id = mission(streamer);
    ASSERT_TRUE(bet(viewer, id, 60));
    for (int i = 0; i < 3; ++i) {
        const auto settled = now(store_.settle(id, streamer, MissionState::succeeded, 0));
        ASSERT_TRUE(settled);
        EXPECT_EQ(settled->amount, 60);
        EXPECT_EQ(settled->stakes, 1u);
        EXPECT_EQ(cash(streamer), 60);
    }
    EXPECT_EQ(now(store_.settle(id, streamer, MissionState::failed, 0)).error(),
              Refusal::settled_otherwise);
    EXPECT_EQ(now(store_.settle(id, viewer, MissionState::succeeded, 0)).error(),
              Refusal::not_owner);
}

TEST_F(MemoryStoreTest, FailsAMissionOnTheFirstTouchAfterItsDeadline) {
    const auto viewer = user(Role::viewer, 100), streamer = user(Role::streamer);
    const auto id = mission(streamer, 5000);
    ASSERT_TRUE(bet(viewer, id, 60, "", 4999));
    EXPECT_EQ(bet(viewer, id, 1, "", 5000).error(), Refusal::not_open);
    EXPECT_EQ(cash(viewer), 100);
    EXPECT_EQ(now(store_.settle(id, streamer, MissionState::succeeded, 5000)).error(),
              Refusal::settled_otherwise);
}

TEST_F(MemoryStoreTest, SweepsMissionsWhoseDeadlineHasPassed) {
    const auto viewer = user(Role::viewer, 100), streamer = user(Role::streamer);
    const auto early = mission(streamer, 1000), late = mission(streamer, 9000);
    ASSERT_TRUE(bet(viewer, early, 10, "", 1));
    ASSERT_TRUE(bet(viewer, late, 20, "", 1));
    EXPECT_EQ(*now(store_.fail_overdue(999)), 0u);
    EXPECT_EQ(*now(store_.fail_overdue(1000)), 1u);
    EXPECT_EQ(*now(store_.fail_overdue(1000)), 0u);
    EXPECT_EQ(cash(viewer), 80);
    EXPECT_EQ(now(store_.audit())->failed, 1u);
}

TEST_F(MemoryStoreTest, RemembersAKeyForTenMinutesAndForgetsItAfterTwenty) {
    const auto viewer = user(Role::viewer, 100), streamer = user(Role::streamer);
    const auto id = mission(streamer);
    constexpr WallMs start = 1'000'000, minute = 60'000;
    ASSERT_EQ(bet(viewer, id, 10, "key", start)->cash, 90);
    EXPECT_EQ(bet(viewer, id, 10, "key", start + 10 * minute)->cash, 90);
    EXPECT_EQ(bet(viewer, id, 11, "key", start + 10 * minute).error(), Refusal::key_reused);
    // Two generations later it is forgotten, and so is the memory it took.
    bet(viewer, id, 1, "a", start + 11 * minute);
    bet(viewer, id, 1, "b", start + 22 * minute);
    EXPECT_EQ(bet(viewer, id, 10, "key", start + 22 * minute)->cash, 78);
}

TEST_F(MemoryStoreTest, KeepsAtLeastAGenerationOfKeysHoweverFastTheyCome) {
    const auto viewer = user(Role::viewer, 1000), streamer = user(Role::streamer);
    const auto id = mission(streamer);
    for (int i = 0; i < 150; ++i) ASSERT_TRUE(bet(viewer, id, 1, "key " + std::to_string(i)));
    EXPECT_EQ(bet(viewer, id, 1, "key 60")->cash, 1000 - 61);  // the answer of then
    EXPECT_EQ(bet(viewer, id, 1, "key 149")->cash, 1000 - 150);
    EXPECT_EQ(cash(viewer), 1000 - 150);
}

TEST_F(MemoryStoreTest, NeverMintsMoreThanDoublesCountExactly) {
    const auto viewer = user(Role::viewer, max_minted - 5), other = user(Role::viewer);
    EXPECT_EQ(now(store_.add_cash(other, 6, "", 0)).error(), Refusal::mint_limit);
    EXPECT_EQ(*now(store_.add_cash(other, 5, "", 0)), 5);
    EXPECT_EQ(cash(viewer) + cash(other), max_minted);
}

TEST_F(MemoryStoreTest, KeepsOneSessionPerUser) {
    const auto viewer = user(Role::viewer);
    const Session first{"one", "hash-1", 5000}, second{"two", "hash-2", 5000};
    ASSERT_TRUE(now(store_.open_session(viewer, first)));
    ASSERT_TRUE(now(store_.open_session(viewer, second)));
    EXPECT_FALSE(*now(store_.session_is_open(viewer, "one", 0)));
    EXPECT_TRUE(*now(store_.session_is_open(viewer, "two", 4999)));
    EXPECT_FALSE(*now(store_.session_is_open(viewer, "two", 5000)));
    EXPECT_EQ(now(store_.refresh_session(viewer, "hash-1", "x", 9000, 0)).error(),
              Refusal::session_over);
    EXPECT_EQ(now(store_.refresh_session(viewer, "hash-2", "x", 9000, 5000)).error(),
              Refusal::session_over);
    EXPECT_EQ(now(store_.refresh_session(viewer, "hash-2", "hash-3", 9000, 4999))->id, "two");
    EXPECT_TRUE(now(store_.close_session(viewer, "one")));  // not its session: stays
    EXPECT_TRUE(*now(store_.session_is_open(viewer, "two", 8999)));
    EXPECT_TRUE(now(store_.close_session(viewer, "")));
    EXPECT_FALSE(*now(store_.session_is_open(viewer, "two", 0)));
}

TEST_F(MemoryStoreTest, ListsAPageAfterAnIdInOrder) {
    const auto streamer = user(Role::streamer);
    for (int i = 0; i < 120; ++i) mission(streamer);
    ASSERT_TRUE(now(store_.settle(3, streamer, MissionState::failed, 0)));
    const auto all = now(store_.missions({}, 0));
    ASSERT_EQ(all->size(), page_size);
    EXPECT_EQ(all->front().id, 1u);
    EXPECT_EQ(all->back().id, 100u);
    EXPECT_EQ(now(store_.missions({}, 100))->size(), 20u);
    EXPECT_EQ(now(store_.missions(MissionState::open, 2))->front().id, 4u);
    EXPECT_EQ(now(store_.missions(MissionState::failed, 0))->size(), 1u);
    EXPECT_TRUE(now(store_.missions({}, 10'000))->empty());
}

/// Whatever happens in whatever order, no cash appears or vanishes.
TEST_F(MemoryStoreTest, ConservesMoneyThroughRandomHistories) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(seed);
        MemoryStore store{50};
        Rng rng{seed};
        const auto pick = [&](std::uint64_t n) {
            return static_cast<std::uint64_t>(rng.between(1, static_cast<std::int64_t>(n)));
        };
        for (int i = 0; i < 12; ++i) {
            const NewUser wanted{std::to_string(i), i % 3 ? Role::viewer : Role::streamer, ""};
            ASSERT_TRUE(now(store.create_user(wanted)));
        }
        Amount minted = 0, staked = 0;
        for (WallMs at = 0; at < 3000; ++at) {
            const auto key = rng.uniform() < 0.3 ? std::to_string(pick(20)) : std::string{};
            switch (pick(6)) {
                case 1: {
                    const auto before = now(store.audit())->minted;
                    const auto amount = rng.between(1, 1000);
                    now(store.add_cash(pick(12), amount, key, at));
                    minted += now(store.audit())->minted - before;
                    break;
                }
                case 2: {
                    const NewMission wanted{"t", pick(12), pick(12), rng.between(0, 50),
                                            rng.uniform() < 0.5 ? at + rng.between(1, 500) : 0};
                    if (now(store.create_mission(wanted))) staked += wanted.first_stake;
                    break;
                }
                case 3: {
                    const auto id = pick(200);
                    const auto found = now(store.mission(id, at));
                    const auto by = found && pick(3) > 1 ? found->first.streamer : pick(12);
                    now(store.settle(
                        id, by, pick(2) == 1 ? MissionState::succeeded : MissionState::failed, at));
                    break;
                }
                case 4:
                    now(store.fail_overdue(at));
                    break;
                default: {
                    const Bet wanted{pick(12), pick(200), rng.between(1, 300), key};
                    const auto before = now(store.audit())->staked;
                    now(store.bet(wanted, at));
                    const auto moved = now(store.audit())->staked - before;
                    ASSERT_TRUE(moved == 0 || moved == wanted.amount);
                    staked += moved;
                }
            }
            const auto audit = *now(store.audit());
            ASSERT_EQ(audit.cash + audit.pots, audit.minted) << "step " << at;
            ASSERT_EQ(audit.pots + audit.paid + audit.refunded, audit.staked) << "step " << at;
            ASSERT_EQ(audit.minted, minted);
            ASSERT_EQ(audit.staked, staked);
            for (UserId id = 1; id <= 12; ++id) ASSERT_GE(now(store.profile(id))->cash, 0);
        }
        const auto audit = *now(store.audit());
        EXPECT_GT(audit.succeeded, 0u);
        EXPECT_GT(audit.failed, 0u);
        EXPECT_GT(audit.staked, 0);
    }
}

}  // namespace
}  // namespace loadline::missiond

#pragma once
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "missiond/redis_scripts.hpp"
#include "missiond/store.hpp"
#include "net/redis_client.hpp"

namespace loadline::missiond {

/// The store in Redis: users and sessions in one (`users`), cash and missions in
/// another or the same (`ledger`). Every step is one Lua script, sent as EVALSHA and
/// once as EVAL where Redis does not know it. One per I/O thread, with pipelined
/// connections of its own. store_down while Redis does not answer; it comes back by itself.
class RedisStore final : public Store {
public:
    RedisStore(boost::asio::io_context& context, const Url& ledger, const Url& users);

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
    Later<Answer<Done>> ping() override;
    Later<Answer<bool>> seeded() override;
    Later<Answer<Done>> mark_seeded() override;

private:
    /// Runs a script; the values after "ok", or why not.
    Later<Answer<RedisAnswer>> run(RedisClient& client, const Script& script,
                                   std::vector<std::string> arguments);
    /// A command's answer, errors turned into store_down.
    Later<Answer<RedisAnswer>> ask(RedisClient& client, std::vector<std::string> command);
    Answer<RedisAnswer> judge(const RedisClient& client, const RedisAnswer& answer);

    std::shared_ptr<RedisClient> ledger_, users_;
    bool complained_ = false;
};

}  // namespace loadline::missiond

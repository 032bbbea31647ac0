#include "missiond/redis_scripts.hpp"

#include <string_view>

#include "missiond/secrets.hpp"

namespace loadline::missiond {
namespace {

/// Lua counts in doubles: exact here, since all cash together stays below 2^53.
/// Redis turns a number argument into "%.17g", which never shortens such a value;
/// Lua's own ".." would, from 10^14 on: amounts are never joined with it.
constexpr std::string_view ledger_functions = R"lua(
local call = redis.call

local function credit(user, amount)
  call('SADD', 'accounts', user)
  return call('HINCRBY', 'user:' .. user, 'cash', amount)
end

local function cash_of(user)
  return tonumber(call('HGET', 'user:' .. user, 'cash') or 0)
end

-- Takes the cash from the user: the caller has seen that there is enough.
local function stake(user, mission, amount)
  local key = 'mission:' .. mission
  local cash = call('HINCRBY', 'user:' .. user, 'cash', '-' .. amount)
  local pot = call('HINCRBY', key, 'pot', amount)
  if call('HINCRBY', key .. ':stakes', user, amount) == tonumber(amount) then
    call('HINCRBY', key, 'stakes', 1)
  end
  call('HINCRBY', 'ledger', 'staked', amount)
  return pot, cash
end

-- Moves the whole pot of an open mission: to the streamer, or back to everybody.
local function close_mission(mission, to)
  local key = 'mission:' .. mission
  local found = call('HMGET', key, 'pot', 'streamer')
  local pot = found[1]
  if to == 'succeeded' then
    credit(found[2], pot)
    call('HINCRBY', 'ledger', 'paid', pot)
  else
    local stakes = call('HGETALL', key .. ':stakes')
    for i = 1, #stakes, 2 do credit(stakes[i], stakes[i + 1]) end
    call('HINCRBY', 'ledger', 'refunded', pot)
  end
  call('HSET', key, 'state', to, 'pot', 0, 'settled', pot)
  call('HINCRBY', 'ledger', to, 1)
  call('ZREM', 'missions:open', mission)
  call('ZADD', 'missions:' .. to, mission, mission)
  call('ZREM', 'deadlines', mission)
end

-- The state after a deadline that has passed; nil when there is no such mission.
local function state_of(mission, now)
  local found = call('HMGET', 'mission:' .. mission, 'state', 'deadline')
  local state, deadline = found[1], tonumber(found[2] or 0)
  if state == 'open' and deadline > 0 and deadline <= tonumber(now) then
    close_mission(mission, 'failed')
    return 'failed'
  end
  return state
end

-- The answer that was given under this key before, or a refusal; nil when it is new.
local function repeated(user, key, what)
  if key == '' then return nil end
  local seen = call('GET', 'idem:' .. user .. ':' .. key)
  if not seen then return nil end
  local before, pot, cash = string.match(seen, '^(%S+) (%d+) (%d+)$')
  if before ~= what then return {'key_reused'} end
  return {'ok', pot, cash}
end

local function remember(user, key, what, pot, cash)
  if key == '' then return end
  call('SET', 'idem:' .. user .. ':' .. key, string.format('%s %.0f %.0f', what, pot, cash),
       'PX', 600000)
end

local function read_mission(mission)
  local m = call('HMGET', 'mission:' .. mission, 'title', 'streamer', 'state', 'pot', 'settled',
                 'stakes', 'deadline')
  table.insert(m, 1, mission)
  return m
end
)lua";

constexpr std::string_view create_user = R"lua(
if redis.call('EXISTS', 'name:' .. ARGV[1]) == 1 then return {'name_taken'} end
local id = redis.call('INCR', 'users:next')
redis.call('SET', 'name:' .. ARGV[1], id)
redis.call('HSET', 'user:' .. id, 'name', ARGV[1], 'role', ARGV[2], 'password', ARGV[3])
return {'ok', id}
)lua";

constexpr std::string_view find_account = R"lua(
local id = redis.call('GET', 'name:' .. ARGV[1])
if not id then return {'no_user'} end
local user = redis.call('HMGET', 'user:' .. id, 'role', 'password')
return {'ok', id, user[1], user[2]}
)lua";

constexpr std::string_view open_session = R"lua(
if redis.call('EXISTS', 'user:' .. ARGV[1]) == 0 then return {'no_user'} end
local key = 'session:' .. ARGV[1]
redis.call('HSET', key, 'id', ARGV[2], 'refresh', ARGV[3], 'expires', ARGV[4])
redis.call('PEXPIREAT', key, ARGV[4])
return {'ok'}
)lua";

constexpr std::string_view refresh_session = R"lua(
local key = 'session:' .. ARGV[1]
local session = redis.call('HMGET', key, 'refresh', 'expires', 'id')
if session[1] ~= ARGV[2] or tonumber(session[2]) <= tonumber(ARGV[5]) then
  return {'session_over'}
end
redis.call('HSET', key, 'refresh', ARGV[3], 'expires', ARGV[4])
redis.call('PEXPIREAT', key, ARGV[4])
return {'ok', session[3], redis.call('HGET', 'user:' .. ARGV[1], 'role')}
)lua";

constexpr std::string_view close_session = R"lua(
if redis.call('EXISTS', 'user:' .. ARGV[1]) == 0 then return {'no_user'} end
local key = 'session:' .. ARGV[1]
if ARGV[2] == '' or redis.call('HGET', key, 'id') == ARGV[2] then redis.call('DEL', key) end
return {'ok'}
)lua";

constexpr std::string_view add_cash = R"lua(
local user, amount, key = ARGV[1], ARGV[2], ARGV[3]
local what = 'cash:' .. amount
local before = repeated(user, key, what)
if before then return before end
local minted = tonumber(call('HGET', 'ledger', 'minted') or 0)
if tonumber(amount) > tonumber(ARGV[4]) - minted then return {'mint_limit'} end
local cash = credit(user, amount)
call('HINCRBY', 'ledger', 'minted', amount)
remember(user, key, what, 0, cash)
return {'ok', 0, cash}
)lua";

constexpr std::string_view create_mission = R"lua(
local title, streamer, creator, amount, deadline = unpack(ARGV)
if cash_of(creator) < tonumber(amount) then return {'too_little_cash'} end
local id = call('HINCRBY', 'ledger', 'missions', 1)
call('HSET', 'mission:' .. id, 'title', title, 'streamer', streamer, 'state', 'open', 'pot', 0,
     'settled', 0, 'stakes', 0, 'deadline', deadline)
call('ZADD', 'missions:open', id, id)
if deadline ~= '0' then call('ZADD', 'deadlines', deadline, id) end
if amount ~= '0' then stake(creator, id, amount) end
return {'ok', id}
)lua";

constexpr std::string_view bet = R"lua(
local user, mission, amount, key, now = unpack(ARGV)
local what = 'bet:' .. mission .. ':' .. amount
local before = repeated(user, key, what)
if before then return before end
local state = state_of(mission, now)
if not state then return {'no_mission'} end
if state ~= 'open' then return {'not_open'} end
if cash_of(user) < tonumber(amount) then return {'too_little_cash'} end
local pot, cash = stake(user, mission, amount)
remember(user, key, what, pot, cash)
return {'ok', pot, cash}
)lua";

constexpr std::string_view settle = R"lua(
local mission, streamer, to, now = unpack(ARGV)
local key = 'mission:' .. mission
local owner = call('HGET', key, 'streamer')
if not owner then return {'no_mission'} end
if owner ~= streamer then return {'not_owner'} end
local state = state_of(mission, now)
if state == 'open' then
  close_mission(mission, to)
elseif state ~= to then
  return {'settled_otherwise'}
end
local settled = call('HMGET', key, 'settled', 'stakes')
return {'ok', settled[1], settled[2]}
)lua";

constexpr std::string_view fail_overdue = R"lua(
local due = call('ZRANGEBYSCORE', 'deadlines', '-inf', ARGV[1], 'LIMIT', 0, 100)
for _, mission in ipairs(due) do close_mission(mission, 'failed') end
return {'ok', #due}
)lua";

constexpr std::string_view mission = R"lua(
local mission, now, most = unpack(ARGV)
if not state_of(mission, now) then return {'no_mission'} end
local all = call('HGETALL', 'mission:' .. mission .. ':stakes')
local users = {}
local amounts = {}
for i = 1, #all, 2 do
  local user = tonumber(all[i])
  users[#users + 1] = user
  amounts[user] = all[i + 1]
end
table.sort(users)
local stakes = {}
for i = 1, math.min(#users, tonumber(most)) do
  stakes[#stakes + 1] = users[i]
  stakes[#stakes + 1] = amounts[users[i]]
end
return {'ok', read_mission(mission), stakes}
)lua";

constexpr std::string_view missions = R"lua(
local state, after, most = unpack(ARGV)
local ids = {}
if state == '' then
  local last = tonumber(call('HGET', 'ledger', 'missions') or 0)
  for id = tonumber(after) + 1, math.min(last, tonumber(after) + tonumber(most)) do
    ids[#ids + 1] = id
  end
else
  ids = call('ZRANGEBYSCORE', 'missions:' .. state, '(' .. after, '+inf', 'LIMIT', 0, most)
end
local page = {}
for _, id in ipairs(ids) do page[#page + 1] = read_mission(id) end
return {'ok', page}
)lua";

constexpr std::string_view audit = R"lua(
local cash, pots = 0, 0
for _, user in ipairs(call('SMEMBERS', 'accounts')) do cash = cash + cash_of(user) end
local open = call('ZRANGE', 'missions:open', 0, -1)
for _, mission in ipairs(open) do
  pots = pots + tonumber(call('HGET', 'mission:' .. mission, 'pot'))
end
local totals = call('HMGET', 'ledger', 'minted', 'staked', 'paid', 'refunded', 'succeeded', 'failed')
for i = 1, 6 do totals[i] = totals[i] or '0' end
return {'ok', cash, pots, totals[1], totals[2], totals[3], totals[4], #open, totals[5], totals[6]}
)lua";

Script users_script(std::string_view body) { return {std::string{body}, sha1_hex(body)}; }

Script ledger_script(std::string_view body) {
    const auto text = std::string{ledger_functions} + std::string{body};
    return {text, sha1_hex(text)};
}

}  // namespace

const Scripts& scripts() {
    static const Scripts all{
        .create_user = users_script(create_user),
        .find_account = users_script(find_account),
        .open_session = users_script(open_session),
        .refresh_session = users_script(refresh_session),
        .close_session = users_script(close_session),
        .add_cash = ledger_script(add_cash),
        .create_mission = ledger_script(create_mission),
        .bet = ledger_script(bet),
        .settle = ledger_script(settle),
        .fail_overdue = ledger_script(fail_overdue),
        .mission = ledger_script(mission),
        .missions = ledger_script(missions),
        .audit = ledger_script(audit),
    };
    return all;
}

}  // namespace loadline::missiond

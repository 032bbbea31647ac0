-- The mission mix for wrk; the same work as mix.json: see there.
--
--   MIX_TOKEN=... wrk -t1 -c64 -d5s -s mix.lua http://127.0.0.1:PORT
--
-- wrk has no step before the load, so who starts it logs in and hands the token over.
local token = os.getenv("MIX_TOKEN") or error("MIX_TOKEN is not set: log in first")
local headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
local random, format = math.random, string.format

-- Globals of each thread, read by done().
wrong, balance = 0, 0
local threads = {}

function setup(thread)
    threads[#threads + 1] = thread
end

function request()
    local body = format('{"amount":%d}', random(1, 100))
    return wrk.format("POST", format("/missions/%d/bet", random(1, 1000)), headers, body)
end

function response(status, _, body)
    local found = body:match('"balance":(%d+)')
    if status ~= 200 or not found then
        wrong = wrong + 1
    else
        balance = tonumber(found)
    end
end

function done()
    local all = 0
    for _, thread in ipairs(threads) do
        all = all + thread:get("wrong")
    end
    io.write(format("Wrong answers: %d\n", all))
end

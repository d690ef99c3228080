-- leave: jobs of one tenant have ended: they count no more, and are listed for as long as their records live.
-- KEYS[1] open jobs  KEYS[2] queued jobs  KEYS[3] the tenant's open jobs
-- KEYS[4] leaving jobs: sorted set of `<request id>:<tenant>`, by when the record is gone (ms)     (same hash tag)
-- ARGV[1] tenant  ARGV[2] record retention (ms)  ARGV[3] retention of the lists (ms)  ARGV[4…] request ids
-- RETURNS 1
local tenant, record_ms, lists_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local ids = { unpack(ARGV, 4) }
for place = 1, 3 do redis.call('ZREM', KEYS[place], unpack(ids)) end

local time = redis.call('TIME')
local gone_at = string.format('%.0f', time[1] * 1000 + math.ceil(time[2] / 1000) + record_ms)
local leaving = {}
for _, id in ipairs(ids) do
  leaving[#leaving + 1] = gone_at
  leaving[#leaving + 1] = id .. ':' .. tenant
end
-- told again, the last time: a record never goes after its place in the lists
redis.call('ZADD', KEYS[4], unpack(leaving))
redis.call('PEXPIRE', KEYS[4], lists_ms)
return 1

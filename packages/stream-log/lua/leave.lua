-- leave: a job has ended: it counts no more, and is listed for as long as its record lives.
-- KEYS[1] open jobs  KEYS[2] queued jobs  KEYS[3] the tenant's open jobs
-- KEYS[4] leaving jobs: sorted set of `<request id>:<tenant>`, by when the record is gone (ms)     (same hash tag)
-- ARGV[1] request id  ARGV[2] tenant  ARGV[3] record retention (ms)  ARGV[4] retention of the lists (ms)
-- RETURNS 1
local id, tenant, record_ms, lists_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
for place = 1, 3 do redis.call('ZREM', KEYS[place], id) end

local time = redis.call('TIME')
local gone_at = time[1] * 1000 + math.ceil(time[2] / 1000) + record_ms
-- told again, the last time: a record never goes after its place in the lists
redis.call('ZADD', KEYS[4], string.format('%.0f', gone_at), id .. ':' .. tenant)
redis.call('PEXPIRE', KEYS[4], lists_ms)
return 1

-- admit: count a job in, unless the queue is full or its tenant has too many unfinished jobs.
-- KEYS[1] open jobs  KEYS[2] queued jobs  KEYS[3] all jobs  KEYS[4] the tenant's open jobs  KEYS[5] the tenant's jobs
--         (sorted sets of request ids, scored by arrival in µs; same hash tag)
-- ARGV[1] request id  ARGV[2] most queued jobs  ARGV[3] most open jobs of a tenant  ARGV[4] retention (ms)
-- RETURNS 1 admitted, now or before | -1 the queue is full | -2 the tenant has too many
local id, most_queued, most_open, retention_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if redis.call('ZSCORE', KEYS[1], id) then return 1 end
if redis.call('ZCARD', KEYS[2]) >= most_queued then return -1 end
if redis.call('ZCARD', KEYS[4]) >= most_open then return -2 end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- strictly increasing, so that a score alone is a cursor
local latest = tonumber(redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')[2] or 0)
local score = string.format('%.0f', math.max(now, latest + 1))
for _, key in ipairs(KEYS) do redis.call('ZADD', key, score, id) end

local oldest = string.format('(%.0f', now - retention_ms * 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', oldest)
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', oldest)
return 1

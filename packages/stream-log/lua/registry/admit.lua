-- admit: count a job in and give it its turn, unless the queue is full or its tenant has what it may have.
-- KEYS[1] open jobs  KEYS[2] queued jobs  KEYS[3] all jobs  KEYS[4] the tenant's open jobs  KEYS[5] the tenant's jobs
--         (sorted sets of references: 2 and 4 by turn, the others by arrival in µs)
-- KEYS[6] turns: hash of `taken` (turn of the job last taken) and `base` (turn that priorities count from)
-- KEYS[7] leaving jobs  KEYS[8] leaving logs (as in leave)  KEYS[9] holders of ids: `<id>/<tenant>`
-- KEYS[10] the tenant's stored bytes: hash of reference → bytes, and `total`                     (same hash tag)
-- ARGV[1] reference  ARGV[2] most queued jobs  ARGV[3] most open jobs of a tenant  ARGV[4] retention (ms)
-- ARGV[5] largest priority  ARGV[6] bytes that the job takes now  ARGV[7] most stored bytes of a tenant
-- RETURNS priority, from 1: admitted, now or before | -1 the queue is full | -2 the tenant has too many open jobs
--       | -3 the tenant has too many stored bytes
local ref, most_queued, most_open, retention_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local bytes = tonumber(ARGV[6])
local turns = redis.call('HMGET', KEYS[6], 'taken', 'base')
local taken, base = tonumber(turns[1] or 0), tonumber(turns[2] or 0)
local function priority(turn) return math.max(1, math.min(turn - base, tonumber(ARGV[5]))) end

if redis.call('ZSCORE', KEYS[1], ref) then return priority(tonumber(redis.call('ZSCORE', KEYS[4], ref) or 0)) end
if redis.call('ZCARD', KEYS[2]) >= most_queued then return -1 end
if redis.call('ZCARD', KEYS[4]) >= most_open then return -2 end
local stored = redis.call('HMGET', KEYS[10], 'total', ref)
local total, before = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
if total + bytes > tonumber(ARGV[7]) then return -3 end

local next_turn = tonumber(redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2])
if not next_turn then
  -- nobody waits whose priority counts from the old base
  base = taken
  redis.call('HSET', KEYS[6], 'base', string.format('%.0f', base))
end
local own = tonumber(redis.call('ZRANGE', KEYS[4], -1, -1, 'WITHSCORES')[2] or 0)
local turn = math.max(own, taken, (next_turn or 0) - 1) + 1

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- strictly increasing, so that a score alone is a cursor
local latest = tonumber(redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')[2] or 0)
local arrival = string.format('%.0f', math.max(now, latest + 1))
for _, place in ipairs({ 1, 3, 5 }) do redis.call('ZADD', KEYS[place], arrival, ref) end
for _, place in ipairs({ 2, 4 }) do redis.call('ZADD', KEYS[place], string.format('%.0f', turn), ref) end
redis.call('ZADD', KEYS[9], 0, (ref:gsub('^(.*)%.([^.]+)$', '%2/%1')))
redis.call('HSET', KEYS[10], ref, bytes, 'total', total + bytes - before)

-- the id may have been another job's, of which the record is gone
redis.call('ZREM', KEYS[7], ref)
redis.call('ZREM', KEYS[8], ref)

-- of a tenant who never comes again nothing may stay
local oldest = string.format('(%.0f', now - retention_ms * 1000)
for _, place in ipairs({ 3, 5 }) do redis.call('ZREMRANGEBYSCORE', KEYS[place], '-inf', oldest) end
for _, place in ipairs({ 3, 5, 9, 10 }) do redis.call('PEXPIRE', KEYS[place], retention_ms) end
return priority(turn)

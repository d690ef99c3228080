-- admit: count a job in and give it its fair turn, unless the queue is full or its tenant has reached a limit.
-- KEYS[1] open jobs  KEYS[2] queued jobs  KEYS[3] all jobs  KEYS[4] the tenant's open jobs  KEYS[5] the tenant's jobs
--         (sorted sets of references: 2 and 4 by fair turn, the others by arrival in µs)
-- KEYS[6] fair turns: hash of `started` (turn of the job last started) and `base` (turn from which priorities count)
-- KEYS[7] expiring jobs  KEYS[8] expiring logs (as in retire)  KEYS[9] holders of ids: `<id>/<tenant>`
-- KEYS[10] the tenant's stored bytes: hash of reference → bytes, and `total`
-- KEYS[11] the tenant's usage  KEYS[12] unsettled jobs (see shared/ledger)                         (same hash tag)
-- ARGV[1] reference  ARGV[2] max queued jobs  ARGV[3] max open jobs of a tenant  ARGV[4] retention (ms)
-- ARGV[5] max priority  ARGV[6] bytes that the job takes now  ARGV[7] max stored bytes of a tenant
-- ARGV[8] pipeline, '' for a job that the ledger ignores  ARGV[9] model
-- ARGV[10] tokens that it reserves  ARGV[11] max tokens of a tenant and day, 'none', or '' to leave what is known of it
-- RETURNS priority, from 1: admitted, now or before | -1 the queue is full | -2 the tenant has too many open jobs
--       | -3 the tenant has too many stored bytes | {-4, tokens that are left of the day}
local ref, max_queued, max_open, retention_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local max_priority, bytes, max_bytes = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local pipeline, model, tokens, max_tokens = ARGV[8], ARGV[9], tonumber(ARGV[10]), ARGV[11]
local turns = redis.call('HMGET', KEYS[6], 'started', 'base')
local started, base = tonumber(turns[1] or 0), tonumber(turns[2] or 0)
local function priority(fair_turn) return math.max(1, math.min(fair_turn - base, max_priority)) end

if redis.call('ZSCORE', KEYS[1], ref) then return priority(tonumber(redis.call('ZSCORE', KEYS[4], ref) or 0)) end
if redis.call('ZCARD', KEYS[2]) >= max_queued then return -1 end
if redis.call('ZCARD', KEYS[4]) >= max_open then return -2 end
local stored = redis.call('HMGET', KEYS[10], 'total', ref)
local total, before = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
if total + bytes > max_bytes then return -3 end
local time = redis.call('TIME')
local day = ledger_day(time[1])
local left = left_of_day(KEYS[11] .. ':' .. day, max_tokens)
if left and tokens > left then return { -4, math.max(0, left) } end

local next_turn = tonumber(redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2])
if not next_turn then
  -- no queued job has a priority that counts from the old base
  base = started
  redis.call('HSET', KEYS[6], 'base', string.format('%.0f', base))
end
local own = tonumber(redis.call('ZRANGE', KEYS[4], -1, -1, 'WITHSCORES')[2] or 0)
local fair_turn = math.max(own, started, (next_turn or 0) - 1) + 1

local now = time[1] * 1000000 + time[2]
-- strictly increasing, so that a score alone is a cursor
local latest = tonumber(redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')[2] or 0)
local arrival = string.format('%.0f', math.max(now, latest + 1))
for _, place in ipairs({ 1, 3, 5 }) do redis.call('ZADD', KEYS[place], arrival, ref) end
for _, place in ipairs({ 2, 4 }) do redis.call('ZADD', KEYS[place], string.format('%.0f', fair_turn), ref) end
redis.call('ZADD', KEYS[9], 0, holder_of(ref))
redis.call('HSET', KEYS[10], ref, bytes, 'total', total + bytes - before)
-- an earlier job may have had the id; one that is admitted again keeps what is counted of it
local known = redis.call('HEXISTS', KEYS[11], ref) == 1
if known and max_tokens ~= '' then forget_usage(KEYS[11], KEYS[12], ref) end
if pipeline ~= '' and not (known and max_tokens == '') then
  open_entry(KEYS[11], ref, { day = day, pipeline = pipeline, model = model, reserved = tokens }, max_tokens)
end

-- an earlier job may have had the id, and its record is gone
redis.call('ZREM', KEYS[7], ref)
redis.call('ZREM', KEYS[8], ref)

-- nothing may remain of a tenant that never returns
local oldest = string.format('(%.0f', now - retention_ms * 1000)
for _, place in ipairs({ 3, 5 }) do redis.call('ZREMRANGEBYSCORE', KEYS[place], '-inf', oldest) end
for _, place in ipairs({ 3, 5, 9 }) do redis.call('PEXPIRE', KEYS[place], retention_ms) end
-- what counts there beside jobs may stay for longer
if redis.call('PTTL', KEYS[10]) < retention_ms then redis.call('PEXPIRE', KEYS[10], retention_ms) end
redis.call('PEXPIRE', KEYS[11], retention_ms)
return priority(fair_turn)

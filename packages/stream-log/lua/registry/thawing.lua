#!lua flags=allow-oom
-- thawing: a node reads a job from the archive and puts it back into Redis: count what that takes, unless the job is erased. Runs
-- even when Redis is full: most ids that are asked for are nobody's, and take nothing.
-- KEYS[1] thawed jobs, by when they leave Redis (ms)
-- KEYS[2] their bytes: hash of reference → bytes, `/<tenant>` → sum, and `total`
-- KEYS[3] erased jobs whose copies are still to go  KEYS[4] tenants whose copies are still to go    (same hash tag)
-- ARGV[1] reference  ARGV[2] its tenant
-- ARGV[3] its bytes; 0: it is still to be read; '': the archive does not have it, so that it need not be counted
-- ARGV[4] most bytes of all tenants  ARGV[5] most bytes of a tenant  ARGV[6] how long it stays (ms)
-- RETURNS 1 counted | 0 it is erased | -1 its tenant is just being erased | -2 there is no room now
local ref, tenant, bytes = ARGV[1], ARGV[2], tonumber(ARGV[3]) -- nil for ''
local most, most_of_tenant, ttl = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function count(name, difference)
  redis.call('HINCRBY', KEYS[2], 'total', difference)
  if redis.call('HINCRBY', KEYS[2], '/' .. name, difference) <= 0 then redis.call('HDEL', KEYS[2], '/' .. name) end
end
local gone = redis.call('ZRANGE', KEYS[1], '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, 100)
for _, other in ipairs(gone) do
  redis.call('ZREM', KEYS[1], other)
  -- one whose read has failed has no bytes: 0 - 0, since -0 is no integer to Redis
  count((other:gsub('%.[^.]+$', '')), 0 - (redis.call('HGET', KEYS[2], other) or 0))
  redis.call('HDEL', KEYS[2], other)
end

if not bytes then
  if redis.call('HEXISTS', KEYS[2], ref) == 0 then redis.call('ZREM', KEYS[1], ref) end
  return 0
end
if redis.call('ZSCORE', KEYS[3], ref) then return 0 end
if redis.call('ZSCORE', KEYS[4], tenant) then return -1 end
local sums = redis.call('HMGET', KEYS[2], 'total', '/' .. tenant, ref)
local total, own, before = tonumber(sums[1] or 0), tonumber(sums[2] or 0), tonumber(sums[3] or 0)
local more = math.max(0, bytes - before)
-- one that is still to be read needs some room
if total + math.max(more, 1) > most or own + math.max(more, 1) > most_of_tenant then return -2 end
redis.call('ZADD', KEYS[1], 'GT', string.format('%.0f', now + ttl), ref)
if more > 0 then
  redis.call('HSET', KEYS[2], ref, before + more)
  count(tenant, more)
end
-- nothing is left of it when all have left: what stays for less must not end it before them
for place = 1, 2 do
  if redis.call('PTTL', KEYS[place]) < 2 * ttl then redis.call('PEXPIRE', KEYS[place], 2 * ttl) end
end
return 1

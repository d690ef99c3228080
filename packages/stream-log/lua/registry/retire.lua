#!lua flags=allow-oom
-- retire: jobs of one tenant have ended: they count no more, and are listed until their records expire. Their slots go
-- to parked jobs. Runs even when Redis is full.
-- KEYS[1] open jobs  KEYS[2] queued jobs  KEYS[3] the tenant's open jobs
-- KEYS[4] expiring jobs  KEYS[5] expiring logs: sorted sets of references, by when record and log expire (ms)
-- KEYS[6] the tenant's stored bytes (as in admit)  KEYS[7] its running jobs  KEYS[8] its parked jobs
-- KEYS[9] its jobs  KEYS[10] its usage  KEYS[11] unsettled jobs  KEYS[12] tenants with usage (see shared/ledger)
-- KEYS[13] unarchived jobs: sorted set of references, by when they ended (ms)                       (same hash tag)
-- ARGV[1] record retention (ms)  ARGV[2] log retention (ms)  ARGV[3] retention of the lists (ms)
-- ARGV[4] '1': there is an archive, which they are to be written to
-- ARGV[5…] reference, bytes that it keeps ('' when that is not known), report of what it used (JSON): for each job
-- RETURNS references of parked jobs that now have a slot: they are to be queued
local record_ms, log_ms, lists_ms, archives = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.ceil(time[2] / 1000)
local freed, total = 0, 0

for i = 5, #ARGV, 3 do
  local ref, kept = ARGV[i], tonumber(ARGV[i + 1])
  for place = 1, 3 do redis.call('ZREM', KEYS[place], ref) end
  -- a job that is not listed was erased: nothing of it may come back
  if redis.call('ZSCORE', KEYS[9], ref) then
    -- the last report counts: a record must not outlive its entry in the lists
    redis.call('ZADD', KEYS[4], string.format('%.0f', now + record_ms), ref)
    if log_ms < record_ms then redis.call('ZADD', KEYS[5], string.format('%.0f', now + log_ms), ref) end
    if archives then redis.call('ZADD', KEYS[13], 'NX', string.format('%.0f', now), ref) end
  end
  local before = kept and redis.call('HGET', KEYS[6], ref)
  if before then
    redis.call('HSET', KEYS[6], ref, kept)
    total = total + kept - before
  end
  count_usage({ KEYS[10], KEYS[11], KEYS[12] }, ref, ARGV[i + 2], now)
  -- a running job is not parked
  if redis.call('SREM', KEYS[7], ref) == 1 then freed = freed + 1 else redis.call('ZREM', KEYS[8], ref) end
end

if total ~= 0 then redis.call('HINCRBY', KEYS[6], 'total', total) end
for place = 4, 5 do redis.call('PEXPIRE', KEYS[place], lists_ms) end
return freed == 0 and {} or unpark(KEYS[8], freed)

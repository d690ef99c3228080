#!lua flags=allow-oom
-- drop: undo an admission whose job was not opened.
-- KEYS[1…8] lists that hold the reference: open, queued, all jobs, the tenant's open jobs, its jobs, expiring jobs,
--           expiring logs, its parked jobs
-- KEYS[9] holders of ids  KEYS[10] the tenant's stored bytes (as in admit)
-- KEYS[11] its usage  KEYS[12] unsettled jobs (see shared/ledger)  KEYS[13] unarchived jobs         (same hash tag)
-- ARGV[1] reference
-- RETURNS 1
local ref = ARGV[1]
for place = 1, 8 do redis.call('ZREM', KEYS[place], ref) end
redis.call('ZREM', KEYS[9], holder_of(ref))
redis.call('ZREM', KEYS[13], ref)
forget_usage(KEYS[11], KEYS[12], ref)
local bytes = tonumber(redis.call('HGET', KEYS[10], ref) or 0)
redis.call('HDEL', KEYS[10], ref)
if bytes > 0 then redis.call('HINCRBY', KEYS[10], 'total', -bytes) end
if redis.call('HLEN', KEYS[10]) == 1 then redis.call('DEL', KEYS[10]) end -- only `total` is left
return 1

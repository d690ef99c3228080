-- park: keep a job that no slot was left for, unless one has become free since.
-- KEYS[1] the tenant's running jobs (set)  KEYS[2] its parked jobs (sorted set, by turn)
-- KEYS[3] its open jobs (sorted set, by turn)                                                      (same hash tag)
-- ARGV[1] reference  ARGV[2] most slots of the tenant, as pickup said
-- RETURNS 1 parked | 0 there is a slot: it is to be queued again | -1 it has ended
local turn = redis.call('ZSCORE', KEYS[3], ARGV[1])
if not turn then return -1 end
if redis.call('SCARD', KEYS[1]) < tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[2], turn, ARGV[1])
return 1

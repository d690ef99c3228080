#!lua flags=allow-oom
-- free: jobs of one tenant have given up their slots, which go to its parked jobs. Runs even when Redis is full.
-- KEYS[1] the tenant's running jobs (set)  KEYS[2] its parked jobs (sorted set, by fair turn)      (same hash tag)
-- ARGV[1…] references
-- RETURNS references of parked jobs that now have a slot: they are to be queued
local freed = redis.call('SREM', KEYS[1], unpack(ARGV))
return freed == 0 and {} or unpark(KEYS[2], freed)

#!lua flags=allow-oom
-- free: jobs of one tenant have let go of their slots, which go to jobs that are parked. It fits also when Redis is full.
-- KEYS[1] the tenant's running jobs (set)  KEYS[2] its parked jobs (sorted set, by turn)           (same hash tag)
-- ARGV[1…] references
-- RETURNS references of parked jobs that now have a slot: they are to be queued
local freed = redis.call('SREM', KEYS[1], unpack(ARGV))
if freed == 0 then return {} end
local next = redis.call('ZPOPMIN', KEYS[2], freed)
local refs = {}
for i = 1, #next, 2 do refs[#refs + 1] = next[i] end
return refs

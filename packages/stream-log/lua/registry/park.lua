-- park: keep a job that got no slot, unless a slot has become free since.
-- KEYS[1] the tenant's running jobs (set)  KEYS[2] its parked jobs (sorted set, by fair turn)
-- KEYS[3] its open jobs (sorted set, by fair turn)                                                 (same hash tag)
-- ARGV[1] reference  ARGV[2] max slots of the tenant, as pickup returned it
-- RETURNS 1 parked | 0 there is a slot: it is to be queued again | -1 it has ended
local ref, max_slots = ARGV[1], tonumber(ARGV[2])
local fair_turn = redis.call('ZSCORE', KEYS[3], ref)
if not fair_turn then return -1 end
if redis.call('SCARD', KEYS[1]) < max_slots then return 0 end
redis.call('ZADD', KEYS[2], fair_turn, ref)
return 1

#!lua flags=allow-oom
-- claim: let one node cancel a job that nobody watches, unless a reader has come back since it was found.
-- KEYS[1] abandoned jobs (sorted set of references, scored by the deadline in ms)
-- ARGV[1] reference  ARGV[2] now (ms)  ARGV[3] when it is overdue again (ms), if its node died
-- RETURNS 1 claimed | 0 not overdue, claimed by another node, or not in the set
local id, now, claimed_until = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local deadline = redis.call('ZSCORE', KEYS[1], id)
if not deadline or tonumber(deadline) > now then return 0 end
redis.call('ZADD', KEYS[1], 'XX', claimed_until, id)
return 1

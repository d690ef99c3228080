#!lua flags=allow-oom
-- claim: let one node cancel an abandoned job, unless a reader has come back since it was found.
-- KEYS[1] abandoned jobs (sorted set of references, by deadline in ms)
-- ARGV[1] reference  ARGV[2] now (ms)  ARGV[3] when it is overdue again (ms), should its node die
-- RETURNS 1 claimed | 0 not overdue, claimed by another node, or not in the set
local ref, now, claimed_until = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local deadline = redis.call('ZSCORE', KEYS[1], ref)
if not deadline or tonumber(deadline) > now then return 0 end
redis.call('ZADD', KEYS[1], 'XX', claimed_until, ref)
return 1

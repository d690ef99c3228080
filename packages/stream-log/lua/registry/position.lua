-- position: a queued job's place in the queue, as its tenant may know it.
-- KEYS[1] queued jobs  KEYS[2] the tenant's open jobs (sorted sets of references, by fair turn)    (same hash tag)
-- ARGV[1] reference
-- RETURNS from 1: the tenant's own queued jobs up to this one, and one for all others together if any goes before it
--       | false: it is not queued
local ref = ARGV[1]
local rank = redis.call('ZRANK', KEYS[1], ref)
if not rank then return false end
-- running jobs are among the open ones, too
local before, STEP = redis.call('ZRANK', KEYS[2], ref) or 0, 1000
local own = 0
for start = 0, before - 1, STEP do
  local refs = redis.call('ZRANGE', KEYS[2], start, math.min(start + STEP, before) - 1)
  for _, fair_turn in ipairs(redis.call('ZMSCORE', KEYS[1], unpack(refs))) do
    if fair_turn then own = own + 1 end
  end
end
return own + 1 + (rank > own and 1 or 0)

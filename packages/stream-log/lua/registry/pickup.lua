-- pickup: give a job one of its tenant's slots, unless the tenant has its share of them already.
-- KEYS[1] the tenant's running jobs (set)  KEYS[2] its parked jobs (sorted set, by fair turn)
-- KEYS[3] workers: hash of worker → `<slots> <last seen, ms>`
-- KEYS[4] slot policy: `none` | `share`: a fifth of the slots, at least one, is left to others | a number
-- KEYS[5] limits that were set for tenants: hash of tenant → JSON                                  (same hash tag)
-- ARGV[1] reference, '' to only ask  ARGV[2] max slots of a tenant by the caller's own setting, 0 for none
-- ARGV[3] a worker that was not seen for this long is gone (ms)  ARGV[4] tenant
-- ARGV[5] shards that a number of slots is shared out among
-- RETURNS {1, max} granted | {0, max} the tenant has `max`; to a caller who only asks {how many are free, max}
--         max: -1 there is no bound | -2 no policy is set
local ref, own = ARGV[1], tonumber(ARGV[2])
local policy = redis.call('GET', KEYS[4])
local set = cjson.decode(redis.call('HGET', KEYS[5], ARGV[4]) or '{}').activeJobs
if set == cjson.null then own, policy = 0, 'none' elseif set then own = set end
local max_slots = own > 0 and own or tonumber(policy)
if max_slots then max_slots = math.ceil(max_slots / ARGV[5]) end
if not max_slots and policy == 'share' then
  local time = redis.call('TIME')
  local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[3]
  local slots = 0
  for _, worker in ipairs(redis.call('HVALS', KEYS[3])) do
    local count, seen = worker:match('^(%d+) (%d+)$')
    if count and tonumber(seen) >= oldest then slots = slots + count end
  end
  -- the caller may be a worker that has not announced itself yet: there is one slot at least
  max_slots = math.max(1, slots - math.max(1, math.floor(slots / 5)))
end

local bound = max_slots or (policy and -1 or -2)
local running = redis.call('SCARD', KEYS[1])
if ref == '' then return { math.max(0, (max_slots or running) - running), bound } end
if max_slots and running >= max_slots and running - redis.call('SISMEMBER', KEYS[1], ref) >= max_slots then
  redis.call('SREM', KEYS[1], ref)
  return { 0, max_slots }
end
redis.call('SADD', KEYS[1], ref)
redis.call('ZREM', KEYS[2], ref)
return { 1, bound }

-- pickup: give a job one of its tenant's slots, unless the tenant has its share of them already.
-- KEYS[1] the tenant's running jobs (set)  KEYS[2] its parked jobs (sorted set, by turn)
-- KEYS[3] workers: hash of worker → `<slots> <last seen, ms>`
-- KEYS[4] how slots are shared out: `none` | `share`: a fifth of them, at least one, is left to others | a number
--                                                                                                  (same hash tag)
-- ARGV[1] reference, '' to ask only  ARGV[2] most slots of a tenant by the caller's own setting, 0 for none
-- ARGV[3] a worker that was not seen for this long is gone (ms)
-- RETURNS {1, most} taken | {0, most} the tenant has `most`; for one who asks {how many are free under a bound, most}
--         most: -1 there is no bound | -2 nobody has said
local ref, own = ARGV[1], tonumber(ARGV[2])
local policy = redis.call('GET', KEYS[4])
local most = own > 0 and own or tonumber(policy)
if not most and policy == 'share' then
  local time = redis.call('TIME')
  local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[3]
  local slots = 0
  for _, worker in ipairs(redis.call('HVALS', KEYS[3])) do
    local count, seen = worker:match('^(%d+) (%d+)$')
    if count and tonumber(seen) >= oldest then slots = slots + count end
  end
  -- a worker that has not announced itself yet runs this: it has one at least
  most = math.max(1, slots - math.max(1, math.floor(slots / 5)))
end

local bound = most or (policy and -1 or -2)
local running = redis.call('SCARD', KEYS[1])
if ref == '' then return { math.max(0, (most or running) - running), bound } end
if most and running >= most and running - redis.call('SISMEMBER', KEYS[1], ref) >= most then
  redis.call('SREM', KEYS[1], ref)
  return { 0, most }
end
redis.call('SADD', KEYS[1], ref)
redis.call('ZREM', KEYS[2], ref)
return { 1, bound }

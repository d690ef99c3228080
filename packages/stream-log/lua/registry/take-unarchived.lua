#!lua flags=allow-oom
-- take-unarchived: lease ended jobs to a worker that writes them to the archive, those that have waited longest first. Jobs
-- whose usage is still to be counted wait: it is learned from their records. Runs even when Redis is full.
-- KEYS[1] unarchived jobs (as in retire)  KEYS[2] jobs that are being written, by when their lease ends (ms)
-- KEYS[3] unsettled jobs (see shared/ledger)  KEYS[4] all jobs, by arrival (µs)
-- KEYS[5] erased jobs whose copies are still to go                                                 (same hash tag)
-- ARGV[1] how long they have ended, at least (ms)  ARGV[2] most jobs  ARGV[3] lease (ms)
-- RETURNS reference, arrival ('' when that is not known): for each job
local STEP, MOST_LOOKED_AT = 100, 5000
local min_age, most, lease_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local latest, until_ms = string.format('%.0f', now - min_age), string.format('%.0f', now + lease_ms)

local taken, looked_at = {}, 0
while #taken < 2 * most and looked_at < MOST_LOOKED_AT do
  local refs = redis.call('ZRANGE', KEYS[1], '-inf', latest, 'BYSCORE', 'LIMIT', looked_at, STEP)
  if #refs == 0 then break end
  local leases = redis.call('ZMSCORE', KEYS[2], unpack(refs))
  local unsettled = redis.call('ZMSCORE', KEYS[3], unpack(refs))
  local arrivals = redis.call('ZMSCORE', KEYS[4], unpack(refs))
  local erased = redis.call('ZMSCORE', KEYS[5], unpack(refs))
  for i, ref in ipairs(refs) do
    local is_leased = leases[i] and tonumber(leases[i]) > now
    if not is_leased and not unsettled[i] and not erased[i] and #taken < 2 * most then
      redis.call('ZADD', KEYS[2], until_ms, ref)
      taken[#taken + 1] = ref
      taken[#taken + 1] = arrivals[i] or ''
    end
  end
  looked_at = looked_at + #refs
end
return taken

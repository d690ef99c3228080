#!lua flags=allow-oom
-- purge: remove a tenant's jobs whose records have expired from the lists.
-- KEYS[1] expiring jobs (as in retire)  KEYS[2] all jobs  KEYS[3] the tenant's jobs  KEYS[4] holders of ids
-- KEYS[5] the tenant's stored bytes (as in admit)  KEYS[6] its usage  KEYS[7] unsettled jobs
-- KEYS[8] the latest arrival (µs) of the jobs that have left the lists for the archive              (same hash tag)
-- ARGV[1] now (ms)  ARGV[2] '1': there is an archive  ARGV[3…] references
-- RETURNS how many were removed
local now, archives = tonumber(ARGV[1]), ARGV[2] == '1'
local count, total, latest = 0, 0, 0
for i = 3, #ARGV do
  local ref = ARGV[i]
  local expires_at = tonumber(redis.call('ZSCORE', KEYS[1], ref) or math.huge)
  -- a new job may have taken the id since
  if expires_at <= now then
    latest = math.max(latest, tonumber(redis.call('ZSCORE', KEYS[2], ref) or 0))
    for place = 1, 3 do redis.call('ZREM', KEYS[place], ref) end
    redis.call('ZREM', KEYS[4], holder_of(ref))
    total = total + (redis.call('HGET', KEYS[5], ref) or 0)
    redis.call('HDEL', KEYS[5], ref)
    forget_usage(KEYS[6], KEYS[7], ref)
    count = count + 1
  end
end
if archives and latest > tonumber(redis.call('GET', KEYS[8]) or 0) then
  redis.call('SET', KEYS[8], string.format('%.0f', latest))
end
if total > 0 then redis.call('HINCRBY', KEYS[5], 'total', -total) end
if redis.call('HLEN', KEYS[5]) == 1 then redis.call('DEL', KEYS[5]) end -- only `total` is left
return count

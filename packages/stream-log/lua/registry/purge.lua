#!lua flags=allow-oom
-- purge: take a tenant's jobs whose records are gone out of the lists.
-- KEYS[1] leaving jobs (as in leave)  KEYS[2] all jobs  KEYS[3] the tenant's jobs  KEYS[4] holders of ids
-- KEYS[5] the tenant's stored bytes (as in admit)                                                  (same hash tag)
-- ARGV[1] now (ms)  ARGV[2…] references
-- RETURNS how many were taken out
local now = tonumber(ARGV[1])
local count, total = 0, 0
for i = 2, #ARGV do
  local ref = ARGV[i]
  local gone_at = tonumber(redis.call('ZSCORE', KEYS[1], ref) or math.huge)
  -- an id that has just come again is a new job's
  if gone_at <= now then
    for place = 1, 3 do redis.call('ZREM', KEYS[place], ref) end
    redis.call('ZREM', KEYS[4], (ref:gsub('^(.*)%.([^.]+)$', '%2/%1')))
    total = total + (redis.call('HGET', KEYS[5], ref) or 0)
    redis.call('HDEL', KEYS[5], ref)
    count = count + 1
  end
end
if total > 0 then redis.call('HINCRBY', KEYS[5], 'total', -total) end
if redis.call('HLEN', KEYS[5]) == 1 then redis.call('DEL', KEYS[5]) end -- none but `total` is left
return count

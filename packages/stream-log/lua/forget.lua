-- forget: take a tenant's jobs whose records are gone out of the lists.
-- KEYS[1] leaving jobs (as in leave)  KEYS[2] all jobs  KEYS[3] the tenant's jobs                  (same hash tag)
-- ARGV[1] tenant  ARGV[2] now (ms)  ARGV[3…] request ids
-- RETURNS how many were taken out
local tenant, now = ARGV[1], tonumber(ARGV[2])
local count = 0
for i = 3, #ARGV do
  local id = ARGV[i]
  local gone_at = tonumber(redis.call('ZSCORE', KEYS[1], id .. ':' .. tenant) or math.huge)
  -- an id that has just come again is a new job's
  if gone_at <= now then
    redis.call('ZREM', KEYS[1], id .. ':' .. tenant)
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
    count = count + 1
  end
end
return count

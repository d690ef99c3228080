#!lua flags=allow-oom
-- keep: store how many bytes something of a tenant other than a job has in Redis now. Runs even when Redis is full.
-- KEYS[1] the tenant's stored bytes (as in admit)
-- ARGV[1] how long it may be kept from now on (ms)  ARGV[2…] member, bytes pairs; 0: it is gone
-- RETURNS 1
local retention_ms = tonumber(ARGV[1])
local total = 0
for i = 2, #ARGV, 2 do
  local member, bytes = ARGV[i], tonumber(ARGV[i + 1])
  total = total + bytes - (redis.call('HGET', KEYS[1], member) or 0)
  if bytes == 0 then redis.call('HDEL', KEYS[1], member) else redis.call('HSET', KEYS[1], member, bytes) end
end
if total ~= 0 then redis.call('HINCRBY', KEYS[1], 'total', total) end
if redis.call('HLEN', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end -- only `total` is left
-- jobs renew it as well, for another time
if redis.call('PTTL', KEYS[1]) < retention_ms then redis.call('PEXPIRE', KEYS[1], retention_ms) end
return 1

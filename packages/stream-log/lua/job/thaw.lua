-- thaw: put a job from the archive back for a while, unless it is there, or was erased since it was read.
-- KEYS[1] record  KEYS[2] log  KEYS[3] what says that it was erased
-- KEYS[4] its events (see thaw-part); missing: it has none any more               (same {tenant.id} hash tag)
-- ARGV[1] how long the record lives (ms)  ARGV[2] how much longer the log (ms)
-- ARGV[3…] fields of the record: name, value pairs
-- RETURNS 1 it is in Redis, or was already | 0 it was erased
local ttl, log_ms = tonumber(ARGV[1]), tonumber(ARGV[2])

local is_erased = redis.call('EXISTS', KEYS[3]) == 1
if is_erased or redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('UNLINK', KEYS[4])
  return is_erased and 0 or 1
end
redis.call('DEL', KEYS[2])
if redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('RENAME', KEYS[4], KEYS[2])
  redis.call('PEXPIRE', KEYS[2], ttl + log_ms)
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ttl)
return 1

#!lua flags=allow-oom
-- weigh: put down what jobs of one tenant have in Redis now. A job that is not counted stays uncounted.
-- KEYS[1] the tenant's stored bytes (as in admit)
-- ARGV[1…] reference, bytes pairs
-- RETURNS 1
local total = 0
for i = 1, #ARGV, 2 do
  local before = redis.call('HGET', KEYS[1], ARGV[i])
  if before then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    total = total + ARGV[i + 1] - before
  end
end
if total ~= 0 then redis.call('HINCRBY', KEYS[1], 'total', total) end
return 1

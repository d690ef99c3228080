#!lua flags=allow-oom
-- weigh: put down what jobs of one tenant have in Redis now. A job that is not counted stays uncounted.
-- KEYS[1] the tenant's stored bytes (as in admit)  KEYS[2] its open jobs                           (same hash tag)
-- ARGV[1] '1': they were open when they were weighed, and one that has left since has its last weight already
-- ARGV[2…] reference, bytes pairs
-- RETURNS 1
local were_open = ARGV[1] == '1'
local total = 0
for i = 2, #ARGV, 2 do
  local before = redis.call('HGET', KEYS[1], ARGV[i])
  if before and (not were_open or redis.call('ZSCORE', KEYS[2], ARGV[i])) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    total = total + ARGV[i + 1] - before
  end
end
if total ~= 0 then redis.call('HINCRBY', KEYS[1], 'total', total) end
return 1

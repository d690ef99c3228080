#!lua flags=allow-oom
-- take-sweep: the turn to sweep all open jobs, or its renewal, unless another node has it. Runs even when Redis is full: a sweep frees.
-- KEYS[1] who has the turn (string)
-- ARGV[1] the node  ARGV[2] for how long (ms); 0: it gives the turn back
-- RETURNS 0 it has the turn, or has given it back | for how long another node has it (ms)
local node, lease_ms = ARGV[1], tonumber(ARGV[2])

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= node then return math.max(1, redis.call('PTTL', KEYS[1])) end
if lease_ms == 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], node, 'PX', lease_ms)
end
return 0

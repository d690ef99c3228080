#!lua flags=allow-oom
-- account: store how many bytes jobs of one tenant have in Redis now. A job that is not counted stays uncounted.
-- KEYS[1] the tenant's stored bytes (as in admit)  KEYS[2] its open jobs                           (same hash tag)
-- ARGV[1] '1': they were open when they were measured; one that has ended since keeps what retire stored
-- ARGV[2…] reference, bytes pairs
-- RETURNS 1
local were_open = ARGV[1] == '1'
local total = 0
for i = 2, #ARGV, 2 do
  local ref, bytes = ARGV[i], ARGV[i + 1]
  local before = redis.call('HGET', KEYS[1], ref)
  if before and (not were_open or redis.call('ZSCORE', KEYS[2], ref)) then
    redis.call('HSET', KEYS[1], ref, bytes)
    total = total + bytes - before
  end
end
if total ~= 0 then redis.call('HINCRBY', KEYS[1], 'total', total) end
return 1

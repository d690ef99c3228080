-- share: grant a node a part of the streams that a tenant may have open on all nodes.
-- KEYS[1] the tenant's shares: hash of node → `<open> <granted>`  KEYS[2] nodes: hash of node → last seen (ms)  (same hash tag)
-- ARGV[1] node  ARGV[2] streams that it has open  ARGV[3] how many more it wants  ARGV[4] max on all nodes, -1 for none
-- ARGV[5] a node that was not seen for this long is gone (ms)  ARGV[6] how long the shares outlive the last change (ms)
-- RETURNS how many streams the node may have open now: at least those that it has
local node, open, wanted, max = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[2], node, string.format('%.0f', now))

local others = 0
local shares = redis.call('HGETALL', KEYS[1])
for i = 1, #shares, 2 do
  if shares[i] ~= node then
    local seen = tonumber(redis.call('HGET', KEYS[2], shares[i]) or 0)
    if seen < now - ARGV[5] then
      redis.call('HDEL', KEYS[1], shares[i])
      redis.call('HDEL', KEYS[2], shares[i])
    else
      others = others + tonumber(shares[i + 1]:match('%d+$'))
    end
  end
end

local granted = open + wanted
if max >= 0 then
  -- a part of what is free comes on top, so that the next streams cost no round trip; near the limit it is nothing
  local free = max - others - granted
  granted = math.max(open, granted + math.min(free, math.max(0, math.floor(free / 16))))
end
if granted == 0 or (open == 0 and wanted == 0) then
  redis.call('HDEL', KEYS[1], node)
  return 0
end
redis.call('HSET', KEYS[1], node, string.format('%.0f %.0f', math.min(open + wanted, granted), granted))
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return granted

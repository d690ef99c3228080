-- put: store and delete items of a tenant's store, all or none, unless another attempt owns the thread.
-- KEYS[1] items: `<namespace>\0\0<key>` → created (16 digits, µs), updated (16 digits), JSON or sealed;
--         `bytes`: of all together; `format`: see format.lua
-- KEYS[2] index, all of score 0: `<namespace>\0\0<created>\0<key>`                        (same {store:…} hash tag)
-- KEYS[3] epoch of the store: a token that goes with its erasure                           (the same)
-- KEYS[4] the thread's record, which has another hash tag: on a cluster KEYS[1] again
-- ARGV[1] claim of the attempt; '' for none, and on a cluster  ARGV[2] epoch in which the claim was seen; '' without a cluster
-- ARGV[3] max bytes  ARGV[4…] namespace (labels divided by NUL), key, item triples; item '' to delete
-- RETURNS bytes of all items now | -1 fenced: another attempt has claimed the thread, or it is gone
--       | -2 the epoch is over: look at the claim again | -3 over the limit of bytes: nothing is stored
local claim, epoch, max_bytes = ARGV[1], ARGV[2], tonumber(ARGV[3])
if claim ~= '' and redis.call('HGET', KEYS[4], 'claim') ~= claim then return -1 end
if epoch ~= '' and redis.call('GET', KEYS[3]) ~= epoch then return -2 end
local time = redis.call('TIME')
local now = string.format('%010d%06d', time[1], time[2])

local bytes, given = tonumber(redis.call('HGET', KEYS[1], 'bytes') or 0), 0
for i = 4, #ARGV, 3 do
  local size = #ARGV[i + 2]
  if size > 0 then given = given + size - redis.call('HSTRLEN', KEYS[1], ARGV[i] .. '\0\0' .. ARGV[i + 1]) end
end
if given > 0 and bytes + given > max_bytes then return -3 end

for i = 4, #ARGV, 3 do
  local namespace, key, content = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local field = namespace .. '\0\0' .. key
  local before = redis.call('HGET', KEYS[1], field)
  local created = before and before:sub(1, 16) or now
  local member = namespace .. '\0\0' .. created .. '\0' .. key
  if content ~= '' then
    local item = created .. now .. content
    redis.call('HSET', KEYS[1], field, item)
    redis.call('ZADD', KEYS[2], 0, member)
    bytes = bytes + #item - (before and #before or -(#field + #member))
  elseif before then
    redis.call('HDEL', KEYS[1], field)
    redis.call('ZREM', KEYS[2], member)
    bytes = bytes - #before - #field - #member
  end
end
if bytes > 0 then
  redis.call('HSET', KEYS[1], 'bytes', bytes, 'format', 1)
else
  redis.call('HDEL', KEYS[1], 'bytes', 'format')
end
return bytes

-- pin: keep a checkpoint of the root graph from being pruned for a time, while a fork copies it.
-- KEYS[1] the thread's record  KEYS[2] checkpoints  KEYS[3] their index                    (same {thread:…} hash tag)
-- ARGV[1] id; '' for the head  ARGV[2] for how long (ms)
-- RETURNS id | nil: no such checkpoint
local kept = { record = KEYS[1], data = KEYS[2], index = KEYS[3], bytes = 0 }
local id = ARGV[1] ~= '' and ARGV[1] or head_of(kept, '')
if not id or redis.call('HEXISTS', KEYS[2], name_of('c', '', id)) == 0 then return nil end
local now = redis.call('TIME')[1] * 1000
redis.call('HSET', KEYS[2], name_of('x', id), string.format('%d', now + ARGV[2]))
return id

#!lua flags=allow-oom
-- erase: forget every checkpoint of a thread.
-- KEYS[1] the thread's record  KEYS[2] checkpoints  KEYS[3] their index                    (same {thread:…} hash tag)
-- RETURNS 1
local counted = redis.call('HMGET', KEYS[2], 'b', 'e')
local bytes = (counted[1] or 0) + (counted[2] or 0)
redis.call('UNLINK', KEYS[2], KEYS[3])
redis.call('HDEL', KEYS[1], 'head')
-- a thread that only its checkpoints have recorded is gone now
if bytes ~= 0 and redis.call('HINCRBY', KEYS[1], 'bytes', -bytes) == 0 then redis.call('HDEL', KEYS[1], 'bytes') end
return 1

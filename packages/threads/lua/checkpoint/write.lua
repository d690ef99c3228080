-- write: store what a task has written at a checkpoint, unless another attempt owns the thread.
-- KEYS[1] the thread's record  KEYS[2] checkpoints  KEYS[3] their index                    (same {thread:…} hash tag)
-- ARGV[1] claim of the attempt; '' for none  ARGV[2] time to live (ms)  ARGV[3] max bytes of all checkpoints
-- ARGV[4…] what the task has written: see writes.lua
-- RETURNS 1 | -1 fenced: another attempt has claimed the thread | -3 over the limit of bytes
local claim, ttl, max_bytes = ARGV[1], ARGV[2], tonumber(ARGV[3])
local kept = { record = KEYS[1], data = KEYS[2], index = KEYS[3], bytes = 0 }

if claim ~= '' and redis.call('HGET', KEYS[1], 'claim') ~= claim then return -1 end
local tasks, given_bytes = given_writes(4, 1)
if tonumber(redis.call('HGET', KEYS[2], 'b') or 0) + given_bytes > max_bytes then return -3 end

store_writes(kept, claim, tasks[1])
count_bytes(kept)
keep_alive(kept, ttl)
return 1

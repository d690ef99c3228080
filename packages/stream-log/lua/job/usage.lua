#!lua flags=allow-oom
-- usage: keep what an attempt used that can neither close nor release its job any more: it was cancelled or superseded.
-- KEYS[1] record
-- ARGV[1] attempt  ARGV[2] what it used (JSON)
-- RETURNS 1 kept | 0 no such job
local kept = redis.call('HMGET', KEYS[1], 'status', 'attemptUsage')
if not kept[1] then return 0 end
keep_usage(KEYS[1], kept[2], ARGV[1], ARGV[2])
return 1

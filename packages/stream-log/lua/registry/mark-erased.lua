#!lua flags=allow-oom
-- mark-erased: a job or a tenant is about to be erased, and its copies in the archive after it. Runs even when Redis is full:
-- what is erased makes room.
-- KEYS[1] what was erased, by a time (ms)
-- ARGV[1] reference of the job, or the tenant  ARGV[2] how long from now that time is (ms)
-- RETURNS that time
local time = redis.call('TIME')
local at = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2])
redis.call('ZADD', KEYS[1], at, ARGV[1])
return at

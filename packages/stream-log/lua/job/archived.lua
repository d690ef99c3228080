#!lua flags=allow-oom
-- archived: the archive has a copy of an ended job: record and log leave Redis a shorter time after the end. Runs even
-- when Redis is full: it frees.
-- KEYS[1] record  KEYS[2] log                                                     (same {tenant.id} hash tag)
-- ARGV[1] when the copied job was created (ms): another job may have the id by now
-- ARGV[2] how long the record outlives the end (ms)  ARGV[3] how much longer than the record the log stays (ms)
-- RETURNS when the record expires (ms) | 0 there is no such job any more
local created_at, retention_ms, log_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local job = redis.call('HMGET', KEYS[1], 'createdAt', 'finishedAt')
if job[1] ~= created_at or not job[2] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = math.max(1, job[2] + retention_ms - now)
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', left))
redis.call('PEXPIRE', KEYS[2], string.format('%.0f', left + log_ms))
return string.format('%.0f', now + left)

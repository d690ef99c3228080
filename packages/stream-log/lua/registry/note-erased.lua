#!lua flags=allow-oom
-- note-erased: the archive has no copy of an erased job any more. Runs even when Redis is full.
-- KEYS[1] erased jobs whose copies are still to go  KEYS[2] jobs that are being written            (same hash tag)
-- ARGV[1] reference  ARGV[2] '1': the caller is who was to write it
-- RETURNS 1 noted | 0 a worker may still write it, and erases its copy then
local ref, is_writer = ARGV[1], ARGV[2] == '1'
local time = redis.call('TIME')
local lease = tonumber(redis.call('ZSCORE', KEYS[2], ref) or 0)
if not is_writer and lease > time[1] * 1000 then return 0 end
redis.call('ZREM', KEYS[1], ref)
redis.call('ZREM', KEYS[2], ref)
return 1

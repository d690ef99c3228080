-- describe: replace the metadata of a thread, unless it has changed since it was read.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] retention (ms)  ARGV[2] the metadata that was read  ARGV[3] the metadata from now on
-- RETURNS 1 | 0 the thread has other metadata, or is gone
local retention, known, metadata = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HGET', RECORD, 'metadata') ~= known then return 0 end
redis.call('HSET', RECORD, 'metadata', metadata)
redis.call('HINCRBY', RECORD, 'bytes', #metadata - #known)
touch(now_ms(), retention)
return 1

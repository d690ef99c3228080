#!lua flags=allow-oom
-- erase: delete a thread that has no job, with all that belongs to it. Runs even when Redis is full.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] publish command
-- RETURNS 1 it is gone | 0 a job has the turn, waits or is expected
if redis.call('HEXISTS', RECORD, 'active') + redis.call('EXISTS', WAITING, EXPECTED) > 0 then return 0 end
redis.call('UNLINK', unpack(KEYS))
redis.call(ARGV[1], CHANNEL, 'erased')
return 1

#!lua flags=allow-oom
-- note-archived: a worker is done with a job: it need not be written any more, and is listed until its record expires.
-- Runs even when Redis is full.
-- KEYS[1] unarchived jobs (as in retire)  KEYS[2] jobs that are being written
-- KEYS[3] erased jobs whose copies are still to go  KEYS[4] expiring jobs (as in retire)
-- KEYS[5] jobs of its thread, or of its tenant  KEYS[6] all jobs                                   (same hash tag)
-- ARGV[1] reference  ARGV[2] when its record expires (ms); '': as it is listed
-- RETURNS 1 noted | 0 it was erased meanwhile: its copy is to be erased
local ref, expires_at = ARGV[1], ARGV[2]
if redis.call('ZSCORE', KEYS[3], ref) then return 0 end
redis.call('ZREM', KEYS[1], ref)
redis.call('ZREM', KEYS[2], ref)
if expires_at ~= '' then redis.call('ZADD', KEYS[4], 'XX', expires_at, ref) end
-- jobs of the thread that have left the other lists: some with each that follows them, so that the list does not grow
for _, other in ipairs(redis.call('ZRANGE', KEYS[5], 0, 9)) do
  if not redis.call('ZSCORE', KEYS[6], other) then redis.call('ZREM', KEYS[5], other) end
end
return 1

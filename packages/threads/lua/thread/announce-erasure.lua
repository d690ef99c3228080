#!lua flags=allow-oom
-- announce-erasure: say that a thread is about to be erased, job by job, so that nobody who follows it takes a job that is gone for
-- one that was lost. Runs even when Redis is full.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- RETURNS 1 | 0 there is no such thread
if redis.call('EXISTS', RECORD) == 0 then return 0 end
redis.call('HSET', RECORD, 'erasing', now_ms())
return 1

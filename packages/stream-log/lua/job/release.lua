#!lua flags=allow-oom
-- release: give a job back to the queue, so that its next attempt says why; also when Redis is full.
-- KEYS[1] record  KEYS[2] log                                                     (same {tenant.id} hash tag)
-- ARGV[1] attempt that lets go  ARGV[2] its runner  ARGV[3] reason for the next attempt's `reset`
-- ARGV[4] time to live of an unfinished job (ms)
-- RETURNS 1 released | -1 fenced by a newer attempt | -2 the job has ended | -3 no such job
local attempt, runner, reason, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local job = redis.call('HMGET', KEYS[1], 'status', 'attempt', 'runner')
if not job[1] then return -3 end
if job[1] ~= 'queued' and job[1] ~= 'active' then return -2 end
if tonumber(job[2]) > tonumber(attempt) then return -1 end
if tonumber(job[2]) == tonumber(attempt) and job[3] ~= runner then return -1 end
if tonumber(job[2]) < tonumber(attempt) then
  -- Redis lost the attempt itself (a fail-over): its number is spent, and readers hold text of it
  redis.call('HSET', KEYS[1], 'attempt', attempt, 'seq', 0, 'said', 1)
end
if reason == 'log-lost' then redis.call('HSET', KEYS[1], 'said', 1) end
redis.call('HSET', KEYS[1], 'status', 'queued', 'released', reason)
redis.call('PEXPIRE', KEYS[1], ttl)
-- together: a record that outlives the log of an unfinished job would be closed with a hole before its end
redis.call('PEXPIRE', KEYS[2], ttl)
return 1

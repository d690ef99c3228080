#!lua flags=allow-oom
-- release: give a job back to the queue, with the reason for the next attempt's `reset`. Runs even when Redis is full.
-- KEYS[1] record  KEYS[2] log                                                     (same {tenant.id} hash tag)
-- ARGV[1] attempt that releases  ARGV[2] its lease token
-- ARGV[3] reason; 'worker-lost' counts as a loss of its worker
-- ARGV[4] what the attempt used (JSON), '' when that is not known  ARGV[5] time to live of an unfinished job (ms)
-- RETURNS 1 released | -1 fenced by a newer attempt | -2 the job has ended | -3 no such job
--         whatever it returns, what the attempt used is kept, unless the job is gone
local attempt, lease_token, reason, usage, ttl = unpack(ARGV)

local job = redis.call('HMGET', KEYS[1], 'status', 'attempt', 'leaseToken', 'attemptUsage')
local status, current = job[1], tonumber(job[2])
if not status then return -3 end
keep_usage(KEYS[1], job[4], attempt, usage)
if status ~= 'queued' and status ~= 'active' then return -2 end
if current > tonumber(attempt) then return -1 end
if current == tonumber(attempt) and job[3] ~= lease_token then return -1 end
if current < tonumber(attempt) then
  -- Redis lost the attempt itself (a fail-over): its number is spent, and readers hold text of it
  redis.call('HSET', KEYS[1], 'attempt', attempt, 'seq', 0, 'hasOutput', 1)
end
-- the same command, sent again, finds the job queued
if reason == 'worker-lost' and status == 'active' then redis.call('HINCRBY', KEYS[1], 'losses', 1) end
if reason == 'log-lost' then redis.call('HSET', KEYS[1], 'hasOutput', 1) end
redis.call('HSET', KEYS[1], 'status', 'queued', 'released', reason)
redis.call('PEXPIRE', KEYS[1], ttl)
-- together: a record that outlives the log of an unfinished job would be closed with a hole before its end
redis.call('PEXPIRE', KEYS[2], ttl)
return 1

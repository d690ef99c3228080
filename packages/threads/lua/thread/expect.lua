-- expect: announce a job that enters later, so that it goes with the thread when that is erased. Makes the thread.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] retention (ms)  ARGV[2] job
-- RETURNS 1 | 0 a fork is making the thread
local retention, job = ARGV[1], ARGV[2]
local thread = fields('createdAt', 'active')
if thread.active == job or redis.call('ZSCORE', JOBS, job) or redis.call('LPOS', WAITING, job) then return 1 end
if not thread.createdAt and redis.call('EXISTS', FORK) == 1 then return 0 end

local now = now_ms()
if not thread.createdAt then
  clear()
  create_record(now, '{}')
end
redis.call('SADD', EXPECTED, job)
touch(now, retention)
return 1

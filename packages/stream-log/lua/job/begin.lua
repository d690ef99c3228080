-- begin: make the caller the job's runner, in a new attempt that fences the one before it.
-- KEYS[1] record  KEYS[2] log  KEYS[3] channel                                   (same {tenant.id} hash tag)
-- ARGV[1] publish command  ARGV[2] time to live of an unfinished job (ms)
-- ARGV[3] runner, unique per pick-up: asked again, it gets the attempt it has  ARGV[4] most attempts
-- RETURNS {1, attempt, seq, request, createdAt, startedAt, now (ms)}
--       | {-1} no such job | {-2} ended
--       | {-3} it had said something and asked to fail then | {-4} too many attempts
local publish, ttl, runner, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local names = { 'status', 'attempt', 'seq', 'runner', 'said', 'released', 'onCrash', 'model', 'request',
  'createdAt', 'startedAt', 'events', 'bytes' }
local values, job = redis.call('HMGET', KEYS[1], unpack(names)), {}
for i, name in ipairs(names) do job[name] = values[i] end

if not job.status then return { -1 } end
if job.status ~= 'queued' and job.status ~= 'active' then return { -2 } end

local time = redis.call('TIME')
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
if job.runner == runner and job.status == 'active' then
  return { 1, tonumber(job.attempt), tonumber(job.seq), job.request, job.createdAt, job.startedAt, now }
end
if job.said and job.onCrash == 'fail' then return { -3 } end
if tonumber(job.attempt) >= most then return { -4 } end

local attempt, seq, bytes = job.attempt + 1, 0, tonumber(job.bytes)
local payload = { job.attempt .. '-' .. job.seq .. ' ' .. runner }
local function say(event, data)
  seq = seq + 1
  bytes = bytes + #data
  redis.call('XADD', KEYS[2], attempt .. '-' .. seq, event, data)
  payload[#payload + 1] = attempt .. '-' .. seq .. ' ' .. event .. ' ' .. data
end
-- a reader may hold text of a log that is gone, also of an attempt before the last
local lost = attempt > 1 and redis.call('EXISTS', KEYS[2]) == 0 and 'log-lost'
if job.said or lost then
  say('reset', string.format('{"attempt":%d,"reason":"%s"}', attempt, lost or job.released or 'worker-lost'))
end
say('started', string.format('{"attempt":%d,"model":%s}', attempt, cjson.encode(job.model)))

redis.call('HDEL', KEYS[1], 'said', 'released', 'firstTokenAt')
redis.call('HSET', KEYS[1], 'status', 'active', 'attempt', attempt, 'seq', seq, 'runner', runner,
  'startedAt', job.startedAt or now, 'events', job.events + seq, 'bytes', bytes)
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('PEXPIRE', KEYS[2], ttl)
redis.call(publish, KEYS[3], table.concat(payload, '\n'))
return { 1, attempt, seq, job.request, job.createdAt, job.startedAt or now, now }

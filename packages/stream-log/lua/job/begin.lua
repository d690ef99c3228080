-- begin: start the job's next attempt, which fences the one before it.
-- KEYS[1] record  KEYS[2] log  KEYS[3] channel                                   (same {tenant.id} hash tag)
-- ARGV[1] publish command  ARGV[2] time to live of an unfinished job (ms)
-- ARGV[3] lease token, unique per pick-up: sent again, it gets the attempt that it has
-- ARGV[4] losses of its worker after which it ends  ARGV[5] losses after which it runs in a process of its own
-- ARGV[6] '1' if the job is known to be the active one of its thread  ARGV[7] '1' if the caller runs nothing else
-- RETURNS {'begun', name, value …}: attempt, seq (of the last event stored here), request (JSON),
--         traceparent ('' for none), createdAt, startedAt, now (ms), reason (of an attempt after the first: 'log-lost',
--         'worker-lost', or the one that it was released for; '' for a first one)
--       | {'missing'} no such job | {'ended'} | {'in-thread', 'request', (JSON)} it has a thread, which is asked first
--       | {'has-output'} it had output and asked to fail then | {'too-many-attempts'}
--       | {'alone'} it may run in a process of its own only
local publish, ttl, lease_token = ARGV[1], ARGV[2], ARGV[3]
local max_losses, alone_after, is_next, is_alone = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7]

local names = { 'status', 'attempt', 'seq', 'leaseToken', 'hasOutput', 'released', 'onCrash', 'model', 'request',
  'traceparent', 'createdAt', 'startedAt', 'events', 'bytes', 'threadId', 'losses' }
local values, job = redis.call('HMGET', KEYS[1], unpack(names)), {}
for i, name in ipairs(names) do job[name] = values[i] end

local time = redis.call('TIME')
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
local function begun(attempt, seq, reason)
  return { 'begun', 'attempt', attempt, 'seq', seq, 'request', job.request, 'traceparent', job.traceparent or '',
    'createdAt', job.createdAt, 'startedAt', job.startedAt or now, 'now', now, 'reason', reason }
end

if not job.status then return { 'missing' } end
if job.status ~= 'queued' and job.status ~= 'active' then return { 'ended' } end
if job.leaseToken == lease_token and job.status == 'active' then return begun(job.attempt, job.seq, '') end
-- nobody has released it: whoever ran it is gone, or is taken for gone
local losses = (job.losses or 0) + (job.status == 'active' and 1 or 0)
if losses >= alone_after and losses < max_losses and is_alone ~= '1' then return { 'alone' } end
if job.threadId and is_next ~= '1' then return { 'in-thread', 'request', job.request } end
if job.hasOutput and job.onCrash == 'fail' then return { 'has-output' } end
if losses >= max_losses then return { 'too-many-attempts' } end

local attempt, seq, bytes = job.attempt + 1, 0, tonumber(job.bytes)
local payload = { job.attempt .. '-' .. job.seq .. ' ' .. lease_token .. ' ' .. string.format('%d%06d', time[1], time[2]) }
local function add_event(event, data)
  seq = seq + 1
  bytes = bytes + #data
  redis.call('XADD', KEYS[2], attempt .. '-' .. seq, event, data)
  payload[#payload + 1] = attempt .. '-' .. seq .. ' ' .. event .. ' ' .. data
end
-- a reader may hold text of a log that is gone, even of an attempt before the last
local lost = attempt > 1 and redis.call('EXISTS', KEYS[2]) == 0 and 'log-lost'
local reason = attempt > 1 and (lost or job.released or 'worker-lost') or ''
if job.hasOutput or lost then
  add_event('reset', string.format('{"attempt":%d,"reason":"%s"}', attempt, reason))
end
add_event('started', string.format('{"attempt":%d,"model":%s}', attempt, cjson.encode(job.model)))

redis.call('HDEL', KEYS[1], 'hasOutput', 'released', 'firstTokenAt')
redis.call('HSET', KEYS[1], 'status', 'active', 'attempt', attempt, 'seq', seq, 'leaseToken', lease_token,
  'startedAt', job.startedAt or now, 'events', job.events + seq, 'bytes', bytes, 'losses', losses)
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('PEXPIRE', KEYS[2], ttl)
redis.call(publish, KEYS[3], table.concat(payload, '\n'))
return begun(attempt, seq, reason)

#!lua flags=allow-oom
-- close: store the job's one terminal event and its final status, and delete its request. Nothing can be appended
-- afterwards. Runs even when Redis is full: an end frees more than it takes.
-- KEYS[1] record  KEYS[2] log  KEYS[3] channel                           (same {tenant.id} hash tag)
-- ARGV[1] publish command  ARGV[2] record retention (ms)  ARGV[3] log retention (ms)
-- ARGV[4] final status  ARGV[5] type of the event  ARGV[6] its data (JSON)
-- ARGV[7] attempt that closes, '' for a caller without a lease  ARGV[8] its lease token
-- ARGV[9] last seq acknowledged to it
-- ARGV[10] what the attempt used (JSON), '' when that is not known
-- ARGV[11] control channel, where the worker of a caller without a lease hears of it  ARGV[12] the job's reference
-- ARGV[13…] further fields of the record: name, value pairs, which count as bytes that it keeps
-- RETURNS {outcome, name, value …}: 'closed' | 'closed-already' in the same way | 'ended' in another way
--         | 'fenced' a newer attempt, or the queue, owns the job | 'lost' Redis has lost the record, the log, or events
--         that it had acknowledged | 'missing' no such job, for a caller without a lease
--         values for the first two: keptBytes, attempt, seq (of the terminal event), startedAt, firstTokenAt ('' for
--         never), finishedAt (ms), pipeline, threadId ('' for none)
local publish, record_ms, log_ms, final, event, data = unpack(ARGV, 1, 6)
local attempt, lease_token, acknowledged, usage = ARGV[7], ARGV[8], tonumber(ARGV[9]), ARGV[10]
local control, ref, by_attempt = ARGV[11], ARGV[12], attempt ~= ''

local names = { 'status', 'attempt', 'seq', 'events', 'leaseToken', 'bytes', 'keptBytes', 'startedAt', 'firstTokenAt',
  'finishedAt', 'attemptUsage', 'pipeline', 'threadId' }
local values, job = redis.call('HMGET', KEYS[1], unpack(names)), {}
for i, name in ipairs(names) do job[name] = values[i] end
local function closed(outcome)
  return { outcome, 'keptBytes', job.bytes + (job.keptBytes or 0), 'attempt', job.attempt, 'seq', job.seq,
    'startedAt', job.startedAt or '', 'firstTokenAt', job.firstTokenAt or '', 'finishedAt', job.finishedAt,
    'pipeline', job.pipeline, 'threadId', job.threadId or '' }
end

local seq = tonumber(job.seq)
if not job.status then return { by_attempt and 'lost' or 'missing' } end
if by_attempt and job.attempt ~= attempt then
  return { tonumber(job.attempt) > tonumber(attempt) and 'fenced' or 'lost' }
end
if by_attempt and job.leaseToken ~= lease_token then return { 'fenced' } end
if job.status ~= 'queued' and job.status ~= 'active' then
  local same = job.status == final and (not by_attempt or seq == acknowledged + 1)
  return same and closed('closed-already') or { 'ended' }
end
if by_attempt and job.status ~= 'active' then return { 'fenced' } end
if by_attempt and (seq ~= acknowledged or redis.call('EXISTS', KEYS[2]) == 0) then return { 'lost' } end

local time = redis.call('TIME')
local before, last = job.attempt .. '-' .. seq, job.attempt .. '-' .. (seq + 1)
job.seq, job.bytes = seq + 1, job.bytes + #data
job.finishedAt = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
local fields = { 'status', final, 'seq', job.seq, 'events', job.events + 1, 'bytes', job.bytes,
  'finishedAt', job.finishedAt }
job.keptBytes = tonumber(job.keptBytes or 0)
for i = 13, #ARGV do fields[#fields + 1], job.keptBytes = ARGV[i], job.keptBytes + #ARGV[i] end

redis.call('HDEL', KEYS[1], 'request')
redis.call('XADD', KEYS[2], last, event, data)
redis.call('HSET', KEYS[1], 'keptBytes', job.keptBytes, unpack(fields))
keep_usage(KEYS[1], job.attemptUsage, attempt, usage)
redis.call('PEXPIRE', KEYS[1], record_ms)
redis.call('PEXPIRE', KEYS[2], log_ms)
local head = before .. ' ' .. (job.leaseToken or '-') .. ' ' .. string.format('%d%06d', time[1], time[2])
redis.call(publish, KEYS[3], head .. '\n' .. last .. ' ' .. event .. ' ' .. data)
if not by_attempt then redis.call('PUBLISH', control, ref) end
return closed('closed')
